"""What people said elsewhere, before it is brought in: pure.

The times are claimed by whoever brings it. So what contradicts itself is refused as a whole,
and a row without an event id gets one of what it says: the same row again is no second answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from privet.errors import InvalidInput
from privet.types import Id


@dataclass(frozen=True, slots=True)
class Said:
    """One row: what somebody said elsewhere.

    Attributes:
        subject: the app's own id of the person.
        purpose: a purpose of the policy.
        kind: what she said, as ``Wish.kind``.
        at: when, as it is claimed, UTC microseconds.
        event_id: the id that it had there; empty where it had none.
    """

    subject: Id = field(repr=False)
    purpose: str
    kind: str
    at: int
    event_id: str = ""


def in_order(rows: Sequence[Said]) -> list[Said]:
    """The rows by their times, each with an event id; those of one instant as they stand.

    Raises:
        InvalidInput: two rows say different things of one person, purpose and instant, or
            under one event id (``import.contradiction``).
    """
    said: dict[tuple[Id, str, int], tuple[int, str]] = {}
    named: dict[tuple[Id, str, str], tuple[int, str, int]] = {}
    for number, row in enumerate(rows, 1):
        first, kind = said.setdefault((row.subject, row.purpose, row.at), (number, row.kind))
        if kind != row.kind:
            raise _contradicting(first, number)
        if row.event_id:
            key = (row.subject, row.purpose, row.event_id)
            first, kind, at = named.setdefault(key, (number, row.kind, row.at))
            if (kind, at) != (row.kind, row.at):
                raise _contradicting(first, number)
    return [
        row if row.event_id else replace(row, event_id=f"{row.kind} at {row.at}")
        for row in sorted(rows, key=lambda row: row.at)
    ]


def digest(rows: Sequence[Said]) -> str:
    """SHA-256 of the rows as they came, 64 hex digits: which import it was."""
    sha = hashlib.sha256()
    for row in rows:
        sha.update(
            repr((row.subject, row.purpose, row.kind, row.at, row.event_id)).encode(
                "utf-8", "surrogatepass"
            )
        )
    return sha.hexdigest()


def repeated() -> InvalidInput:
    """The refusal of an import of which every row is recorded already."""
    return InvalidInput(
        "these answers were imported before",
        why="every row of them is recorded already; nothing was changed",
        remedy="Nothing is to be done; import what is new.",
        reason="import.repeated",
    )


def _contradicting(first: int, second: int) -> InvalidInput:
    return InvalidInput(
        "an import contradicts itself",
        why=f"rows {first} and {second} say different things of one person, purpose and moment",
        remedy="Find out which is right and leave the other out; nothing was recorded.",
        reason="import.contradiction",
    )
