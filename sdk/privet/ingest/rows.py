"""One event or profile at a time: the point path, by the same checks as a bulk load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from privet.clock import SKEW, micros
from privet.errors import Erased, InvalidInput
from privet.gate import catalogue
from privet.gate.parts import Caller, Parts
from privet.gate.record import ground_error
from privet.gate.write import Incoming, write
from privet.ingest.columns import typed
from privet.ingest.keys import key_values, row_keys
from privet.policy import FieldSpec
from privet.types import check_subject, check_type

SKEW_US = int(SKEW.total_seconds() * 1_000_000)
EARLIEST = -2_208_988_800_000_000  # 1900


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write left behind.

    Attributes:
        record: index of its audit record; -1 where there was nothing to do.
        new: False where the same event was there already.
    """

    record: int
    new: bool


def record(
    parts: Parts,
    caller: Caller,
    purpose: str,
    subject: str | int,
    event: str,
    at: datetime | None,
    fields: Mapping[str, object],
) -> Receipt:
    """Seal one event.

    Raises:
        AccessDenied: no permit to collect these fields for this purpose.
        ConsentMissing: the subject has no ground for it.
        InvalidInput: unknown event or field, a missing or wrong value, a naive or future time.
    """
    check_type(event, str, "an event", "Name an event of the data document.")
    if event not in parts.policy.events:
        raise InvalidInput(
            "this event is not declared",
            remedy=f"Declared are: {', '.join(sorted(parts.policy.events)) or 'none'}.",
            reason="event.unknown",
        )
    spec = parts.policy.events[event]
    moment = parts.now if at is None else check_time(micros(at), parts.now)
    columns, extra, keys = _columns(parts, event, spec.fields, fields, spec.unique)
    return _write(parts, caller, purpose, event, subject, moment, columns, extra, keys)


def describe(
    parts: Parts, caller: Caller, purpose: str, subject: str | int, fields: Mapping[str, object]
) -> Receipt:
    """Seal or correct fields of a profile; the others stay as they are. GDPR Art. 5(1)(d), 16."""
    known = tuple(n.partition(".")[2] for n in parts.policy.fields if n.startswith("profile."))
    columns, extra, _ = _columns(parts, "profile", known, fields, whole=False)
    return _write(parts, caller, purpose, "profile", subject, parts.now, columns, extra, None)


def check_time(at: int, now: int) -> int:
    """Return an instant that is neither from the future nor before 1900.

    Raises:
        InvalidInput: it is.
    """
    if at > now + SKEW_US:
        raise InvalidInput(
            "an event from the future was refused",
            remedy="Send the instant at which it happened; check the clocks.",
            reason="time.future",
        )
    if at < EARLIEST:
        raise InvalidInput("an event before 1900 was refused", reason="time.range")
    return at


def _columns(
    parts: Parts,
    event: str,
    declared: tuple[str, ...],
    fields: Mapping[str, object],
    unique: tuple[str, ...] = (),
    *,
    whole: bool = True,
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], list[bytes] | None]:
    unknown = set(fields) - set(declared)
    if unknown or not fields:
        raise InvalidInput(
            f"{event!r} does not have these fields" if unknown else "no field was given",
            remedy=f"Declared are: {', '.join(declared)}.",
            reason="field.unknown",
        )
    known, every = catalogue.items(parts), np.ones(1, bool)
    columns: dict[str, np.ndarray] = {}
    extra: dict[str, tuple[str, ...]] = {}
    told: dict[str, np.ndarray] = {}
    for name in declared:
        spec: FieldSpec = parts.policy.fields[f"{event}.{name}"]
        if name not in fields and not whole:
            continue
        value = np.empty(1, dtype=object)
        value[0] = fields.get(name)
        column = typed(spec, value, known.codes)
        if column.bad[0] or (column.missing[0] and not spec.optional and whole):
            raise InvalidInput(
                f"the value of {event}.{name} was refused",
                why="it is missing" if column.missing[0] else f"it is not of kind {spec.kind}",
                reason="field.missing" if column.missing[0] else "field.type",
            )
        columns[name] = column.values
        if column.extra:
            extra[name] = column.extra
        if name in unique:
            told[name] = key_values(spec, column, every, known.ids)
    return columns, extra, row_keys([told[name] for name in unique]) if unique else None


def _write(
    parts: Parts,
    caller: Caller,
    purpose: str,
    event: str,
    subject: str | int,
    at: int,
    columns: dict[str, np.ndarray],
    extra: dict[str, tuple[str, ...]],
    keys: list[bytes] | None,
) -> Receipt:
    incoming = Incoming(
        event=event,
        ids=[check_subject(subject)],
        who=np.zeros(1, np.int64),
        at=np.array([at], np.int64),
        columns=columns,
        extra=extra,
        keys=keys,
    )
    written = write(parts, caller, purpose, incoming)
    if len(written.refused):
        reason = written.reasons[0]
        error = ground_error(purpose, reason)
        if isinstance(error, Erased):
            raise error
        raise type(error)("nothing was stored", why=error.why, reason=reason)
    return Receipt(written.record, new=written.sealed == 1)
