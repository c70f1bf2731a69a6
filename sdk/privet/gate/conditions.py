"""Rules with a condition, at the gate: what is known of whom, told anew in each snapshot.

One decision is taken for each class of people present, not for each person: those under
one jurisdiction are decided together. Where classes differ in what is minimized, the
strictest holds for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from privet.policy import UNKNOWN, UNREADABLE, Ask, Circumstances, Decision
from privet.policy.minimize import strictest

if TYPE_CHECKING:
    from pyroaring import BitMap

    from privet.db import Tx
    from privet.gate.parts import Caller, Parts
    from privet.policy.when import Unreadable

Attribute = str | Callable[[], str]
"""What the host tells of its environment: a text, or what is called for it each time."""

_OF_PEOPLE = frozenset({"jurisdiction", "age", "people", "oldest"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """A request whose answer depends on whom it is about.

    Attributes:
        ask: the request.
        caller: who asks.
        needs: what the answer depends on.
        oldest: how far back it reaches, UTC microseconds.
    """

    ask: Ask
    caller: Caller
    needs: frozenset[str]
    oldest: int

    def known(self, parts: Parts, people: int | None = None) -> Circumstances:
        """What is known of everybody whom it is about."""
        return replace(known(parts, self.caller, self.needs), oldest=self.oldest, people=people)

    def decided(self, tx: Tx, parts: Parts, snos: BitMap) -> tuple[Decision, BitMap]:
        """Who may be in it, and what holds for all of them; or a refusal, and nobody.

        The number of people is of those who are left, so whoever is left out may leave
        out the others.
        """
        left, found = snos, self._parted(tx, parts, snos, len(snos))
        while True:
            allowed = [(decision, who) for decision, who in found if decision.allowed]
            if not allowed:
                return found[0][0], left - left
            still = left & type(snos).union(*(who for _, who in allowed))
            if len(still) == len(left):
                return _together([decision for decision, _ in allowed]), still
            left, found = still, self._parted(tx, parts, still, len(still))

    def holding(
        self, tx: Tx, parts: Parts, decision: Decision, snos: BitMap, people: int
    ) -> BitMap:
        """Those of ``snos`` for whom the decision, taken before, is still allowed as it was."""
        left = snos - snos
        for now, who in self._parted(tx, parts, snos, people):
            if now.allowed and _as_strict(decision, now):
                left |= who
        return left

    def _parted(
        self, tx: Tx, parts: Parts, snos: BitMap, people: int
    ) -> list[tuple[Decision, BitMap]]:
        """One decision for each jurisdiction present."""
        given = self.known(parts, people)
        if "jurisdiction" not in self.needs:
            return [(parts.policy.decide(self.ask, given), snos)]
        return [
            (parts.policy.decide(self.ask, replace(given, jurisdiction=code or None)), who)
            for code, who in sorted(parts.ledger.places(tx, snos).items())
        ] or [(parts.policy.decide(self.ask, given), snos)]


def conditions(parts: Parts, caller: Caller, ask: Ask, oldest: int) -> Conditions | None:
    """What the request depends on; None where it is the same whomever it is about."""
    needs = parts.policy.needs(ask)
    return None if needs.isdisjoint(_OF_PEOPLE) else Conditions(ask, caller, needs, oldest)


def known(parts: Parts, caller: Caller, needs: frozenset[str]) -> Circumstances:
    """The moment and the environment, as far as they are needed."""
    if needs.isdisjoint({"at", "environment"}):
        return UNKNOWN
    return Circumstances(
        at=parts.now,
        environment=_read(caller.environment) if "environment" in needs else {},
    )


def _read(environment: Mapping[str, Attribute]) -> dict[str, str | Unreadable]:
    """Each attribute's value now; a rule on one whose reading fails cannot be told."""
    found: dict[str, str | Unreadable] = {}
    for name, value in environment.items():
        try:
            found[name] = value() if callable(value) else value
        except Exception:
            found[name] = UNREADABLE
    return found


def _as_strict(decision: Decision, now: Decision) -> bool:
    """Whether what was decided before is at least as strict as what would be decided now."""
    both = _together([decision, now])
    return (both.minimize, both.least) == (decision.minimize, decision.least)


def _together(decisions: list[Decision]) -> Decision:
    """What satisfies each of several permissions of one request."""
    first = decisions[0]
    return first._replace(
        permits=tuple(sorted(set(chain.from_iterable(d.permits for d in decisions)))),
        granted=frozenset.intersection(*(d.granted for d in decisions)),
        minimize=strictest(d.minimize for d in decisions),
        least=max(d.least for d in decisions),
    )
