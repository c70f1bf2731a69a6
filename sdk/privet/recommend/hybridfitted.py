"""A hybrid ready to rank, and to say which part carried a pick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.base import Fitted
from privet.recommend.evidence import FRESH, TOGETHER, TREND_FRESH
from privet.recommend.reasons import Reason

if TYPE_CHECKING:
    from privet.recommend.boosting import Trees
    from privet.recommend.choosing import Weights
    from privet.recommend.content import ContentFitted
    from privet.recommend.evidence import Sources, Together
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
        reading: whose content is alike; None where content is not weighed.
    """

    sources: Sources
    weights: Weights
    trees: Trees
    least: int
    alike: Lookalikes | None
    reading: ContentFitted | None

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Log odds of being taken next: of entries she had by one card, of others by the other."""
        together = self.sources.together(history, now_day)
        fresh = self._popular + self._together(together) + self._further(history)
        own, evidence = self.sources.seen(history, now_day, together)
        total = np.where(self.sources.known, fresh - BEHIND, -np.inf)
        total[self.sources.candidates(together.said, own)] += BEHIND
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
        together = self._together(self.sources.together(history, now_day))
        parts = [self._popular[:, None], together[:, None]]
        columns = self.sources.further.of(history) * self.weights.fresh[len(FRESH) :]
        weighed = np.concatenate([*parts, columns], axis=1)
        usual = weighed[self.sources.known].mean(axis=0) if self.sources.known.any() else 0
        carried = (weighed[indices] - usual).argmax(axis=1)
        named = ("popular", "together", *self.sources.further.names)
        return [
            self._why(history, index, named[part])
            for index, part in zip(indices.tolist(), carried.tolist(), strict=True)
        ]

    def together(self, index: int) -> np.ndarray | None:
        """What goes with one entry, by the part that knows pairs; None without it."""
        return None if self.sources.ease is None else self.sources.ease.together(index)

    def _why(self, history: History, index: int, part: str) -> Reason:
        names = self.level.names
        count = int((history.index == index).sum())
        if count and self.sources.habit is not None:
            return Reason("habit", self.event, names[index], count, len(np.unique(history.visit)))
        if count:
            return Reason("again", self.event, names[index])
        return self._why_new(history, index, part)

    def _why_new(self, history: History, index: int, part: str) -> Reason:
        """Why an entry that she never had, by the part that carried it most."""
        if not self.sources.known[index]:
            return self._reads(None if self.alike is None else self.alike.words, history, index)
        if part == "content":
            return self._reads(self.reading, history, index)
        for pairs in (self.sources.ease, self.sources.near) if part == "together" else ():
            if pairs is not None and len(history) and pairs.score(history, 0)[index] > 0:
                return pairs.reason(history, index)
        return self._many(history, index)

    def _many(self, history: History, index: int) -> Reason:
        """Many have it: who share that trait of hers which speaks most for it, or all."""
        trait, people = self.sources.further.popular_with(history, index)
        if trait:
            return Reason("segment", self.event, count=people, trait=trait)
        return Reason("popular", self.event, count=self.least)

    def _reads(self, words: ContentFitted | None, history: History, index: int) -> Reason:
        """Like the one of hers whose text is nearest, if a word is shared."""
        if words is not None and words.score(history, 0)[index] > 0:
            return words.reason(history, index)
        return self._many(history, index)

    def _together(self, together: Together) -> np.ndarray:
        """What her history adds to the card of others, shape (L,)."""
        total: np.ndarray = self.weights.fresh[: len(TOGETHER)] @ together.columns()
        return total

    def _further(self, history: History) -> np.ndarray:
        """What her traits, and the words she leans to, add to the card of others, shape (L,)."""
        total: np.ndarray = self.sources.further.of(history) @ self.weights.fresh[len(FRESH) :]
        return total

    @cached_property
    def _popular(self) -> np.ndarray:
        """What the trend adds to the card of others, the same for everybody, shape (L,)."""
        total = np.zeros(len(self.level))
        for name, weight in zip(TREND_FRESH, self.weights.fresh[len(TOGETHER) :], strict=False):
            if self.sources.trend:
                total += weight * self.sources.trend[name]
        return total
