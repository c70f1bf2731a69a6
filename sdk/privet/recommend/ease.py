"""Which of a person's entries speaks for which other: one matrix, solved in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from privet.errors import InvalidInput
from privet.recommend import gram
from privet.recommend.base import Fitted
from privet.recommend.checks import at_least, between
from privet.recommend.paired import Paired
from privet.recommend.reasons import Reason
from privet.recommend.state import broken

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from privet.features.catalogue import Catalogue
    from privet.recommend.history import History
    from privet.recommend.state import State

SCALE = 1024
"""Weights are kept in units of 1/1024: ten half-lives count, older ones are nothing."""
WEIGHTS = ("binary", "log", "recency")


@dataclass(frozen=True, kw_only=True)
class EASE(Paired):
    """A linear model of each entry on all others, without itself.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): with G the gram
    of people's weights and P the inverse of G + regularization * I, entry i speaks for
    entry j with -P[i, j] / P[j, j]. G is an exact sum of whole numbers and is solved anew
    from it, always by the same steps: a model from which somebody was taken out is equal,
    bit by bit, to one that never saw her.

    Entries of fewer than ``least`` people are left out before solving. What one entry says
    for another is dropped after it where fewer than ``floor`` people share both.

    With ``scaling`` the entries are weighed against their popularity while it is solved, as in
    Steck, "Markov Random Fields for Collaborative Filtering" (NeurIPS 2019): each column is
    divided by its length to the power of ``scaling``, and what comes out is scaled back.

    The defaults lie on the frontier of quality and risk (``docs/guide/evaluate.md``).

    Args:
        regularization: Steck's lambda, in people: the larger, the less rare pairs say, and the
            less a score tells of who is in the model.
        scaling: 0 for none, up to 1, where every entry is of the same length and a
            ``regularization`` near 1 is as much as hundreds without.
        weights: what an entry weighs for a person: ``"binary"`` one, ``"log"`` log2(1 +
            visits with it), ``"recency"`` halved for each half-life since she last had it.
        half_life_days: for ``"recency"``.
    """

    kind: ClassVar[str] = "ease"
    floor: int = 20
    regularization: float = 2000
    weights: Literal["binary", "log", "recency"] = "binary"
    half_life_days: float = 120
    scaling: float = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("regularization", self.regularization, 1)
        at_least("half_life_days", self.half_life_days, 1)
        between("scaling", self.scaling, 0, 1)
        if self.weights not in WEIGHTS:
            raise InvalidInput(
                "the weights of an EASE model are unknown",
                why=f"known are {', '.join(WEIGHTS)}",
                reason="recommend.parameter",
            )

    @property
    def weighted(self) -> bool:
        """Whether entries weigh differently: if not, counting people says it all."""
        return self.weights != "binary"

    def weigh(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """By having an entry, by how often, or by how lately."""
        own, inverse, visits = np.unique(history.index, return_inverse=True, return_counts=True)
        if self.weights == "binary":
            return own, np.ones(len(own))
        if self.weights == "log":
            return own, np.log2(1 + visits)
        age = np.full(len(own), np.iinfo(np.int64).max)
        np.minimum.at(age, inverse, np.maximum(now_day - history.day, 0))
        return own, np.exp2(-age / self.half_life_days)

    def whole(self, weights: np.ndarray) -> np.ndarray:
        """In units of 1/1024."""
        units: np.ndarray = np.rint(weights * SCALE).astype(np.int64)
        return units

    def lengths(self, squares: np.ndarray) -> np.ndarray:
        """What each column is divided by, from the diagonal of the gram; ones without scaling."""
        length: np.ndarray = np.sqrt(squares) ** self.scaling
        return length

    def products(self, state: State, kept: np.ndarray) -> np.ndarray:
        """The gram of some entries, shape (K, K), float64."""
        if self.weighted:
            return gram.box(state.arrays["gram"], kept, state.size) / SCALE**2
        return gram.box(state.arrays["pairs"], kept, state.size).astype(np.float64)

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> EASEFitted:
        """Solve for what each entry says for each other."""
        level = catalogue.level(self.by, names)
        kept = self.kept(state, level)
        counts = gram.box(state.arrays["pairs"], kept, state.size)
        products = self.products(state, kept)
        length = self.lengths(products.diagonal())
        products /= length[:, None] * length
        says = solve(products, self.regularization)
        says *= length / length[:, None]
        says[counts < self.floor] = 0
        place = np.full(state.size, -1, np.int64)
        place[kept] = np.arange(len(kept))
        return EASEFitted(
            level=level, event=self.event, recommender=self, kept=kept, place=place, says=says
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EASEFitted(Fitted):
    """What each entry says for each other.

    Attributes:
        recommender: what weighs a history.
        kept: the K entries that enough people have, ascending, int64.
        place: position of each entry among them, -1 for the others, shape (L,), int64.
        says: of the row for the column, 0 for itself and below the floor, shape (K, K), dense
            or sparse by row.
    """

    recommender: EASE
    kept: np.ndarray
    place: np.ndarray
    says: np.ndarray | csr_array

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Sum of what her entries say, each by its weight; -inf where none speaks for it."""
        total = np.full(len(self.level), -np.inf)
        spoken = self.said(*self.placed(history, now_day))
        total[self.kept] = np.where(spoken > 0, spoken, -np.inf)
        return total

    def reason(self, history: History, index: int) -> Reason:
        """The entry of her history that speaks most for this one."""
        (found,) = self.reasons(history, np.array([index]))
        return found

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """The same for a whole list, her history weighed once."""
        if not len(indices):
            return []
        # Another day of asking multiplies all her weights alike, and changes no order.
        own, weight = self.placed(history, int(history.day.max(initial=0)))
        spoken = weight[:, None] * self._between(own, self.place[indices])
        names = self.level.names
        carried = self.kept[own[spoken.argmax(axis=0)]]
        return [Reason("together", self.event, names[index]) for index in carried]

    def together(self, index: int) -> np.ndarray:
        """What an entry says for the others; each pair is in the lists of ``floor`` people."""
        total = np.zeros(len(self.level))
        if self.place[index] >= 0:
            said = self.said(self.place[[index]], np.ones(1))
            total[self.kept] = np.maximum(said, 0)
        return total

    def said(self, own: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """What entries (by place) with these weights say for each that is kept, shape (K,)."""
        said: np.ndarray = self.says[own].T @ weight
        return said

    def _between(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """What entries say for others, both by place, shape (len(own), len(others))."""
        block = self.says[own][:, others]
        between: np.ndarray = block if isinstance(block, np.ndarray) else block.toarray()
        return between

    def placed(self, history: History, now_day: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of her entries that enough people have, and their weights, float64."""
        own, weight = self.recommender.weigh(history, now_day)
        places = self.place[own]
        known = places >= 0
        return places[known], weight[known]


def solve(products: np.ndarray, regularization: float) -> np.ndarray:
    """Steck's matrix of a gram, by a Cholesky factorization and its inverse.

    Args:
        products: the gram, symmetric and positive semidefinite, float64; overwritten.
        regularization: added to its diagonal, above 0.

    Returns:
        what the row says for the column, 0 on the diagonal.

    Raises:
        IntegrityError: it is no gram: one with a ridge always has a Cholesky factor.
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    if not len(products):
        return products
    products[np.diag_indices(len(products))] += regularization
    # LAPACK wants columns one after the other: the transpose of a symmetric matrix is that.
    factor, failed = dpotrf(products.T, lower=1, overwrite_a=1)
    if failed:
        raise broken("the sums of a model are not those of any people")
    half, _ = dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(half)
    inverse += np.tril(half, -1).T
    says: np.ndarray = -inverse / inverse.diagonal()
    np.fill_diagonal(says, 0)
    return says
