"""The desks' work: requests, answers in bulk, the log, the catalogue and the policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from privet.clock import micros
from privet.errors import InvalidInput
from privet.gate import (
    catalogue,
    erasing,
    evidence,
    grounded,
    grounds,
    importable,
    importing,
    planning,
    renewal,
    subject,
)
from privet.gate.importable import Answers
from privet.gate.parts import Caller, Parts
from privet.gate.planning import PlanLine
from privet.gate.record import decide
from privet.gate.register import Erasure
from privet.gate.renewal import Renewal
from privet.gate.wishes import ACTION_OF, Proof, Wish
from privet.ingest.columns import identifier, is_missing
from privet.ingest.rows import Receipt
from privet.rights import meaning
from privet.rights.answering import is_text
from privet.types import CONSENT, check_list, check_subject, check_text, check_type

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MAX_ITEM_TEXT = 65_536
LONGEST = timedelta(days=36_500)
ANSWERED = ("subject", "purpose", "kind", "at")
KINDS = ("yes", "no", "withdrawn", "begun", "ended", "objected", "opted-out", "opted-in")
ENDING = frozenset({"no", "withdrawn", "ended", "objected", "opted-out"})


def plan(parts: Parts, caller: Caller, sno: int) -> list[PlanLine]:
    """A dry run of an erasure."""
    return planning.plan(parts, caller, sno)


def erase(parts: Parts, caller: Caller, snos: Sequence[int], reference: str) -> list[Erasure]:
    """Erase people; see ``privet.gate.erasing``."""
    check_type(reference, str, "the number of a request", "Give text, or leave it out.")
    if reference:
        check_text(reference, "the number of a request")
    return erasing.erase(parts, caller, snos, reference)


def link(parts: Parts, caller: Caller, sno: int, handle: str | int) -> Receipt:
    """Let a further id lead to one person."""
    return Receipt(subject.link(parts, caller, sno, handle), new=True)


def state(
    parts: Parts,
    caller: Caller,
    sno: int | None,
    purpose: str | None = None,
    at: datetime | None = None,
) -> dict[str, str]:
    """Where each purpose stands for one person, or one of them; None for somebody not known.

    Raises:
        AccessDenied: the purpose is none of the policy's own, of now or of that instant.
        InvalidInput: a naive instant, or one in the future.
    """
    if purpose is not None:
        check_type(purpose, str, "a purpose", "Name a purpose of the policy.")
    names = None if purpose is None else [purpose]
    return subject.standing_of(parts, caller, sno, names, None if at is None else micros(at))


def history(parts: Parts, caller: Caller, sno: int) -> list[dict[str, Any]]:
    """Every record that names one person."""
    return evidence.history(parts, caller, sno)


def ground(parts: Parts, caller: Caller, sno: int, record: int) -> dict[str, Any]:
    """On which ground a record's access to one person's data was allowed."""
    return grounded.ground_of(parts, caller, sno, record)


def eligible(
    parts: Parts, caller: Caller, ids: Sequence[str | int], purpose: str
) -> dict[str | int, bool]:
    """Whether a purpose's ground holds now, for each of these ids."""
    ids = check_list(ids, "subjects")
    decide(parts, caller, CONSENT, "read", ())
    holding = subject.holding(parts, caller, ids, purpose)
    return dict(zip(ids, holding, strict=True))


def renewals(
    parts: Parts, caller: Caller, purposes: Sequence[str], within: timedelta
) -> list[Renewal]:
    """How many must be asked again for each of these purposes, or for all."""
    asked = [_asked(parts, name) for name in purposes] or [
        name for name, spec in parts.policy.purposes.items() if spec.basis == "consent"
    ]
    return renewal.count(parts, caller, list(dict.fromkeys(asked)), _until(parts, within))


def to_ask(parts: Parts, caller: Caller, purpose: str, within: timedelta) -> list[str | int]:
    """Who must be asked again for one purpose."""
    return renewal.people(parts, caller, _asked(parts, purpose), _until(parts, within))


def _asked(parts: Parts, purpose: object) -> str:
    check_type(purpose, str, "a purpose", "Name a purpose of the policy.")
    spec = parts.policy.purposes.get(str(purpose))
    if spec is None or spec.basis != "consent":
        raise InvalidInput(
            "nobody is asked for this purpose",
            why="the policy does not have it, or it does not rest on consent",
            reason="consent.unasked",
        )
    return spec.name


def _until(parts: Parts, within: timedelta) -> int:
    check_type(within, timedelta, "the window", "Give a timedelta.")
    if not timedelta(0) <= within <= LONGEST:
        raise InvalidInput(
            "the window is out of range", remedy="Give 0 to 36500 days.", reason="consent.window"
        )
    return parts.now + int(within / timedelta(microseconds=1)) + 1


def load_answers(parts: Parts, caller: Caller, frame: pd.DataFrame, proof: Proof) -> int:
    """Record answers kept elsewhere, in the order of their times.

    Raises:
        InvalidInput: a column is missing, a kind or purpose is unknown, a time is naive
            or in the future, rows contradict each other (``import.contradiction``), or all
            of them are recorded already (``import.repeated``). Nothing was recorded.
    """
    answers = _answers(frame)
    answers.check()
    answers = answers.followed(meaning.following(parts.policy.purposes, answers.topics))
    for purpose, kind in answers.topics:
        grounds.check(parts, Wish(purpose, kind))
    if len(answers.at):
        grounds.check(parts, Wish(*answers.topics[0], int(answers.at.max())))
    importing.check_texts(parts, answers, proof.notice)
    for action in sorted({ACTION_OF[kind] for _, kind in answers.topics}):
        decide(parts, caller, CONSENT, action, ())
    done = importing.take_in(parts, caller, answers, proof)
    if done is None:
        raise importable.repeated()
    return done


def _answers(frame: pd.DataFrame) -> Answers:
    """A frame of answers, checked column by column."""
    import numpy as np

    names = _columns(frame)
    kind, kinds = _coded(frame["kind"])
    if not all(isinstance(name, str) and name in KINDS for name in kinds):
        raise InvalidInput(
            "a kind of answer is unknown", remedy=f"Use {', '.join(KINDS)}.", reason="consent.kind"
        )
    person, ids = _coded(frame["subject"])
    purpose, purposes = _coded(frame["purpose"])
    pairs, topic = np.unique(purpose * len(kinds) + kind, return_inverse=True)
    return Answers(
        ids=[check_subject(one) for one in ids],
        person=person,
        topics=[
            (purposes[p], kinds[k]) for p, k in (divmod(n, len(kinds)) for n in pairs.tolist())
        ],
        topic=topic.reshape(-1),
        at=_micros(frame["at"]),
        events=[_event_id(event) for event in frame["event_id"]] if "event_id" in names else None,
    )


def _coded(column: pd.Series[Any]) -> tuple[np.ndarray, list[Any]]:
    """Each value's number and the values by number, told apart by type as well as by value."""
    import numpy as np
    import pandas as pd

    if pd.api.types.infer_dtype(column, skipna=False) in {"string", "integer"}:
        codes, values = pd.factorize(column)
        return codes.astype(np.int64), values.tolist()
    numbers: dict[tuple[type, Any], int] = {}
    try:
        found = [numbers.setdefault((type(v), v), len(numbers)) for v in column]
    except TypeError:  # what has no hash is no name, no kind and nobody's id
        raise InvalidInput(
            "a column of the answers holds something else than text or numbers",
            reason="load.columns",
        ) from None
    return np.array(found, np.int64), [value for _, value in numbers]


def _micros(column: pd.Series[Any]) -> np.ndarray:
    """Instants as UTC microseconds, shape (n,), int64."""
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype) and not column.isna().any():
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray(plain.to_numpy("datetime64[us]").astype(np.int64))
    return np.array([micros(at) for at in column], np.int64)


def _columns(frame: pd.DataFrame) -> list[object]:
    """The columns of a frame of answers, each that counts there once."""
    check_type(frame, (_frame_type(),), "what is to be loaded", "Give a DataFrame of answers.")
    names: list[object] = list(frame.columns)
    if any(names.count(name) != 1 for name in ANSWERED) or names.count("event_id") > 1:
        raise InvalidInput(
            "a column of the answers is missing, or there twice",
            remedy=f"Give {', '.join(ANSWERED)} once each, and event_id at most once.",
            reason="load.columns",
        )
    return names


def _frame_type() -> type:
    import pandas as pd

    return pd.DataFrame


def _event_id(value: object) -> str:
    # What a frame leaves out is no name: two answers without one are not the same answer.
    return "" if is_missing(value) or value == "" else identifier(value)


def load_items(
    parts: Parts,
    caller: Caller,
    rows: pd.DataFrame | Sequence[Mapping[str, str]],
    columns: Mapping[str, str] | None,
) -> int:
    """Add items to the catalogue; see ``privet.gate.catalogue.load_items``."""
    table = _table(rows)
    if columns is not None:
        check_type(columns, Mapping, "columns", "Map columns to `item` and fields.")
    names = {
        **{n: n for n in table if n in ("item", *parts.policy.items.fields)},
        **(columns or {}),
    }
    fields = {target: table[source] for source, target in names.items() if source in table}
    if "item" not in fields or set(names) - set(table):
        raise InvalidInput(
            "the items lack a column",
            remedy="Give `item` and the catalogue's fields, or map columns to them.",
            reason="items.columns",
        )
    ids = [identifier(i) for i in fields.pop("item")]
    texts = {name: [_text(v) for v in values] for name, values in fields.items()}
    return catalogue.load_items(parts, caller, ids, texts)


def _table(rows: pd.DataFrame | Sequence[Mapping[str, str]]) -> dict[str, list[Any]]:
    check_type(rows, (Sequence, _frame_type()), "the items", "Give a frame, or mappings.")
    if isinstance(rows, Sequence):
        if not all(isinstance(row, Mapping) for row in rows):
            raise InvalidInput(
                "the items are neither a frame nor mappings",
                remedy="Give a mapping of the catalogue's fields for each item.",
                reason="items.columns",
            )
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return {str(name): rows[name].tolist() for name in rows.columns}


def _text(value: object) -> str:
    if isinstance(value, str) and is_text(value, MAX_ITEM_TEXT):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(
        "an item's text is not text, or too long",
        remedy=f"Give numbers or at most {MAX_ITEM_TEXT} bytes of text, or leave it out.",
        reason="items.text",
    )
