"""Exact sums over pairs of entries: how many people share them, and with what weight.

A *gram* is the matrix of the sums over people of the products of what two entries weigh for
them. It is symmetric, so only its upper triangle is kept, row by row ("packed"). Weights are
whole numbers, so that adding and subtracting leave no trace of an order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.recommend.state import broken, check_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.recommend.state import Contributions

MOST_ENTRIES = 4096
"""Every pair has a place: 32 MiB of counts and 64 MiB of weights at this size."""
MOST_WEIGHT = 1 << 20
CHUNK = 1024
"""People multiplied at once: 2**10 products of two weights stay below 2**53, so that they are
exact as float64, in which matrices multiply fast; likewise counts as float32."""


def check_size(size: int, method: str, by: str) -> None:
    """Raise unless there is room for every pair of a level's entries.

    Raises:
        InvalidInput: the level has too many entries for this method.
    """
    if size > MOST_ENTRIES:
        raise InvalidInput(
            f"{method} takes at most {MOST_ENTRIES} entries",
            why=f"the level {by!r} has {size}, and every pair of them needs a place",
            remedy="Recommend by a coarser attribute (by='type'), or by SparseEASE.",
            reason="recommend.size",
        )


def packed(size: int, dtype: type[np.int32 | np.int64]) -> np.ndarray:
    """A triangle of zeros, shape (size * (size + 1) / 2,)."""
    return np.zeros(size * (size + 1) // 2, dtype)


def places(entries: np.ndarray, size: int) -> np.ndarray:
    """Where the pairs of ascending entries lie in a packed triangle, row by row."""
    low, high = np.triu_indices(len(entries))
    first = entries.astype(np.int64)
    at: np.ndarray = _begin(first, size)[low] + first[high]
    return at


def people(pairs: np.ndarray, size: int) -> np.ndarray:
    """How many people have each entry: the diagonal of the counts, shape (size,)."""
    diagonal: np.ndarray = pairs[_begin(np.arange(size), size) + np.arange(size)]
    return diagonal


def box(triangle: np.ndarray, entries: np.ndarray, size: int) -> np.ndarray:
    """The symmetric matrix of some ascending entries, shape (K, K)."""
    first = entries.astype(np.int64)
    # Below the diagonal this looks up other places; they are overwritten by the mirror image.
    whole = triangle[_begin(first, size)[:, None] + first]
    lower = np.tri(len(first), k=-1, dtype=np.bool_)
    whole[lower] = whole.T[lower]
    return whole


def count_all(pairs: np.ndarray, sets: Contributions, size: int) -> None:
    """Add one to the pairs of each person's entries, in place."""
    total = np.zeros((size, size), np.int32)
    for owner, part, people in _chunks(sets.starts):
        table = np.zeros((people, size), np.float32)
        table[owner, sets.entries[part]] = 1
        total += (table.T @ table).astype(np.int32)
    pairs += total[_upper(size)]


def weigh_all(gram: np.ndarray, sets: Contributions, weights: np.ndarray, size: int) -> None:
    """Add the products of each person's weights, in place; ``weights`` lie as ``entries``."""
    total = np.zeros((size, size), np.int64)
    for owner, part, people in _chunks(sets.starts):
        table = np.zeros((people, size))
        table[owner, sets.entries[part]] = weights[part]
        total += (table.T @ table).astype(np.int64)
    gram += total[_upper(size)]


def join(entries: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A weighted contribution: the entries that weigh anything, then their weights, int32."""
    some = weights > 0
    return np.concatenate([entries[some], weights[some]]).astype(np.int32)


def part(joined: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Entries and weights (int64) of a weighted contribution.

    Raises:
        IntegrityError: it is none, or does not fit ``size`` entries.
    """
    half, odd = divmod(len(joined), 2)
    entries, weights = check_entries(joined[:half], size), joined[half:].astype(np.int64)
    if odd or bool(((weights < 1) | (weights > MOST_WEIGHT)).any()):
        raise broken("a contribution does not fit the model")
    return entries, weights


def _chunks(starts: np.ndarray) -> Iterator[tuple[np.ndarray, slice, int]]:
    """Some people at a time: the row of each number, where they lie, how many people."""
    for begin in range(0, len(starts) - 1, CHUNK):
        some = starts[begin : begin + CHUNK + 1]
        people = len(some) - 1
        yield np.repeat(np.arange(people), np.diff(some)), slice(some[0], some[-1]), people


def _begin(rows: np.ndarray, size: int) -> np.ndarray:
    """Where a row would begin if its columns counted from 0."""
    begin: np.ndarray = rows * size - rows * (rows + 1) // 2
    return begin


def _upper(size: int) -> np.ndarray:
    """The upper triangle as a mask: an eighth of the memory of its indices."""
    return ~np.tri(size, k=-1, dtype=np.bool_)
