"""Rules with a condition, at the gate: what is known of whom, told anew in each snapshot.

One decision is taken for each class of people present, not for each person: those under
one jurisdiction and of one age are decided together. Where classes differ in what is
minimized, the strictest holds for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from pyroaring import BitMap

from privet.gate.ages import Age, ages
from privet.gate.circumstances import known
from privet.policy import Ask, Decision
from privet.policy.minimize import strictest

if TYPE_CHECKING:
    from privet.db import Tx
    from privet.gate.parts import Caller, Parts
    from privet.policy import Circumstances

_TOLD_ANEW = frozenset({"jurisdiction", "age", "people", "oldest", "emergencies"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """A request whose answer depends on whom it is about.

    Attributes:
        ask: the request.
        caller: who asks.
        needs: what the answer depends on.
        oldest: how far back it reaches, UTC microseconds.
        ages: ordinals of people to the youngest and the oldest that they may be.
    """

    ask: Ask
    caller: Caller
    needs: frozenset[str]
    oldest: int
    ages: Mapping[int, Age] = field(default_factory=dict, repr=False)

    def known(self, parts: Parts, people: int | None = None) -> Circumstances:
        """What is known of everybody whom it is about."""
        return replace(known(parts, self.caller, self.needs), oldest=self.oldest, people=people)

    @property
    def by_age(self) -> bool:
        """Whether the answer depends on how old people are."""
        return "age" in self.needs

    def aged(self, parts: Parts, snos: BitMap) -> Conditions:
        """The same, with the ages of these people, where a rule depends on them.

        Not inside of a transaction: what tells an age is opened under a record of its own.
        """
        if not self.by_age:
            return self
        return replace(self, ages=ages(parts, self.caller, self.ask, snos))

    def decided(self, tx: Tx, parts: Parts, snos: BitMap) -> tuple[Decision, BitMap]:
        """Who may be in it, and what holds for all of them; or a refusal, and nobody.

        The number of people is of those who are left, so whoever is left out may leave
        out the others.
        """
        left, found = snos, self.parted(tx, parts, snos, len(snos))
        while True:
            allowed = [(decision, who) for decision, who in found if decision.allowed]
            if not allowed:
                return found[0][0], BitMap()
            still = left & BitMap.union(*(who for _, who in allowed))
            if len(still) == len(left):
                return _together([decision for decision, _ in allowed]), still
            left, found = still, self.parted(tx, parts, still, len(still))

    def reasons(self, tx: Tx, parts: Parts, snos: BitMap) -> dict[int, str | None]:
        """Why each of those who were left out may not be in it."""
        found: dict[int, str | None] = {}
        for decision, who in self.parted(tx, parts, snos, len(snos)):
            found |= dict.fromkeys(who, "people.refused" if decision.allowed else decision.reason)
        return found

    def holding(
        self, tx: Tx, parts: Parts, decision: Decision, snos: BitMap, people: int
    ) -> BitMap:
        """Those of ``snos`` for whom the decision, taken before, is still allowed as it was."""
        left = BitMap()
        for now, who in self.parted(tx, parts, snos, people):
            if now.allowed and _as_strict(decision, now):
                left |= who
        return left

    def parted(
        self, tx: Tx, parts: Parts, snos: BitMap, people: int
    ) -> list[tuple[Decision, BitMap]]:
        """One decision for each class of people present: under one law, of one age."""
        given = self.known(parts, people)
        places = {"": snos}
        if "jurisdiction" in self.needs:
            places = parts.ledger.places(tx, snos)
        found: list[tuple[Decision, BitMap]] = []
        for code, those in sorted(places.items()):
            for age, who in self._by_age(those):
                hers = replace(given, jurisdiction=code or None, age=age)
                found.append((parts.policy.decide(self.ask, hers), who))
        return found or [(parts.policy.decide(self.ask, given), snos)]

    def _by_age(self, snos: BitMap) -> list[tuple[Age | None, BitMap]]:
        if not self.ages:
            return [(None, snos)] if snos else []
        classes: dict[Age | None, BitMap] = {}
        for sno in snos:
            classes.setdefault(self.ages.get(sno), BitMap()).add(sno)
        return list(classes.items())


def conditions(parts: Parts, caller: Caller, ask: Ask, oldest: int) -> Conditions | None:
    """What the request depends on; None where it is the same whomever it is about.

    An emergency is among it: one that ends while a read goes on ends that read.
    """
    needs = parts.policy.needs(ask)
    return None if needs.isdisjoint(_TOLD_ANEW) else Conditions(ask, caller, needs, oldest)


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
