"""What is found with what: co-counts of distinct people, above a floor, as cosines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.recommend import gram
from privet.recommend.base import Fitted, Recommender
from privet.recommend.checks import at_least
from privet.recommend.reasons import Reason
from privet.recommend.state import Contributions, State, broken, check_entries

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue
    from privet.recommend.history import History

BLOCK = 256
"""Entries whose neighbours are ranked at once."""


@dataclass(frozen=True, kw_only=True)
class ItemItem(Recommender):
    """Item-based nearest neighbours over sets of people.

    Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms" (WWW
    2001), with cosine over binary vectors. Pairs shared by fewer than ``floor`` people are
    dropped: rare pairs are what tells most about single people. The default lies on the
    frontier of quality and risk (``docs/guide/evaluate.md``).

    Args:
        floor: the least number of people behind a pair.
        neighbours: how many neighbours of an entry are kept.
    """

    kind: ClassVar[str] = "item-item"
    floor: int = 20
    neighbours: int = 100

    def __post_init__(self) -> None:
        at_least("floor", self.floor, 1)
        at_least("neighbours", self.neighbours, 1)

    def empty(self, size: int) -> State:
        """No people, no pairs.

        Raises:
            InvalidInput: the level has too many entries for this method.
        """
        gram.check_size(size, self.kind, self.by)
        return State(size, {"pairs": gram.packed(size, np.int32)})

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person: one to every pair of her entries."""
        if entries is None or not len(check_entries(entries, state.size)):
            return state
        where = gram.places(entries, state.size)
        pairs = state.arrays["pairs"]
        if sign < 0 and bool((pairs[where] < 1).any()):
            raise broken("a contribution was subtracted that had not been added")
        pairs[where] += sign
        return state

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort as products of 0/1 matrices."""
        if cohort is None:
            return state
        cohort.check(state.size)
        gram.count_all(state.arrays["pairs"], cohort, state.size)
        return state

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> ItemItemFitted:
        """Cosines of the pairs above the floor, and each entry's nearest neighbours."""
        size = state.size
        counts = gram.box(state.arrays["pairs"], np.arange(size), size)
        people = counts.diagonal().astype(np.float64)
        counts[counts < self.floor] = 0
        width = min(self.neighbours, size)
        neighbour = np.zeros((size, width), np.int64)
        cosine = np.zeros((size, width))
        for begin in range(0, size, BLOCK):
            block = slice(begin, begin + BLOCK)
            near = counts[block] / np.sqrt(np.maximum(people[block, None] * people, 1))
            neighbour[block] = np.argsort(-near, axis=1, kind="stable")[:, :width]
            cosine[block] = np.take_along_axis(near, neighbour[block], axis=1)
        level = catalogue.level(self.by, names)
        return ItemItemFitted(level=level, event=self.event, neighbour=neighbour, cosine=cosine)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ItemItemFitted(Fitted):
    """Nearest neighbours of each entry.

    Attributes:
        neighbour: entries by falling cosine, then index, shape (L, N), int64.
        cosine: their cosines, 0 where there is no such neighbour, shape (L, N).
    """

    neighbour: np.ndarray
    cosine: np.ndarray

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Sum of the cosines to the entries of her history, each day with one counting."""
        own, weight = self._weights(history)
        total = np.bincount(self.neighbour[own].ravel(), weight.ravel(), minlength=len(self.level))
        return np.where(total > 0, total, -np.inf)

    def reason(self, history: History, index: int) -> Reason:
        """The entry of her history that speaks most for this one."""
        (found,) = self.reasons(history, np.array([index]))
        return found

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """The same for a whole list, her history weighed once."""
        own, weight = self._weights(history)
        had, near = set(own.tolist()), self.neighbour[own]
        names = self.level.names
        return [
            Reason("again", self.event, names[index])
            if index in had
            else Reason("together", self.event, names[_speaks(own, weight, near == index)])
            for index in indices.tolist()
        ]

    def together(self, index: int) -> np.ndarray:
        """Cosines to its neighbours: each pair is in the lists of ``floor`` people."""
        total = np.zeros(len(self.level))
        total[self.neighbour[index]] = self.cosine[index]
        total[index] = 0
        return total

    def _weights(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """Her distinct entries, and what each says for each of its neighbours."""
        own, times = np.unique(history.index, return_counts=True)
        return own, self.cosine[own] * times[:, None]


def _speaks(own: np.ndarray, weight: np.ndarray, named: np.ndarray) -> int:
    """Which of her entries weighs most where ``named`` is true; the first of equals."""
    row, column = np.nonzero(named)
    return int(own[row[weight[row, column].argmax()]])
