"""What many people have: counts of distinct people, released from a least cohort on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.recommend.base import Fitted, Recommender
from privet.recommend.checks import at_least
from privet.recommend.reasons import Reason
from privet.recommend.state import Contributions, State, broken, check_entries

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue
    from privet.recommend.history import History


@dataclass(frozen=True, kw_only=True)
class Counted(Recommender):
    """A recommender whose state counts the distinct people of each entry.

    Args:
        least: an entry that fewer people have never appears.
    """

    least: int = 20

    def __post_init__(self) -> None:
        at_least("least", self.least, 1)

    def empty(self, size: int) -> State:
        """No people, no counts."""
        zeros = {"people": np.zeros(1, np.int64), "counts": np.zeros(size, np.int64)}
        return State(size, zeros)

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person's entries; who has none is not counted."""
        if entries is None or not len(check_entries(entries, state.size)):
            return state
        counts = state.arrays["counts"]
        if sign < 0 and bool((counts[entries] < 1).any()):
            raise broken("a contribution was subtracted that had not been added")
        counts[entries] += sign
        state.arrays["people"][0] += sign
        return state

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort in one pass."""
        if cohort is None:
            return state
        cohort.check(state.size)
        state.arrays["counts"][:] += np.bincount(cohort.entries, minlength=state.size)
        state.arrays["people"][0] += int((np.diff(cohort.starts) > 0).sum())
        return state

    def share(self, state: State) -> np.ndarray:
        """Share of people per entry, float64; 0 below the least cohort."""
        counts, people = state.arrays["counts"], max(int(state.arrays["people"][0]), 1)
        return np.where(counts >= self.least, counts / people, 0.0)


@dataclass(frozen=True, kw_only=True)
class Popularity(Counted):
    """Ranks by how many distinct people have an entry; the same list for everybody."""

    kind: ClassVar[str] = "popularity"

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> PopularityFitted:
        """Drop what fewer than ``least`` people have."""
        share = self.share(state)
        return PopularityFitted(
            level=catalogue.level(self.by, names),
            event=self.event,
            least=self.least,
            shares=np.where(share > 0, share, -np.inf),
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PopularityFitted(Fitted):
    """Popular entries; serves without anybody's data.

    Attributes:
        least: the least number of people behind any entry.
        shares: share of people per entry, -inf below the least cohort, shape (L,).
    """

    least: int
    shares: np.ndarray

    def score(self, history: History, now_day: int) -> np.ndarray:
        """The share of people, whoever asks."""
        return self.shares

    def reason(self, history: History, index: int) -> Reason:
        """Popular with at least so many people."""
        return Reason("popular", self.event, count=self.least)
