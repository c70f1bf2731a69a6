"""What the person herself takes again and again, the recent counting more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.recommend.base import Fitted
from privet.recommend.checks import at_least
from privet.recommend.popularity import Counted
from privet.recommend.reasons import Reason

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue
    from privet.recommend.history import History
    from privet.recommend.state import State

HALF_LIVES = 40
"""Older than so many half-lives all days weigh alike: a millionth of a millionth."""


@dataclass(frozen=True, kw_only=True)
class PersonalFrequency(Counted):
    """Counts the person's baskets with an entry, halved for each half-life of age.

    The weight of a basket follows Hu et al., "Modeling Personalized Item Frequency
    Information for Next-basket Recommendation" (SIGIR 2020), by days instead of ranks.
    Popularity among at least ``least`` people, weighted by ``prior``, orders what her own
    baskets leave equal and completes a short list.

    Args:
        basket: the field that tells baskets apart; None makes each day one.
        half_life_days: age in days at which a basket counts half.
        prior: weight of the share of people who have an entry, against one basket of today.
    """

    kind: ClassVar[str] = "personal-frequency"
    basket: str | None = "basket"
    half_life_days: float = 90
    prior: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("half_life_days", self.half_life_days, 1)
        at_least("prior", self.prior, 0)

    @property
    def needs(self) -> frozenset[str]:
        """Item and basket."""
        basket = {f"{self.event}.{self.basket}"} if self.basket else set()
        return super().needs | basket

    def _visit_field(self) -> str | None:
        return self.basket

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> PersonalFrequencyFitted:
        """Derive the weights by age and the prior by entry."""
        ages = np.arange(round(HALF_LIVES * self.half_life_days) + 1)
        return PersonalFrequencyFitted(
            level=catalogue.level(self.by, names),
            event=self.event,
            least=self.least,
            weights=np.exp2(-ages / self.half_life_days),
            prior=self.prior * self.share(state),
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PersonalFrequencyFitted(Fitted):
    """Ranks by the person's own baskets.

    Attributes:
        least: the least number of people behind an entry of the prior.
        weights: weight of a basket by age in whole days.
        prior: what popularity adds per entry, shape (L,).
    """

    least: int
    weights: np.ndarray
    prior: np.ndarray

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Decayed number of own baskets plus the prior."""
        # A table of fixed length gives the same bits for one row as for many.
        age = np.clip(now_day - history.day, 0, len(self.weights) - 1)
        own = np.bincount(history.index, self.weights[age], minlength=len(self.level))
        total = own + self.prior
        return np.where(total > 0, total, -np.inf)

    def reason(self, history: History, index: int) -> Reason:
        """Her own habit, or popularity where she has none."""
        (found,) = self.reasons(history, np.array([index]))
        return found

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """The same for a whole list, her baskets counted once."""
        had = Counter(history.index.tolist())
        baskets, names = len(set(history.visit.tolist())), self.level.names
        return [
            Reason("habit", self.event, names[index], had[index], baskets)
            if index in had
            else Reason("popular", self.event, count=self.least)
            for index in indices.tolist()
        ]
