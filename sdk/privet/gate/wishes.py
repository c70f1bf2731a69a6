"""Changes of grounds as they are asked for, how they came about, and what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from privet.consent import Change, Told
from privet.types import Action

EVERYTHING = "*"
ACTION_OF: Mapping[str, Action] = {
    "yes": "answer",
    "authorised": "answer",
    "no": "answer",
    "withdrawn": "withdraw",
    "opted-out": "withdraw",
    "opted-in": "answer",
    "begun": "begin",
    "ended": "end",
    "objected": "object",
    "restricted": "restrict",
    "lifted": "restrict",
    "upheld": "restrict",
    "overruled": "restrict",
    "known": "answer",
}
"""The permit under ``privet:consent`` that each kind of change needs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One change of one ground, as asked for.

    Attributes:
        purpose: a purpose of the policy, or ``"*"`` for a restriction of everything.
        kind: see ``privet.consent.Change``.
        at: when it was said, UTC microseconds; None for now.
        event_id: the client's own id of the event: a repeat changes nothing.
        seen: position of the ledger that the person saw; -1 where unknown.
        imported: it was said elsewhere and is brought in: ``at`` is only claimed, and it
            never revives what was refused.
    """

    purpose: str
    kind: str
    at: int | None = None
    event_id: str = ""
    seen: int = -1
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What is kept of how a change came about: sealed, with a commitment in the log."""

    notice: str = ""
    jurisdiction: str = ""
    details: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What was recorded: the position and text of each change, and what they commit to.

    Attributes:
        changes: nothing for a repeat.
        details: the sealed details as JSON text; empty where there are none.
        known: every notice, as of the change.
    """

    changes: tuple[tuple[int, Change], ...] = ()
    details: str = field(default="", repr=False)
    known: tuple[Told, ...] = ()

    @property
    def seqs(self) -> list[int]:
        """The positions alone."""
        return [seq for seq, _ in self.changes]
