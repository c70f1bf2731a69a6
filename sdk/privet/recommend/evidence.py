"""What speaks for an entry: the person's own habit, what goes with it, how popular it is.

Every number here is a plain function of one history and of sums over people, the same when
weights are chosen as when a list is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.habit import HABIT, habit, log
from privet.recommend.themes import RANKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.recommend.ease import EASEFitted
    from privet.recommend.further import Further
    from privet.recommend.history import History
    from privet.recommend.nextbasket import NextBasket, NextBasketFitted
    from privet.recommend.themes import Themes

FARTHER = 250
"""Other entries that are weighed for a person; what lies farther stands behind them."""
TREND_SEEN = ("again8", "again3", "p28", "ever")
TREND_FRESH = ("p7", "p14", "p28", "ever", "f14", "f28", "f84", "first")
SEEN = (*HABIT, "ease", "ease-root", "near", "near-log", "rare", *TREND_SEEN)
"""Evidence for an entry of her history."""
TOGETHER = ("ease", "ease-root", "near-log", *(f"theme-{rank}" for rank in RANKS))
FRESH = (*TOGETHER, *TREND_FRESH)
"""Evidence for any other entry."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Together:
    """What a person's whole history says for each entry.

    Attributes:
        said: what her entries say for it, not below 0, shape (L,), float64.
        near: how often people like her have it, not below 0, shape (L,), float64.
        themes: how much it looks like her, shape (number of ``RANKS``, L), float64.
    """

    said: np.ndarray
    near: np.ndarray
    themes: np.ndarray

    def columns(self) -> np.ndarray:
        """The evidence for what she never had, shape (number of ``TOGETHER``, L)."""
        # A root flattens what is far out, on both sides of nothing.
        themes = np.copysign(np.sqrt(np.abs(self.themes)), self.themes)
        rows = [self.said, np.sqrt(self.said), log(self.near, 1e-3), *themes]
        return np.stack(rows)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sources:
    """What was learned from people, ready to be asked; a missing part says nothing.

    Attributes:
        habit: what weighs a person's own visits; None to leave them out.
        ease: what each entry says for each other.
        themes: what people have in common at large, of the entries that ``ease`` keeps.
        near: the mean of people like her.
        trend: popularity in logarithms by name, each of shape (L,); may be empty.
        known: entries that enough people have, shape (L,), bool.
        further: what was learned of traits and words.
    """

    habit: NextBasket | None
    ease: EASEFitted | None
    themes: Themes | None
    near: NextBasketFitted | None
    trend: Mapping[str, np.ndarray]
    known: np.ndarray
    further: Further

    def together(self, history: History, now_day: int) -> Together:
        """What her entries, and people like her, say for each entry."""
        size = len(self.known)
        said, near, themes = np.zeros(size), np.zeros(size), np.zeros((len(RANKS), size))
        if self.ease is not None:
            placed = self.ease.placed(history, now_day)
            said[self.ease.kept] = np.maximum(self.ease.said(*placed), 0)
            if self.themes is not None:
                themes[:, self.ease.kept] = self.themes.say(*placed)
        if self.near is not None:
            near[self.near.kept] = self.near.neighbours(history)
        return Together(said, near, themes)

    def seen(
        self, history: History, now_day: int, together: Together
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
        said, near = together.said[own], together.near[own]
        # Of what few people have the other parts say nothing, which is no evidence against it.
        columns += [said, np.sqrt(said), near, log(near, 1e-3), ~self.known[own]]
        columns += [self._trend(name)[own] for name in TREND_SEEN]
        return own, np.stack(columns).T

    def fresh(self, history: History, together: Together, among: np.ndarray) -> np.ndarray:
        """The evidence for some other entries, shape (N, number of ``FRESH`` and of ``further``).

        Args:
            history: hers.
            together: what it says.
            among: the entries asked about.
        """
        trend = [self._trend(name)[among] for name in TREND_FRESH]
        columns = np.stack([*together.columns()[:, among], *trend], axis=1)
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

    def first_look(self, history: History, together: Together) -> np.ndarray:
        """A plain blend that finds the candidates worth weighing, shape (L,)."""
        look = 6 * together.near + 0.1 * together.said + self._lately() / 20
        if self.habit is not None:
            own, weight = self.habit.frequency(history)
            look[own] += weight
        return look

    def _lately(self) -> np.ndarray:
        """Share of people who had each entry lately; at all, without the trend. Shape (L,)."""
        return np.exp(self.trend["p28"]) if self.trend else self.further.share

    def _trend(self, name: str) -> np.ndarray:
        return self.trend[name] if self.trend else np.zeros(len(self.known))
