"""Bulk loads: frames through declared columns, exactly once, in bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.gate import catalogue
from privet.gate.parts import Caller, Parts
from privet.gate.write import Incoming, write
from privet.ingest.columns import factorize, typed
from privet.ingest.keys import key_values, row_keys
from privet.ingest.rows import EARLIEST, SKEW_US
from privet.types import check_subject, check_type

if TYPE_CHECKING:
    import pandas as pd

BATCH = 100_000
SUBJECT = "subject"
AT = "at"
Progress = Callable[[int], None]


@dataclass(frozen=True, repr=False)
class LoadReport:
    """What became of a load: ``rows = sealed + repeated + len(refused)``.

    Attributes:
        rows: rows in the frame.
        sealed: rows newly sealed.
        repeated: rows that were there already.
        refused: one line for each refused row: its number in the frame and a reason
            code. No value is repeated here; the row itself stays with the caller.
    """

    rows: int
    sealed: int
    repeated: int
    refused: pd.DataFrame

    def __repr__(self) -> str:
        return (
            f"LoadReport(rows={self.rows}, sealed={self.sealed}, repeated={self.repeated}, "
            f"refused={len(self.refused)})"
        )

    def reasons(self) -> dict[str, int]:
        """How many rows were refused for each reason."""
        return {str(k): int(v) for k, v in self.refused["reason"].value_counts().items()}


def load(
    parts: Parts,
    caller: Caller,
    purpose: str,
    event: str,
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    progress: Progress | None = None,
) -> LoadReport:
    """Seal the rows of a frame; columns that are not mapped are never looked at.

    Every event carries the app's own key, sealed with it: a load that was interrupted
    and is started again stores what is missing and nothing twice.

    Args:
        parts: the open deployment.
        caller: who collects.
        purpose: what for.
        event: a declared event, or ``"profile"``.
        frame: one row each; ``at`` must be a column of aware times.
        columns: the frame's column to ``"subject"``, ``"at"`` or a field of the event.
        progress: called after each batch with the number of its rows.

    Raises:
        InvalidInput: a column is missing, mapped twice or to something undeclared, or
            times are naive. Nothing was stored.
        AccessDenied: no permit to collect these fields.
    """
    fields = _checked(parts, event, frame, columns)
    if progress is not None and not callable(progress):
        raise InvalidInput(
            "progress cannot be called", remedy="Give a function.", reason="argument.type"
        )
    sealed = repeated = 0
    refused: list[tuple[np.ndarray, list[str]]] = []
    for start in range(0, len(frame), BATCH):
        part = frame.iloc[start : start + BATCH]
        batch = _batch(parts, event, part, columns, fields)
        written = write(parts, caller, purpose, batch.incoming)
        sealed += written.sealed
        repeated += written.repeated
        refused.append((batch.bad + start, batch.reasons))
        refused.append((batch.kept[written.refused] + start, written.reasons))
        if progress:
            progress(len(part))
    return LoadReport(len(frame), sealed, repeated, _report(refused))


@dataclass(frozen=True, repr=False)
class _Batch:
    incoming: Incoming
    kept: np.ndarray
    bad: np.ndarray
    reasons: list[str]


def _checked(
    parts: Parts, event: str, frame: pd.DataFrame, columns: Mapping[str, str]
) -> dict[str, str]:
    """Field to frame column; refuses a mapping that does not fit before anything is read."""
    if not hasattr(frame, "iloc"):
        raise InvalidInput(
            "what is to be loaded is no frame", remedy="Give a DataFrame.", reason="load.columns"
        )
    check_type(event, str, "an event", "Name an event of the data document.")
    check_type(columns, Mapping, "columns", "Map the frame's columns to fields.")
    for target in columns.values():
        check_type(target, str, "a field", "Map the frame's columns to fields.")
    fields = {target: column for column, target in columns.items()}
    declared = _declared(parts, event)
    required = {SUBJECT} if event == "profile" else {SUBJECT, AT}
    if event != "profile":
        required |= {n for n in declared if not parts.policy.fields[f"{event}.{n}"].optional}
    problem = ""
    if len(fields) != len(columns):
        problem = "two columns are mapped to one field"
    elif set(fields) - set(declared) - {SUBJECT, AT}:
        problem = "a column is mapped to a field that is not declared"
    elif required - set(fields):
        problem = f"no column is mapped to {', '.join(sorted(required - set(fields)))}"
    elif set(columns) - set(frame.columns):
        problem = "a mapped column is not in the frame"
    elif frame.columns[frame.columns.duplicated()].isin(list(columns)).any():
        problem = "a mapped column is in the frame twice"
    if problem:
        raise InvalidInput(
            "this mapping of columns does not fit",
            why=problem,
            remedy=f"Map columns to subject, at and: {', '.join(declared)}.",
            reason="load.columns",
        )
    return fields


def _declared(parts: Parts, event: str) -> tuple[str, ...]:
    if event == "profile":
        return tuple(n.partition(".")[2] for n in parts.policy.fields if n.startswith("profile."))
    if event not in parts.policy.events:
        raise InvalidInput(
            "this event is not declared",
            remedy=f"Declared are: {', '.join(sorted(parts.policy.events)) or 'none'}.",
            reason="event.unknown",
        )
    return parts.policy.events[event].fields


def _batch(
    parts: Parts,
    event: str,
    part: pd.DataFrame,
    columns: Mapping[str, str],
    fields: Mapping[str, str],
) -> _Batch:
    known = catalogue.items(parts)
    names = [n for n in _declared(parts, event) if n in fields]
    specs = parts.policy.fields
    taken = {n: typed(specs[f"{event}.{n}"], part[fields[n]], known.codes) for n in names}
    who, ids, bad_id = _subjects(part[fields[SUBJECT]])
    at, bad_at = _instants(parts, part[fields[AT]] if AT in fields else None, len(part))
    reasons = np.full(len(part), None, dtype=object)
    for name, column in taken.items():
        spec = specs[f"{event}.{name}"]
        if event != "profile" and not spec.optional:
            _note(reasons, column.missing, f"{event}.{name}:missing")
        _note(reasons, column.bad, f"{event}.{name}:type")
    _note(reasons, bad_at, "at:range")
    _note(reasons, bad_id, "subject:form")
    good = reasons == None  # noqa: E711 - elementwise
    unique = parts.policy.events[event].unique if event != "profile" else ()
    told = [key_values(specs[f"{event}.{n}"], taken[n], good, known.ids) for n in unique]
    keys = row_keys(told) if unique else None
    incoming = Incoming(
        event=event,
        ids=ids,
        who=who[good],
        at=at[good],
        columns={n: c.values[good] for n, c in taken.items()},
        extra={n: c.extra for n, c in taken.items() if c.extra},
        keys=keys,
    )
    bad = np.flatnonzero(~good)
    return _Batch(incoming, np.flatnonzero(good), bad, [str(r) for r in reasons[bad]])


def _note(reasons: np.ndarray, rows: np.ndarray, reason: str) -> None:
    fresh = rows & (reasons == None)  # noqa: E711 - elementwise
    reasons[fresh] = reason


def _subjects(raw: pd.Series) -> tuple[np.ndarray, list[str | int], np.ndarray]:
    array = raw.to_numpy()
    missing = raw.isna().to_numpy()
    codes, distinct = factorize(array, missing)
    ids: list[str | int] = []
    position = np.full(len(distinct) + 1, -1, np.int64)
    for i, value in enumerate(distinct):
        try:
            ids.append(check_subject(value))
        except InvalidInput:  # marks its rows; the caller gets their reason
            continue
        position[i] = len(ids) - 1
    who = position[codes]
    return who, ids, who < 0


def _instants(parts: Parts, raw: pd.Series | None, rows: int) -> tuple[np.ndarray, np.ndarray]:
    if raw is None:
        return np.full(rows, parts.now, np.int64), np.zeros(rows, bool)
    import pandas as pd

    if not isinstance(raw.dtype, pd.DatetimeTZDtype):
        raise InvalidInput(
            "times without a zone were refused",
            why="a naive time means different instants in different places",
            remedy="Attach the zone: frame[column].dt.tz_localize(...).",
            reason="time.naive",
        )
    missing = raw.isna().to_numpy()
    naive = raw.dt.tz_convert("UTC").dt.tz_localize(None)
    at = naive.to_numpy("datetime64[us]").astype(np.int64)
    bad = missing | (at > parts.now + SKEW_US) | (at < EARLIEST)
    return np.where(bad, 0, at), bad


def _report(refused: list[tuple[np.ndarray, list[str]]]) -> pd.DataFrame:
    import pandas as pd

    rows = np.concatenate([np.zeros(0, np.int64), *(r for r, _ in refused)])
    reasons = [reason for _, codes in refused for reason in codes]
    frame = pd.DataFrame({"row": rows.astype(np.int64), "reason": pd.Series(reasons, dtype="str")})
    return frame.sort_values("row", kind="stable", ignore_index=True)
