"""What speaks for an entry: the person's own habit, what goes with it, how popular it is.

Every number here is a plain function of one history and of sums over people, the same when
weights are chosen as when a list is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.recommend.ease import EASEFitted
    from privet.recommend.history import History
    from privet.recommend.nextbasket import NextBasket, NextBasketFitted

HALF_LIVES = (20, 60, 180)
"""Days by which a visit's weight halves."""
FARTHER = 250
"""Other entries that are weighed for a person; what lies farther stands behind them."""
BACK = 0.97
"""What a visit weighs against the one after it."""
TREND_SEEN = ("again8", "again3", "p28", "ever")
TREND_FRESH = ("p7", "p14", "p28", "ever", "f14", "f28", "f84", "first")
TOGETHER = ("ease", "ease-root", "near")
HABIT = (
    *("groups", "groups-log", "visits", "once", "rank"),
    *(f"days{days}{form}" for days in HALF_LIVES for form in ("", "-log")),
    *("last", "gap", "due"),
)
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
    """

    habit: NextBasket | None
    ease: EASEFitted | None
    near: NextBasketFitted | None
    trend: Mapping[str, np.ndarray]
    known: np.ndarray

    def together(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """What her entries say for each entry, and how often people like her have it.

        Returns:
            two arrays of shape (L,), float64, not below 0.
        """
        said, near = np.zeros((2, len(self.known)))
        if self.ease is not None:
            said = np.maximum(self.ease.score(history, now_day), 0)
        if self.near is not None:
            near = self.near.score(history, now_day)
            own, weight = self.near.recommender.frequency(history)
            near[own] -= weight  # what is left are the neighbours
            near = np.maximum(near, 0)
        return said, near

    def seen(
        self, history: History, now_day: int, said: np.ndarray, near: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Her entries, ascending, and the evidence for each of them.

        Returns:
            int64 of shape (N,) and float64 of shape (N, number of ``SEEN``).
        """
        own, columns = self._habit(history, now_day)
        said, near = said[own], near[own]
        # Of what few people have the other parts say nothing, which is no evidence against it.
        columns += [said, np.sqrt(said), near, _log(near, 1e-3), ~self.known[own]]
        columns += [self._trend(name)[own] for name in TREND_SEEN]
        return own, np.stack(columns, axis=1)

    def fresh(self, said: np.ndarray, near: np.ndarray, among: np.ndarray) -> np.ndarray:
        """The evidence for some other entries, shape (N, number of ``FRESH``).

        Args:
            said: what her entries say for each entry.
            near: how often people like her have each.
            among: the entries asked about.
        """
        said, near = said[among], near[among]
        trend = [self._trend(name)[among] for name in TREND_FRESH]
        return np.stack([said, np.sqrt(said), _log(near, 1e-3), *trend], axis=1)

    def candidates(self, said: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The other entries worth weighing, the likeliest by a plain blend first, int64.

        Args:
            said: what her entries say for each entry.
            own: the entries of her history.
        """
        blend = said + np.exp(self._trend("p28")) / 2
        blend[own] = -np.inf
        blend[~self.known] = -np.inf
        order = np.argsort(-blend, kind="stable")[:FARTHER]
        found: np.ndarray = order[blend[order] > -np.inf]
        return found

    def first_look(self, history: History, said: np.ndarray, near: np.ndarray) -> np.ndarray:
        """A plain blend that finds the candidates worth weighing, shape (L,)."""
        look = 6 * near + 0.1 * said
        if self.trend:
            look = look + np.exp(self.trend["p28"]) / 20
        if self.habit is not None:
            own, weight = self.habit.frequency(history)
            look[own] += weight
        return look

    def _trend(self, name: str) -> np.ndarray:
        return self.trend[name] if self.trend else np.zeros(len(self.known))

    def _habit(self, history: History, now_day: int) -> tuple[np.ndarray, list[np.ndarray]]:
        own, inverse, visits = np.unique(history.index, return_inverse=True, return_counts=True)
        if self.habit is None:
            return own, [np.zeros(len(own)) for _ in HABIT]
        age = np.maximum(now_day - history.day, 0)
        back = history.visit.max(initial=0) - history.visit
        groups = self.habit.frequency(history)[1]
        columns = [groups, _log(groups, 0.05), np.log(visits + 0.3), visits == 1.0]
        columns.append(_log(np.bincount(inverse, BACK**back, len(own)), 0.02))
        for days in HALF_LIVES:
            halved = np.bincount(inverse, np.exp2(-age / days), len(own))
            columns += [halved, _log(halved, 0.05)]
        # Rows are oldest first, so the last one written is the latest and vice versa.
        last, first = np.zeros((2, len(own)))
        last[inverse] = age
        first[inverse[::-1]] = age[::-1]
        # A basket may be kept open for days, so that an earlier row is of a later day.
        between = np.maximum(first - last, 0) / np.maximum(visits - 1, 1)
        gap = np.where(visits > 1, between, first + 30)
        due = np.log(np.minimum(last / np.maximum(gap, 1), 20) + 0.1)
        return own, [*columns, np.log(last + 1), np.log(gap + 1), due]


def _log(values: np.ndarray, floor: float) -> np.ndarray:
    logarithm: np.ndarray = np.log(values + floor)
    return logarithm
