"""What the next basket holds: the person's own baskets, and those of people like her."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.errors import InvalidInput
from privet.recommend import gram
from privet.recommend.base import Fitted
from privet.recommend.checks import at_least
from privet.recommend.paired import Paired
from privet.recommend.reasons import Reason
from privet.recommend.state import Contributions, State, broken

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue
    from privet.recommend.history import History

SCALE = 1 << 15
"""Vectors of length one are kept in units of 1/32768."""


@dataclass(frozen=True, kw_only=True)
class NextBasket(Paired):
    """Personal frequency that decays by groups of baskets, blended with neighbours, as a sum.

    Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation" (SIGIR 2020; TIFU-KNN): a basket weighs ``within`` to the power of its
    distance from the last one of its group, times ``between`` to the power of its group's
    distance from the last group.

    In place of a mean over the k nearest people this takes the mean over all, each with the
    inner product of her vector (of length one) and the asker's. That is a product with the
    gram of all vectors, an exact sum: nobody's vector lies in the model, and forgetting is
    subtraction. What pairs of fewer than ``floor`` people add is left out.

    Args:
        basket: the field that tells baskets apart; None makes each day one.
        group: baskets in a group.
        within: decay from basket to basket within a group, 0 to 1.
        between: decay from group to group, 0 to 1.
        neighbours: weight of the neighbours' mean, against one basket of today.
    """

    kind: ClassVar[str] = "next-basket"
    basket: str | None = "basket"
    group: int = 7
    within: float = 0.95
    between: float = 0.8
    neighbours: float = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("group", self.group, 1)
        at_least("neighbours", self.neighbours, 0)
        for name, decay in (("within", self.within), ("between", self.between)):
            if not 0 < decay <= 1:
                raise InvalidInput(
                    f"the parameter {name!r} is out of range",
                    why="a decay is above 0 and at most 1",
                    reason="recommend.parameter",
                )

    @property
    def needs(self) -> frozenset[str]:
        """Item and basket."""
        basket = {f"{self.event}.{self.basket}"} if self.basket else set()
        return super().needs | basket

    def _visit_field(self) -> str | None:
        return self.basket

    def frequency(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """Her distinct entries, ascending, and the sum of the weights of their baskets."""
        own = np.flatnonzero(np.bincount(history.index))
        back = history.visit.max(initial=0) - history.visit
        return own, np.bincount(history.index, self.decay(back))[own]

    def decay(self, back: np.ndarray) -> np.ndarray:
        """What baskets weigh by how many came after each, shape (N,), float64."""
        after = np.arange(back.max(initial=0) + 1)
        weight = self.within ** (after % self.group) * self.between ** (after // self.group)
        decayed: np.ndarray = weight[back]
        return decayed

    def weigh(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """Her frequencies as a vector of length one."""
        own, weight = self.frequency(history)
        return own, weight / (np.sqrt(np.sum(weight * weight)) or 1)

    def whole(self, weights: np.ndarray) -> np.ndarray:
        """In units of 1/32768."""
        units: np.ndarray = np.rint(weights * SCALE).astype(np.int64)
        return units

    def empty(self, size: int) -> State:
        """No people, no pairs, no sum of vectors."""
        arrays = super().empty(size).arrays
        return State(
            size, {**arrays, "people": np.zeros(1, np.int64), "sum": np.zeros(size, np.int64)}
        )

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person: her vector, and its products pair by pair."""
        if entries is None or not len(entries):
            return state
        own, weights = gram.part(entries, state.size)
        total = state.arrays["sum"]
        if sign < 0 and bool((total[own] < weights).any()):
            raise broken("a contribution was subtracted that had not been added")
        super().add(state, entries, sign)
        total[own] += sign * weights
        state.arrays["people"][0] += sign
        return state

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort as products of matrices."""
        if cohort is None:
            return state
        super().add_all(state, cohort)
        sets, weights = self._parted(cohort, state.size)
        np.add.at(state.arrays["sum"], sets.entries, weights)
        state.arrays["people"][0] += int((np.diff(sets.starts) > 0).sum())
        return state

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> NextBasketFitted:
        """Drop what few people share; scale back."""
        level = catalogue.level(self.by, names)
        kept = self.kept(state, level)
        products = gram.box(state.arrays["gram"], kept, state.size) / SCALE**2
        products[gram.box(state.arrays["pairs"], kept, state.size) < self.floor] = 0
        place = np.full(state.size, -1, np.int64)
        place[kept] = np.arange(len(kept))
        return NextBasketFitted(
            level=level,
            event=self.event,
            recommender=self,
            kept=kept,
            place=place,
            products=products,
            total=state.arrays["sum"][kept] / SCALE,
            people=int(state.arrays["people"][0]),
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class NextBasketFitted(Fitted):
    """The sums that neighbours come down to.

    Attributes:
        recommender: what weighs a history.
        kept: the K entries that enough people have, ascending, int64.
        place: position of each entry among them, -1 for the others, shape (L,), int64.
        products: gram of people's vectors, 0 below the floor, shape (K, K).
        total: sum of people's vectors, shape (K,).
        people: how many those are.
    """

    recommender: NextBasket
    kept: np.ndarray
    place: np.ndarray
    products: np.ndarray
    total: np.ndarray
    people: int

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Her own decayed frequency, plus the neighbours' mean; -inf for what nobody has."""
        own, weight = self.recommender.frequency(history)
        total = np.zeros(len(self.level))
        total[own] = weight
        total[self.kept] += self.recommender.neighbours * self.neighbours(history)
        return np.where(total > 0, total, -np.inf)

    def reason(self, history: History, index: int) -> Reason:
        """Her own habit; else what her neighbours have it with; else that many have it."""
        (found,) = self.reasons(history, np.array([index]))
        return found

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """The same for a whole list, her history weighed once."""
        own, weight = self._own(history)
        baskets = len(np.unique(history.visit))
        found = []
        for index in indices.tolist():
            count = int((history.index == index).sum())
            if count:
                name = self.level.names[index]
                found.append(Reason("habit", self.event, name, count, baskets))
                continue
            said = weight * self.products[self.place[own], self.place[index]]
            if said.max(initial=0) > 0:
                name = self.level.names[own[said.argmax()]]
                found.append(Reason("together", self.event, name))
            else:
                found.append(Reason("popular", self.event, count=self.recommender.least))
        return found

    def neighbours(self, history: History) -> np.ndarray:
        """Mean vector of all people, each with her likeness to the asker, shape (K,).

        Alike with nobody, or unknown: the plain mean, which is the same for everybody.
        """
        own, weight = self._own(history)
        likeness = float(weight @ self.total[self.place[own]])
        if likeness <= 0:
            return self.total / max(self.people, 1)
        near: np.ndarray = weight @ self.products[self.place[own]] / likeness
        return near

    def _own(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """Her entries that enough people have, and her vector there."""
        own, weight = self.recommender.weigh(history, 0)
        known = self.place[own] >= 0
        return own[known], weight[known]
