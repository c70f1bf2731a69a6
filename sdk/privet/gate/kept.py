"""How long rows are kept of whom: the bounds of a sweep, and the proof that it was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from privet.clock import DAY_US, iso
from privet.gate.held import held_periods
from privet.policy import APART, COLUMN, HELD, fates

if TYPE_CHECKING:
    from privet.db import Tx
    from privet.gate.parts import Parts
    from privet.policy import Policy
    from privet.vault.checking import Aged

WEEK_US = 7 * DAY_US
UNNAMED = "-"
"""Stands for the category of fields that the policy does not have any more, and of keys."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one purpose and category, and since when.

    Attributes:
        purpose: what it was collected for.
        held: whether a law holds it past an erasure.
        category: category of the fields.
        rows: how many rows.
        oldest: day of the oldest one, ISO 8601, UTC.
        bound: the day before which nobody's may be any more.
        due: rows past their person's retention: what the sweep removes.
        late: those of them that were sealed for longer than the policy now says.
    """

    purpose: str
    held: bool
    category: str
    rows: int
    oldest: str
    bound: str
    due: int
    late: int


def cutoffs(parts: Parts, jurisdiction: str = "") -> dict[str, int]:
    """Domain to the instant before which its events are past retention.

    Args:
        parts: the open deployment.
        jurisdiction: whose law protects the people; of an unknown one the shortest hold holds.
    """
    found: dict[str, int] = {}
    for name, spec in parts.policy.purposes.items():
        retention = spec.retention.before(parts.now)
        found |= dict.fromkeys(fates(name), retention)
        holds = spec.holds(jurisdiction)
        if holds:  # what is still used goes no sooner than what nothing holds
            ended = max(hold.period.before(parts.now) for hold in holds)
            found |= dict.fromkeys(fates(name + HELD), min(ended, retention))
    return found


def bounds(tx: Tx, parts: Parts, snos: BitMap) -> list[tuple[dict[str, int], BitMap]]:
    """For some people: by domain, the instant before which nothing of them is kept.

    Args:
        tx: the snapshot.
        parts: the open deployment.
        snos: the people; each of them is in one of the groups.
    """
    erased = {sno: held for sno, held in held_periods(tx).items() if sno in snos}
    rest = snos - BitMap(erased)
    groups = [(cutoffs(parts), rest)]
    if any(rules.held for spec in parts.policy.purposes.values() for rules in spec.jurisdictions):
        places = parts.ledger.places(tx, rest)
        groups = [(cutoffs(parts, code), who) for code, who in places.items()]
    for sno, periods in erased.items():  # as was decided when she was erased
        kept = {domain: period.before(parts.now) for domain, period in periods.items()}
        groups.append((cutoffs(parts) | kept, BitMap([sno])))
    return [(by_domain, who) for by_domain, who in groups if who]


@dataclass(slots=True)
class _Line:
    rows: int = 0
    oldest: int = 2**62
    due: int = 0
    late: int = 0

    def grow(self, other: _Line) -> None:
        """Take in further rows."""
        self.rows += other.rows
        self.oldest = min(self.oldest, other.oldest)
        self.due += other.due
        self.late += other.late

    def largest(self, other: _Line | None) -> _Line:
        """Of two sets of cells that hold parts of the same rows."""
        if other is None:
            return self
        return _Line(
            max(self.rows, other.rows),
            min(self.oldest, other.oldest),
            max(self.due, other.due),
            max(self.late, other.late),
        )


@dataclass(slots=True)
class Proof:
    """The oldest row per purpose and category, taken together slice by slice."""

    policy: Policy
    names: Mapping[int, str]
    groups: Mapping[int, tuple[str, frozenset[str]]]
    now: int
    lines: dict[tuple[str, bool, str], _Line] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    late: set[str] = field(default_factory=set)

    def add(self, some: Iterable[Aged], rules: Iterable[tuple[Mapping[str, int], BitMap]]) -> None:
        """Take in the rows of some people, with what holds for them.

        A row whose fields lie in several cells is counted once in each of its categories.
        """
        by_domain = list(rules)
        seen: dict[tuple[str, bool, str, str], _Line] = {}
        past: dict[tuple[int, str], tuple[int, int]] = {}
        for aged in some:
            name = self.names.get(aged.dom, "")
            purpose = purpose_of(name)
            event, fields = self.groups[aged.grp]
            if event.endswith("#key") or purpose not in self.policy.purposes:
                self._unbound(purpose, event, len(aged.at))
                continue
            due, late = self._past(aged, name, by_domain)
            if late:
                self.late.add(name)
            place = aged.dom, event
            past[place] = max(past.get(place, (0, 0)), (due, late))
            held = name.removesuffix(APART).endswith(HELD)
            one = _Line(len(aged.at), int(aged.at.min()), due, late)
            for category in self._categories(event, fields):
                key = purpose, held, category, f"{name}.{event}"
                seen[key] = one.largest(seen.get(key))
        for (purpose, held, category, _), one in seen.items():
            line = self.lines.setdefault((purpose, held, category), _Line())
            line.grow(one)
        for due, late in past.values():
            self.faults["retention.due"] += due - late
            self.faults["retention.late"] += late

    def told(self, parts: Parts) -> tuple[Kept, ...]:
        """The proof, by purpose and category."""
        limits = cutoffs(parts)
        return tuple(
            Kept(
                purpose,
                held,
                category,
                line.rows,
                _day(line.oldest),
                _day(limits.get(purpose + HELD * held, limits[purpose])),
                line.due,
                line.late,
            )
            for (purpose, held, category), line in sorted(self.lines.items())
        )

    def _unbound(self, purpose: str, event: str, rows: int) -> None:
        """Rows that no retention is said for: how privet knows a person, or of no purpose."""
        if "#" not in event and purpose not in _OWN:
            self.faults["retention.purpose"] += rows

    def _past(
        self, aged: Aged, name: str, rules: list[tuple[Mapping[str, int], BitMap]]
    ) -> tuple[int, int]:
        past = np.zeros(len(aged.at), bool)
        for cutoff, who in rules:
            mine = np.isin(aged.snos, np.fromiter(who, np.int64, len(who)))
            limit = cutoff.get(name, cutoff[purpose_of(name)])  # of a hold that the policy dropped
            past |= mine & (aged.at < limit)
        late = past & (aged.lapses > self.now // WEEK_US)
        return int(np.count_nonzero(past)), int(np.count_nonzero(late))

    def _categories(self, event: str, fields: frozenset[str]) -> set[str]:
        known = self.policy.fields
        named = [known.get(f"{event}.{bare}") for bare in fields]
        return {spec.category if spec is not None else UNNAMED for spec in named} or {UNNAMED}


_OWN = frozenset({"identity", "evidence"})


def purpose_of(domain: str) -> str:
    """What the data of a domain was collected for."""
    return domain.removesuffix(COLUMN).removesuffix(APART).removesuffix(HELD)


def has_ended(tx: Tx, parts: Parts, sno: int, purpose: str) -> bool:
    """Whether what somebody's data was collected for is over: maintenance deletes what is left."""
    if purpose not in parts.policy.purposes:
        return False
    return not parts.ledger.standing(tx, sno, purpose, parts.now).active


def _day(us: int) -> str:
    return iso(us)[:10]
