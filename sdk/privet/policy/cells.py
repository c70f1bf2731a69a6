"""The rules compiled for one question, so that an answer is a few look-ups.

A *case* is who (with all inherited roles), why, what and to whom: the permits and denies
that can bear on it. A *cell* is a case in known circumstances: which fields are open and
what each of them grants. Cases and cells are made when they are first asked for, and cost
what bears on them, whatever else the policy says.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from privet.policy.classes import classifier
from privet.policy.decide import Decision, refuse
from privet.policy.minimize import Minimize, strictest
from privet.policy.when import HOLDS, WHY_NOT

if TYPE_CHECKING:
    from privet.policy.rules import Deny, Permit
    from privet.policy.when import Circumstances, When

_CELLS = 1024
_MERGED = 256
_NOTHING: frozenset[str] = frozenset()
_RANK = {reason: rank for rank, reason in enumerate(WHY_NOT)}
Unmet = tuple[tuple[str, str], ...]
"""Ids of rules, each with why its condition does not hold or cannot be told."""


class Grant:
    """What several permits grant together; compared by identity, so that sets are fast."""

    __slots__ = ("drop", "ids", "least", "minimize", "permits", "plain")

    def __init__(self, permits: Iterable[Permit]) -> None:
        self.permits = tuple(permits)
        self.ids = tuple(sorted(p.id for p in self.permits))
        self.minimize = strictest(p.minimize for p in self.permits)
        self.least = max((p.least for p in self.permits), default=1)
        self.drop = self.minimize.drop
        self.plain = not self.drop and not self.minimize.rules

    def narrowed(self, fields: frozenset[str]) -> Minimize:
        """The minimization as far as these fields go."""
        whole = self.minimize
        return Minimize(
            drop=whole.drop & fields,
            last=whole.last,
            time=whole.time,
            rules=tuple(rule for rule in whole.rules if rule[0] in fields),
        )


class Cell:
    """One case in known circumstances: fields in, decision out."""

    __slots__ = (
        "_blanket", "_by_field", "_grounds", "_known", "_merged", "_open", "_purpose", "_taken",
        "_unmet", "_whole",
    )  # fmt: skip

    def __init__(
        self,
        purpose: str,
        grounds: tuple[str, ...],
        known: Mapping[str, Any],
        permits: Iterable[Permit],
        denies: Iterable[tuple[Deny, str]],
        unmet: Iterable[tuple[Permit, str]] = (),
    ) -> None:
        """Index what holds by field.

        Args:
            purpose: the purpose asked about.
            grounds: purposes whose ground must hold.
            known: every field of the data document.
            permits: those that grant.
            denies: those that deny, each with why it could not be told, if so.
            unmet: permits that do not grant, each with why.
        """
        self._purpose, self._grounds, self._known = purpose, grounds, known
        self._whole = Grant(permits)
        self._by_field = _grants(self._whole.permits)
        self._blanket, self._taken = _denied(denies)
        self._open = frozenset(self._by_field) - frozenset(self._taken)
        self._unmet = tuple(unmet)
        self._merged: dict[frozenset[Grant], Grant] = {}

    def decide(self, fields: frozenset[str]) -> Decision:
        """Permit or refuse these fields."""
        if self._blanket is not None or not fields <= self._open or not self._whole.permits:
            return self._refusal(fields)
        grant = self._grant(fields)
        plain = grant.plain
        return tuple.__new__(  # half of the time of the class's own
            Decision,
            (
                True,
                "permit",
                grant.ids,
                None,
                fields if plain else fields - grant.drop,
                _NOTHING,
                grant.minimize if plain else grant.narrowed(fields),
                self._grounds,
                grant.least,
                self._purpose,
                (),
            ),
        )

    def _grant(self, fields: frozenset[str]) -> Grant:
        if not fields:
            return self._whole
        by_field = self._by_field
        grants = {by_field[name] for name in fields if name in by_field}
        if len(grants) == 1:
            return grants.pop()
        key = frozenset(grants)
        merged = self._merged.get(key)
        if merged is None:
            if len(self._merged) >= _MERGED:
                self._merged.clear()
            found = {p.id: p for p in chain.from_iterable(g.permits for g in grants)}
            merged = self._merged[key] = Grant(found.values())
        return merged

    def _refusal(self, fields: frozenset[str]) -> Decision:
        if any(name not in self._known for name in fields):
            return refuse("field.unknown", self._purpose)
        hits = [self._taken[name] for name in fields if name in self._taken]
        taken = frozenset(name for name in fields if name in self._taken)
        if self._blanket is not None:
            hits.append(self._blanket)
            taken = fields
        permitted = fields & frozenset(self._by_field)
        missing = fields - permitted
        grant = self._grant(fields)
        unmet = self._unmet_for(missing if fields else None)
        if hits:
            reason, deny = min((_RANK.get(why, -1), deny, why) for deny, why in hits)[2:0:-1]
        else:
            reason, deny = self._missing(missing, unmet), None
        return Decision(
            allowed=False,
            reason=reason or "deny",
            permits=grant.ids,
            deny=deny,
            granted=permitted - taken - grant.drop,
            refused=missing | taken,
            minimize=grant.narrowed(fields),
            grounds=self._grounds,
            least=grant.least,
            purpose=self._purpose,
            unmet=tuple((p.id, why) for p, why in unmet),
        )

    def _unmet_for(self, missing: frozenset[str] | None) -> list[tuple[Permit, str]]:
        """Permits that would have granted something missing; None: anything at all."""
        return [
            (permit, why)
            for permit, why in self._unmet
            if missing is None or not missing.isdisjoint(permit.fields)
        ]

    @staticmethod
    def _missing(missing: frozenset[str], unmet: list[tuple[Permit, str]]) -> str:
        """Why fields are missing: a condition, where no field lacks a permit at all."""
        within_reach = _NOTHING.union(*(p.fields for p, _ in unmet))
        if not unmet or missing - within_reach:
            return "field.refused"
        return min((why for _, why in unmet), key=_RANK.__getitem__)


def _grants(permits: Iterable[Permit]) -> dict[str, Grant]:
    """Field to what its permits grant together; fields with the same permits share one."""
    granting: dict[str, list[Permit]] = {}
    for permit in permits:
        for name in permit.fields:
            granting.setdefault(name, []).append(permit)
    shared: dict[tuple[str, ...], Grant] = {}
    found: dict[str, Grant] = {}
    for name, some in granting.items():
        key = tuple(permit.id for permit in some)
        if key not in shared:
            shared[key] = Grant(some)
        found[name] = shared[key]
    return found


Hit = tuple[str, str]
"""Id of a deny, and why it could not be told; empty where it holds."""


def _denied(denies: Iterable[tuple[Deny, str]]) -> tuple[Hit | None, dict[str, Hit]]:
    """The deny that refuses whatever the fields are, and the one of each field."""
    blanket: Hit | None = None
    taken: dict[str, Hit] = {}
    # What holds is told before what nobody can tell; then the first by id.
    for deny, why in sorted(denies, key=lambda pair: (_RANK.get(pair[1], -1), pair[0].id)):
        if deny.fields is None:
            blanket = blanket or (deny.id, why)
        for name in deny.fields or ():
            taken.setdefault(name, (deny.id, why))
    return blanket, taken


class Case:
    """Permits and denies that can bear on who, why, what and to whom.

    Attributes:
        needs: names of ``Circumstances``' attributes that the answer depends on.
    """

    def __init__(
        self,
        purpose: str,
        grounds: tuple[str, ...],
        known: Mapping[str, Any],
        permits: Iterable[Permit],
        denies: Iterable[Deny],
        zone: str,
    ) -> None:
        self._told = (purpose, grounds, known)
        self._permits, self._denies = tuple(permits), tuple(denies)
        self._zone = zone
        whens = [p.when for p in self._permits] + [d.when for d in self._denies]
        conditions = [when for when in whens if when is not None]
        self._named = frozenset[str]().union(*(when.places for when in conditions))
        self.needs = frozenset(chain.from_iterable(when.needs() for when in conditions))
        self._class_of = classifier(conditions, self._named, zone)
        self._cells: dict[Hashable, Cell] = {}

    def for_somebody(self) -> Case:
        """The same, as far as it depends on nobody.

        A permit that depends on whom it is about grants, a deny that does denies nothing:
        what is left is whether it could be allowed at all. Each person is decided by herself.
        """
        permits = [
            replace(p, when=p.when.of_the_moment() if p.when else None) for p in self._permits
        ]
        denies = [d for d in self._denies if d.when is None or d.when == d.when.of_the_moment()]
        return Case(*self._told, permits, denies, self._zone)

    def cell(self, given: Circumstances) -> Cell:
        """What holds in these circumstances."""
        key = self._class_of(given)
        cell = self._cells.get(key)
        if cell is None:
            if len(self._cells) >= _CELLS:
                self._cells.clear()
            cell = self._cells[key] = self._made(given)
        return cell

    def _made(self, given: Circumstances) -> Cell:
        holding: list[Permit] = []
        unmet: list[tuple[Permit, str]] = []
        for permit in self._permits:
            why = self._why_not(permit.when, given)
            if why == HOLDS:
                holding.append(permit)
            else:
                unmet.append((permit, why))
        told = ((deny, self._why_not(deny.when, given)) for deny in self._denies)
        denying = [(deny, why) for deny, why in told if not why.endswith(".refused")]
        return Cell(*self._told, holding, denying, unmet)

    def _why_not(self, when: When | None, given: Circumstances) -> str:
        return HOLDS if when is None else when.told(given, self._named, self._zone)
