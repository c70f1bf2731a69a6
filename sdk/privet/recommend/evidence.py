"""What speaks for an entry: the person's own habit, what goes with it, how popular it is.

Every number here is a plain function of one history and of sums over people, the same when
weights are chosen as when a list is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.habit import HABIT, habit, log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.recommend.ease import EASEFitted
    from privet.recommend.further import Further
    from privet.recommend.history import History
    from privet.recommend.nextbasket import NextBasket, NextBasketFitted

FARTHER = 250
"""Other entries that are weighed for a person; what lies farther stands behind them."""
TREND_SEEN = ("again8", "again3", "p28", "ever")
TREND_FRESH = ("p7", "p14", "p28", "ever", "f14", "f28", "f84", "first")
TOGETHER = ("ease", "ease-root", "near")
SEEN = (*HABIT, *TOGETHER, "near-log", "rare", *TREND_SEEN)
"""Evidence for an entry of her history."""
FRESH = (*TOGETHER[:2], "near-log", *TREND_FRESH)
"""Evidence for any other entry."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sources:
    """What was learned from people, ready to be asked; a missing part says nothing.

    Attributes:
        habit: what weighs a person's own visits; None to leave them out.
        ease: what each entry says for each other.
        near: the mean of people like her.
        trend: popularity in logarithms by name, each of shape (L,); may be empty.
        known: entries that enough people have, shape (L,), bool.
        further: what was learned of traits and words.
    """

    habit: NextBasket | None
    ease: EASEFitted | None
    near: NextBasketFitted | None
    trend: Mapping[str, np.ndarray]
    known: np.ndarray
    further: Further

    def together(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """What her entries say for each entry, and how often people like her have it.

        Returns:
            two arrays of shape (L,), float64, not below 0.
        """
        said, near = np.zeros((2, len(self.known)))
        if self.ease is not None:
            said = np.maximum(self.ease.score(history, now_day), 0)
        if self.near is not None:
            near[self.near.kept] = self.near.neighbours(history)
        return said, near

    def seen(
        self, history: History, now_day: int, said: np.ndarray, near: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Her entries, ascending, and the evidence for each of them.

        Returns:
            int64 of shape (N,) and float64 of shape (N, number of ``SEEN``).
        """
        if self.habit is None:
            own = history.entries()
            columns = [np.zeros(len(own)) for _ in HABIT]
        else:
            own, columns = habit(history, now_day, self.habit.decay)
        said, near = said[own], near[own]
        # Of what few people have the other parts say nothing, which is no evidence against it.
        columns += [said, np.sqrt(said), near, log(near, 1e-3), ~self.known[own]]
        columns += [self._trend(name)[own] for name in TREND_SEEN]
        return own, np.stack(columns).T

    def fresh(
        self, history: History, said: np.ndarray, near: np.ndarray, among: np.ndarray
    ) -> np.ndarray:
        """The evidence for some other entries, shape (N, number of ``FRESH`` and of ``further``).

        Args:
            history: hers.
            said: what her entries say for each entry.
            near: how often people like her have each.
            among: the entries asked about.
        """
        said, near = said[among], near[among]
        trend = [self._trend(name)[among] for name in TREND_FRESH]
        columns = np.stack([said, np.sqrt(said), log(near, 1e-3), *trend], axis=1)
        return np.concatenate([columns, self.further.of(history)[among]], axis=1)

    def candidates(self, said: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The other entries worth weighing, the likeliest by a plain blend first, int64.

        Args:
            said: what her entries say for each entry.
            own: the entries of her history.
        """
        blend = said + self._lately() / 2
        blend[own] = -np.inf
        blend[~self.known] = -np.inf
        order = np.argsort(-blend, kind="stable")[:FARTHER]
        found: np.ndarray = order[blend[order] > -np.inf]
        return found

    def first_look(self, history: History, said: np.ndarray, near: np.ndarray) -> np.ndarray:
        """A plain blend that finds the candidates worth weighing, shape (L,)."""
        look = 6 * near + 0.1 * said + self._lately() / 20
        if self.habit is not None:
            own, weight = self.habit.frequency(history)
            look[own] += weight
        return look

    def _lately(self) -> np.ndarray:
        """Share of people who had each entry lately; at all, without the trend. Shape (L,)."""
        return np.exp(self.trend["p28"]) if self.trend else self.further.share

    def _trend(self, name: str) -> np.ndarray:
        return self.trend[name] if self.trend else np.zeros(len(self.known))
