"""What a hybrid learns from people: sums over them, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend import traits, trend
from privet.recommend.evidence import Sources
from privet.recommend.further import Further
from privet.recommend.state import Contributions, State, broken
from privet.recommend.themes import Themes
from privet.recommend.traits import Segments
from privet.recommend.words import Leaning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.features.catalogue import Catalogue, Level
    from privet.recommend.ease import EASE
    from privet.recommend.history import History
    from privet.recommend.nextbasket import NextBasket
    from privet.recommend.words import Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """The parts of a hybrid that are learned from people; None for one that is left out.

    Attributes:
        by: the attribute that entries are.
        habit: what weighs a person's own visits.
        ease: what goes together.
        themes: whether it also says what people have in common at large.
        baskets: what the like-minded have.
        trend: whether it counts what people took lately.
        traits: fields of the profile by which people are alike.
        floor: the least number of people behind a pair.
        least: an entry of which fewer people are known says nothing.
    """

    by: str
    habit: NextBasket | None
    ease: EASE | None
    themes: bool
    baskets: NextBasket | None
    trend: bool
    traits: tuple[str, ...]
    floor: int
    least: int

    def empty(self, size: int) -> dict[str, np.ndarray]:
        """The arrays of no people."""
        arrays = {"people": np.zeros(1, np.int64), "trend": np.zeros((trend.ROWS, size), np.int64)}
        for name, part in self._pairs().items():
            empty = part.empty(size).arrays
            arrays |= {f"{name}.{array}": empty[array] for array in empty}
        return arrays | (traits.empty(size) if self.traits else {})

    def add(self, state: State, people: Sequence[History], day: int, sign: int = 1) -> State:
        """Add (or with ``sign=-1`` subtract) some people as of a day, in place.

        Raises:
            IntegrityError: somebody was never added.
        """
        if self.traits:
            traits.total(state, people, sign)
        counts = trend.count(people, day, state.size)
        total = state.arrays["trend"]
        if sign < 0 and bool((total < counts).any()):
            raise broken("a contribution was subtracted that had not been added")
        for name, part in self._pairs().items():
            inner, added = _within(state, name), [part.contribution(h, day) for h in people]
            if sign > 0:
                part.add_all(inner, Contributions.of(added))
            else:
                for one in added:
                    part.add(inner, one, sign)
        total += sign * counts
        state.arrays["people"][0] += sign * sum(len(history) > 0 for history in people)
        return state

    def sources(
        self,
        state: State,
        catalogue: Catalogue,
        names: tuple[str, ...] | None = None,
        words: Words | None = None,
    ) -> Sources:
        """The parts, ready to be asked."""
        made = {
            name: part.finish(_within(state, name), catalogue, names)
            for name, part in self._pairs().items()
        }
        counts, people = state.arrays["trend"], int(state.arrays["people"][0])
        known = (counts[0] >= self.least) & ~catalogue.level(self.by, names).hidden
        had = np.where(known, counts[0], 0)
        return Sources(
            habit=self.habit,
            ease=made.get("ease"),  # type: ignore[arg-type]
            themes=self._themes(state, catalogue.level(self.by, names)),
            near=made.get("baskets"),  # type: ignore[arg-type]
            trend=trend.shares(counts, people, self.least) if self.trend else {},
            known=known,
            further=Further(
                share=had / max(people, 1),
                traits=self.traits,
                segments=Segments.of(state, self.floor, self.least) if self.traits else None,
                leaning=None if words is None else Leaning.of(words, had),
            ),
        )

    def _themes(self, state: State, level: Level) -> Themes | None:
        """What people have in common, from the sums of the part that weighs pairs."""
        if self.ease is None or not self.themes:
            return None
        inner = _within(state, "ease")
        return Themes.of(self.ease.products(inner, self.ease.kept(inner, level)))

    def _pairs(self) -> Mapping[str, EASE | NextBasket]:
        """The parts over pairs of entries, each with arrays of its own."""
        every = {"ease": self.ease, "baskets": self.baskets}
        return {name: part for name, part in every.items() if part is not None}


def _within(state: State, part: str) -> State:
    """The arrays of one part: the same memory."""
    head = f"{part}."
    arrays = {n.removeprefix(head): a for n, a in state.arrays.items() if n.startswith(head)}
    return State(state.size, arrays)
