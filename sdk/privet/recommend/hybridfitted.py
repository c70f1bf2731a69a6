"""A hybrid ready to rank, and to say which part carried a pick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.base import Fitted
from privet.recommend.evidence import FRESH, TREND_FRESH
from privet.recommend.reasons import Reason

if TYPE_CHECKING:
    from privet.recommend.boosting import Trees
    from privet.recommend.choosing import Weights
    from privet.recommend.evidence import Sources
    from privet.recommend.history import History
    from privet.recommend.lookalikes import Lookalikes

BEHIND = 100.0
"""What keeps an entry that is not worth weighing behind those that are."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class HybridFitted(Fitted):
    """Two additive cards over the same parts, and trees that mend the one of entries she had.

    Attributes:
        sources: the parts.
        weights: of both cards.
        trees: what is added to the card of entries she had.
        least: the least number of people behind what is popular.
        alike: where entries that few people have belong; None leaves them out.
    """

    sources: Sources
    weights: Weights
    trees: Trees
    least: int
    alike: Lookalikes | None

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Log odds of being taken next: of entries she had by one card, of others by the other."""
        said, near = self.sources.together(history, now_day)
        fresh = self._popular + self._together(said, near)
        own, evidence = self.sources.seen(history, now_day, said, near)
        total = np.where(self.sources.known, fresh - BEHIND, -np.inf)
        total[self.sources.candidates(said, own)] += BEHIND
        if self.alike is not None:
            self.alike.place(total)
        total = self.weights.offset + self.weights.scale * total
        total[own] = evidence @ self.weights.seen[:-1] + self.weights.seen[-1]
        total[own] += self.trees.score(evidence)
        return total

    def reason(self, history: History, index: int) -> Reason:
        """Her habit; else what goes with it or reads like it; else that many have it."""
        (found,) = self.reasons(history, np.array([index]))
        return found

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """The same for a whole list, her history weighed once."""
        now_day = int(history.day.max(initial=0))
        said, near = self.sources.together(history, now_day)
        together = self._together(said, near)
        mean = float(together[self.sources.known].mean()) if self.sources.known.any() else 0.0
        carried = together - mean > self._popular - self._usual
        return [self._why(history, index, bool(carried[index])) for index in indices.tolist()]

    def together(self, index: int) -> np.ndarray | None:
        """What goes with one entry, by the part that knows pairs; None without it."""
        return None if self.sources.ease is None else self.sources.ease.together(index)

    def _why(self, history: History, index: int, carried: bool) -> Reason:
        names = self.level.names
        count = int((history.index == index).sum())
        if count and self.sources.habit is not None:
            return Reason("habit", self.event, names[index], count, len(np.unique(history.visit)))
        if count:
            return Reason("again", self.event, names[index])
        if not self.sources.known[index]:
            return self._reads(history, index)
        for part in (self.sources.ease, self.sources.near) if carried else ():
            if part is not None and len(history) and part.score(history, 0)[index] > 0:
                return part.reason(history, index)
        return Reason("popular", self.event, count=self.least)

    def _reads(self, history: History, index: int) -> Reason:
        """Like the one of hers whose text is nearest, if a word is shared."""
        if self.alike is not None and self.alike.words.score(history, 0)[index] > 0:
            return self.alike.words.reason(history, index)
        return Reason("popular", self.event, count=self.least)

    def _together(self, said: np.ndarray, near: np.ndarray) -> np.ndarray:
        """What her history adds to the card of others, shape (L,)."""
        said_by, root_by, near_by = self.weights.fresh[: len(FRESH) - len(TREND_FRESH)]
        total: np.ndarray = said_by * said + root_by * np.sqrt(said) + near_by * np.log(near + 1e-3)
        return total

    @cached_property
    def _popular(self) -> np.ndarray:
        """What the trend adds to the card of others, the same for everybody, shape (L,)."""
        total = np.zeros(len(self.level))
        for name, weight in zip(TREND_FRESH, self.weights.fresh[-len(TREND_FRESH) :], strict=True):
            if self.sources.trend:
                total += weight * self.sources.trend[name]
        return total

    @cached_property
    def _usual(self) -> float:
        known = self._popular[self.sources.known]
        return float(known.mean()) if len(known) else 0.0
