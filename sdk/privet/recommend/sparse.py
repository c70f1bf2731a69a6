"""EASE where entries are many: the pairs that occur, and a ridge over each entry's nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.errors import InvalidInput
from privet.recommend.checks import at_least
from privet.recommend.ease import EASE, SCALE, EASEFitted
from privet.recommend.state import Contributions, State, broken

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from privet.features.catalogue import Catalogue, Level

MOST_PAIRS = 1 << 24
"""Pairs that may occur: 20 bytes each, 320 MiB."""


@dataclass(frozen=True, kw_only=True)
class SparseEASE(EASE):
    """Each entry as a ridge regression on the ``near`` entries most like it.

    Feature selection as in fsSLIM (Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N
    Recommender Systems", ICDM 2011), by cosine; solved in closed form as a column of EASE
    is. With everything near it is EASE. The state holds the pairs that occur, no others: it
    is an exact sum as well, in one form whatever the order it came about in.

    Only pairs of at least ``floor`` people are near.

    Args:
        near: entries that one entry is regressed on.
    """

    kind: ClassVar[str] = "ease-sparse"
    near: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("near", self.near, 1)

    def empty(self, size: int) -> State:
        """No pairs."""
        names = {"keys": np.int64, "pairs": np.int32, "gram": np.int64}
        return State(size, {name: np.zeros(0, dtype) for name, dtype in names.items()})

    def fits(self, state: State) -> bool:
        """Whether pairs are distinct, ascending, within the level, and each has people."""
        form = {name: dtype for name, (dtype, _) in self.empty(0).form().items()}
        if {name: dtype for name, (dtype, _) in state.form().items()} != form:
            return False
        keys, pairs, products = (state.arrays[name] for name in ("keys", "pairs", "gram"))
        if keys.ndim != 1 or not keys.shape == pairs.shape == products.shape:
            return False
        inside = not len(keys) or (keys[0] >= 0 and keys[-1] < state.size**2)
        return bool(inside and (np.diff(keys) > 0).all() and (pairs > 0).all())

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person: the products of her weights, pair by pair."""
        if entries is None or not len(entries):
            return state
        own, weights = self._part(entries, state.size)
        low, high = np.triu_indices(len(own))
        keys = own.astype(np.int64)[low] * state.size + own[high]
        products = weights[low] * weights[high]
        if sign < 0:
            _subtract(state, keys, products)
        else:
            _add(state, keys, np.ones(len(keys), np.int32), products)
        return state

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort as products of sparse matrices."""
        from scipy.sparse import csr_array, triu

        if cohort is None:
            return state
        sets, weights = self._parted(cohort, state.size)
        shape = (len(sets), state.size)
        people = csr_array((weights, sets.entries, sets.starts), shape)
        ones = csr_array((np.ones(len(weights), np.int64), sets.entries, sets.starts), shape)
        both = [triu(m.T @ m, format="csr") for m in (ones, people)]
        for triangle in both:  # no weight is 0, so both have the same places
            triangle.sort_indices()
        rows = np.repeat(np.arange(state.size, dtype=np.int64), np.diff(both[0].indptr))
        keys = rows * state.size + both[0].indices
        _add(state, keys, both[0].data.astype(np.int32), both[1].data)
        return state

    def kept(self, state: State, level: Level) -> np.ndarray:
        """Entries that ``least`` people have and that may be inferred from, ascending."""
        row, column = np.divmod(state.arrays["keys"], max(state.size, 1))
        people = np.zeros(state.size, np.int64)
        own = row == column
        people[row[own]] = state.arrays["pairs"][own]
        return np.flatnonzero((people >= self.least) & ~level.hidden)

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> EASEFitted:
        """Regress each entry on those nearest to it."""
        level = catalogue.level(self.by, names)
        kept = self.kept(state, level)
        place = np.full(state.size, -1, np.int64)
        place[kept] = np.arange(len(kept))
        size, unit = len(kept), SCALE**2 if self.weighted else 1
        counts = _symmetric(state, place, size, state.arrays["pairs"])
        products = _symmetric(state, place, size, state.arrays["gram"] / unit)
        length = self.lengths(products.diagonal())
        products = _scaled(products, 1 / length, 1 / length)
        says = _scaled(_regress(counts, products, self), 1 / length, length)
        return EASEFitted(
            level=level,
            event=self.event,
            recommender=self,
            kept=kept,
            place=place,
            says=says,
        )


def _add(state: State, keys: np.ndarray, pairs: np.ndarray, products: np.ndarray) -> None:
    """Add sums of distinct ascending pairs.

    Raises:
        InvalidInput: there are more pairs than a model may hold.
    """
    held = state.arrays["keys"]
    union = np.union1d(held, keys)
    if len(union) > MOST_PAIRS:
        raise InvalidInput(
            f"sparse EASE takes at most {MOST_PAIRS} pairs of entries",
            why="people have more different things together than that",
            remedy="Recommend by a coarser attribute: by='type'.",
            reason="recommend.size",
        )
    before, here = np.searchsorted(union, held), np.searchsorted(union, keys)
    for name, more in (("pairs", pairs), ("gram", products)):
        total = np.zeros(len(union), state.arrays[name].dtype)
        total[before] = state.arrays[name]
        total[here] += more
        state.arrays[name] = total
    state.arrays["keys"] = union


def _subtract(state: State, keys: np.ndarray, products: np.ndarray) -> None:
    """Subtract one person, and drop the pairs that nobody is left for."""
    held, pairs, total = (state.arrays[name] for name in ("keys", "pairs", "gram"))
    here = np.searchsorted(held, keys)
    if not len(held) or here[-1] >= len(held) or bool((held[here] != keys).any()):
        raise broken("a contribution was subtracted that had not been added")
    left = total[here] - products
    last = pairs[here] == 1
    if bool((left < 0).any() or (left[last] != 0).any()):
        raise broken("a contribution was subtracted that had not been added")
    pairs[here] -= 1
    total[here] = left
    still = pairs > 0
    for name, array in (("keys", held), ("pairs", pairs), ("gram", total)):
        state.arrays[name] = array[still]


def _symmetric(state: State, place: np.ndarray, size: int, values: np.ndarray) -> csr_array:
    """The symmetric matrix of what is kept, shape (K, K); ``values`` lie as the pairs."""
    from scipy.sparse import csr_array

    row, column = np.divmod(state.arrays["keys"], max(state.size, 1))
    row, column = place[row], place[column]
    both = (row >= 0) & (column >= 0)
    row, column, value = row[both], column[both], values[both]
    off = row != column
    rows, columns = np.append(row, column[off]), np.append(column, row[off])
    found = csr_array((np.append(value, value[off]), (rows, columns)), (size, size))
    found.sort_indices()
    return found


def _scaled(matrix: csr_array, rows: np.ndarray, columns: np.ndarray) -> csr_array:
    """A matrix with its rows and columns multiplied."""
    from scipy.sparse import csr_array

    row = np.repeat(np.arange(len(rows)), np.diff(matrix.indptr))
    value = matrix.data * (rows[row] * columns[matrix.indices])
    return csr_array((value, matrix.indices, matrix.indptr), matrix.shape)


def _regress(counts: csr_array, products: csr_array, model: SparseEASE) -> csr_array:
    """What the row says for the column, by one small ridge regression for each column."""
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse import csr_array

    size = counts.shape[0]
    diagonal = products.diagonal()
    said: list[tuple[int, np.ndarray, np.ndarray]] = []
    for entry in range(size):
        part = slice(counts.indptr[entry], counts.indptr[entry + 1])
        others, product = counts.indices[part], products.data[part]
        shared = (counts.data[part] >= model.floor) & (others != entry)
        others, product = others[shared], product[shared]
        cosine = product / np.sqrt(diagonal[others])
        near = np.sort(np.argsort(-cosine, kind="stable")[: model.near])
        if not len(near):
            continue
        others, product = others[near], product[near]
        block = products[others][:, others].toarray()
        block[np.diag_indices(len(block))] += model.regularization
        said.append((entry, others, cho_solve(cho_factor(block), product)))
    rows = np.concatenate([np.zeros(0, np.int64), *(others for _, others, _ in said)])
    columns = np.concatenate([np.zeros(0, np.int64), *(np.full(len(o), e) for e, o, _ in said)])
    values = np.concatenate([np.zeros(0), *(w for _, _, w in said)])
    return csr_array((values, (rows, columns)), (size, size))
