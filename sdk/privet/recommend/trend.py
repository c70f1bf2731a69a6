"""What people took lately, for the first time, and again: counts of distinct people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.rows import flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.recommend.history import History

LATELY = (7, 14, 28)
"""Days back within which people count that had an entry."""
FIRST = (14, 28, 84, 224)
"""Days back within which people count that had it for the first time."""
WINDOW = 28
"""Days of one window; of the last so many, people count who had an entry again."""
WINDOWS = (3, 8)
ROWS = 1 + len(LATELY) + len(FIRST) + 2 * len(WINDOWS)


def count(people: Sequence[History], now_day: int, size: int) -> np.ndarray:
    """Whole numbers of people per entry, shape (ROWS, size), int64; the sum over people.

    Rows: ever; within each of ``LATELY``; first within each of ``FIRST``; for each of
    ``WINDOWS`` who had it again in a window, and who could have, once per window.
    """
    owner, index, day = flat(people)
    age = now_day - day
    key, inverse = np.unique(owner * max(size, 1) + index, return_inverse=True)
    last, first = np.full(len(key), np.iinfo(np.int64).max), np.zeros(len(key), np.int64)
    np.minimum.at(last, inverse, age)
    np.maximum.at(first, inverse, age)
    entry = key % max(size, 1)
    rows = [np.ones(len(key), np.bool_)]
    rows += [last < days for days in LATELY]
    rows += [first < days for days in FIRST]
    total = np.zeros((ROWS, size), np.int64)
    for row, chosen in enumerate(rows):
        total[row] = np.bincount(entry[chosen], minlength=size)
    for at, windows in enumerate(WINDOWS):
        for window in range(windows):
            before = first >= WINDOW * (window + 1)
            had = np.zeros(len(key), np.bool_)
            had[inverse[age // WINDOW == window]] = True
            total[len(rows) + 2 * at] += np.bincount(entry[before & had], minlength=size)
            total[len(rows) + 2 * at + 1] += np.bincount(entry[before], minlength=size)
    return total


def shares(counts: np.ndarray, people: int, least: int) -> dict[str, np.ndarray]:
    """The counts as shares of people, in logarithms; the same for all below ``least`` people.

    Returns:
        by name, shape (L,): ``p7``, ``p14``, ``p28``, ``ever`` (had it), ``f14``, ``f28``,
        ``f84`` (of those who could, had it first), ``first`` (per window), ``again3`` and
        ``again8`` (of those who had had it, per window).
    """
    held = np.where(counts[0] >= least, counts, 0)
    everybody = max(people, 1)
    ever, lately = held[0], held[1 : 1 + len(LATELY)]
    first = held[1 + len(LATELY) : 1 + len(LATELY) + len(FIRST)]
    again = held[1 + len(LATELY) + len(FIRST) :]
    found = {"ever": _log(ever / everybody)}
    found |= {f"p{d}": _log(row / everybody) for d, row in zip(LATELY, lately, strict=True)}
    for days, row in zip(FIRST[:-1], first, strict=False):
        found[f"f{days}"] = _log(row / np.maximum(everybody - ever + row, 1))
    most = WINDOWS[-1]
    could = np.maximum(everybody * most - again[-1], 0)
    found["first"] = np.log((first[-1] + 0.5) / (could + 10) + 1e-3)
    for at, windows in enumerate(WINDOWS):
        found[f"again{windows}"] = np.log((again[2 * at] + 1) / (again[2 * at + 1] + 8) + 0.02)
    return found


def _log(share: np.ndarray) -> np.ndarray:
    """Logarithm of a share, a third of a percent counting as nothing."""
    logarithm: np.ndarray = np.log(share + 3e-3)
    return logarithm
