"""Objections that wait for a decision (GDPR Art. 21(1), 18(1)(d)), and what is due when.

An objection suspends its purpose at once. Who objected to direct marketing, or to what
rests on her consent, is out for good: there is nothing to weigh. All others are decided
within a month (Art. 12(3)): upheld, or overruled on compelling grounds, with reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from privet.clock import instant
from privet.consent import ABSOLUTE
from privet.db import Tx
from privet.gate import subject
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.policy import Period
from privet.types import CONSENT

WITHIN: Final = Period(months=1)
"""Art. 12(3): one month of receipt."""

SLICE: Final = 1000


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection that is to be decided.

    Attributes:
        subject: the app's own ids of the person.
        purpose: what she objected to.
        received: when.
        due: until when it must be decided.
        overdue: whether that has passed.
        record: index of its record in the log.
    """

    subject: tuple[str | int, ...] = field(repr=False)
    purpose: str
    received: datetime
    due: datetime
    overdue: bool
    record: int


def waiting(parts: Parts, caller: Caller) -> list[Objection]:
    """The objections that wait for a decision, the oldest first.

    Raises:
        AccessDenied: no permit to restrict under ``privet:consent``, which is to decide.
    """
    decide(parts, caller, CONSENT, "restrict", ())
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        found = _open(parts, tx)
    snos = sorted({sno for sno, *_ in found})
    names: dict[int, list[str | int]] = {}
    for start in range(0, len(snos), SLICE):
        part = snos[start : start + SLICE]
        names |= subject.ids_of(parts, caller, part, CONSENT, "read", task="objections")
    now = parts.now
    return [
        Objection(
            subject=tuple(names.get(sno, ())),
            purpose=purpose,
            received=instant(since),
            due=instant(WITHIN.after(since)),
            overdue=WITHIN.after(since) < now,
            record=seq,
        )
        for sno, purpose, since, seq in found
    ]


def counts(parts: Parts) -> tuple[int, int]:
    """How many wait, and how many of them are overdue."""
    now = parts.now
    with parts.home.data.read() as tx:
        found = _open(parts, tx)
    return len(found), sum(WITHIN.after(since) < now for _, _, since, _ in found)


def _open(parts: Parts, tx: Tx) -> list[tuple[int, str, int, int]]:
    weighed = {
        name
        for name, spec in parts.policy.purposes.items()
        if not spec.direct_marketing and spec.basis not in ABSOLUTE
    }
    return [one for one in parts.ledger.objected(tx) if one[1] in weighed]
