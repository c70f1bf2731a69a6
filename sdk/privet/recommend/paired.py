"""What the recommenders with a weighted gram have in common: its exact sums."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend import gram
from privet.recommend.base import Recommender
from privet.recommend.checks import at_least
from privet.recommend.state import Contributions, State, broken, check_entries

if TYPE_CHECKING:
    from privet.features.catalogue import Level
    from privet.recommend.history import Histories, History


@dataclass(frozen=True, kw_only=True)
class Paired(Recommender):
    """A recommender over the pairs of entries that people share, each entry with a weight.

    The state counts the people of each pair and sums the products of their weights, so
    that what few people share can be told and left out.

    Args:
        floor: the least number of people behind a pair.
        least: an entry that fewer people have is left out.
    """

    floor: int = 10
    least: int = 20

    def __post_init__(self) -> None:
        at_least("floor", self.floor, 1)
        at_least("least", self.least, 1)

    @property
    def weighted(self) -> bool:
        """Whether entries weigh differently for a person: counts alone say it if not."""
        return True

    @abstractmethod
    def weigh(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """What each of a person's entries weighs for her.

        Returns:
            distinct entries, ascending; their weights, float64, not below 0.
        """

    @abstractmethod
    def whole(self, weights: np.ndarray) -> np.ndarray:
        """Weights in whole numbers, int64, not above ``gram.MOST_WEIGHT``."""

    def contribution(self, history: History, now_day: int) -> np.ndarray:
        """Her entries, ascending, and then what each weighs (if ``weighted``)."""
        entries, weights = self.weigh(history, now_day)
        if not self.weighted:
            return entries.astype(np.int32)
        return gram.join(entries, self.whole(weights))

    def contributions(self, cohort: Histories, now_day: int) -> Contributions:
        """``contribution`` of each person of a cohort."""
        people = range(len(cohort))
        return Contributions.of(self.contribution(cohort[i], now_day) for i in people)

    def empty(self, size: int) -> State:
        """No people, no pairs.

        Raises:
            InvalidInput: the level has too many entries for this method.
        """
        gram.check_size(size, self.kind, self.by)
        arrays = {"pairs": gram.packed(size, np.int32)}
        if self.weighted:
            arrays["gram"] = gram.packed(size, np.int64)
        return State(size, arrays)

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person: the products of her weights, pair by pair."""
        if entries is None or not len(entries):
            return state
        own, weights = self._part(entries, state.size)
        where = gram.places(own, state.size)
        low, high = np.triu_indices(len(own))
        added = {"pairs": np.ones(len(where), np.int64), "gram": weights[low] * weights[high]}
        sums = {name: state.arrays[name] for name in state.arrays.keys() & added.keys()}
        if sign < 0 and any(bool((sums[name][where] < added[name]).any()) for name in sums):
            raise broken("a contribution was subtracted that had not been added")
        for name, total in sums.items():
            total[where] += (sign * added[name]).astype(total.dtype)
        return state

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort as products of matrices."""
        if cohort is None:
            return state
        sets, weights = self._parted(cohort, state.size)
        gram.count_all(state.arrays["pairs"], sets, state.size)
        if self.weighted:
            gram.weigh_all(state.arrays["gram"], sets, weights, state.size)
        return state

    def kept(self, state: State, level: Level) -> np.ndarray:
        """Entries that ``least`` people have and that may be inferred from, ascending.

        Args:
            state: exact sums.
            level: the entries as the catalogue has them now.
        """
        people = gram.people(state.arrays["pairs"], state.size)
        return np.flatnonzero((people >= self.least) & ~level.hidden)

    def _part(self, entries: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The entries of a contribution and their weights, checked."""
        if self.weighted:
            return gram.part(entries, size)
        return check_entries(entries, size), np.ones(len(entries), np.int64)

    def _parted(self, cohort: Contributions, size: int) -> tuple[Contributions, np.ndarray]:
        """The sets of entries of a cohort, and the weights that belong to them."""
        both = [self._part(entries, size) for entries in cohort]
        weights = [np.zeros(0, np.int64), *(weights for _, weights in both)]
        return Contributions.of(own for own, _ in both), np.concatenate(weights)
