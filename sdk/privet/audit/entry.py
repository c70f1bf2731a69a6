"""What a caller wants recorded, and the same made ready in the caller's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privet.audit import sets
from privet.audit.record import encode
from privet.clock import SKEW
from privet.errors import AuditUnavailable

SKEW_US = int(SKEW.total_seconds() * 1_000_000)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded.

    Attributes:
        body: codes, counts and ordinals, never a personal value; the keys ``ts``,
            ``set`` and ``redo`` are the log's own.
        subjects: ordinals of whom it is about; bound to the record by its ``set``.
        purpose: why, for the warrant.
        redo: whether state is rebuilt from this record (``Log.redo``): a change of a
            ground, an erasure.
    """

    body: Mapping[str, Any] = field(repr=False)
    subjects: frozenset[int] = field(default=frozenset(), repr=False)
    purpose: str = ""
    redo: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry encoded in its caller's thread, outside the lock that all wait for."""

    fields: dict[str, Any]
    ts: int
    data: bytes
    about: sets.SubjectSet | None
    redo: bool

    def at(self, ts: int) -> Prepared:
        """The same entry at another instant."""
        if ts == self.ts:
            return self
        fields = {**self.fields, "ts": ts}
        return Prepared(fields, ts, encode(fields), self.about, self.redo)


def prepare(entry: Entry, ts: int) -> Prepared:
    """Bind an entry's subjects and encode it, as of ``ts`` (UTC microseconds).

    Raises:
        AuditUnavailable: the body has a key of the log's own.
        InvalidInput: the body or the subjects have a form that a record does not take.
    """
    if not entry.body.keys().isdisjoint({"ts", "set", "redo"}):
        raise AuditUnavailable(
            "an audit record was refused",
            why="its body has a key that is the log's own",
            remedy="Leave `ts`, `set` and `redo` out; give them beside the body.",
            reason="record.form",
        )
    about = sets.commit(entry.subjects) if entry.subjects else None
    fields = {**entry.body, "ts": ts}
    if entry.redo:  # in the body too, which is hashed: the index's own mark is not
        fields["redo"] = True
    if about is not None:
        fields["set"] = about.value
    return Prepared(fields, ts, encode(fields), about, entry.redo)


def not_before(previous: int, ts: int) -> int:
    """``ts``, or the previous record's where the clock lags a little behind it.

    Raises:
        AuditUnavailable: it lags by more than clocks may differ.
    """
    if previous - ts > SKEW_US:
        raise AuditUnavailable(
            "the audit record was refused",
            why=f"the clock is {(previous - ts) // 1_000_000} s behind the newest record",
            remedy="Set the machine's clock right. Where it had run ahead and is right now, "
            "nothing is released until it passes that record; docs/guide/operate.md says more.",
            reason="clock.backwards",
        )
    return max(previous, ts)
