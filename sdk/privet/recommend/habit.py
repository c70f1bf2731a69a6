"""What a person's own visits say of each of her entries: how often, how lately, how regularly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from privet.recommend.history import History

HALF_LIVES = (20, 60, 180)
"""Days by which a visit's weight halves."""
BACK = 0.97
"""What a visit weighs against the one after it."""
WINDOW = 28
"""Days of a window, and how many of them are looked at."""
WINDOWS = 6
LATE = 20
"""An entry that is later than this many times its gap is no later still."""
LONG = 30
"""A gap in days that is no long one; a single visit is taken to have twice that before it."""
HABIT = (
    *("groups", "groups-log", "visits", "once", "rank"),
    *(f"days{days}{form}" for days in HALF_LIVES for form in ("", "-log")),
    *("last", "gap", "due"),
    *("since", "visits-gap", "visits-due"),
    *("windows", f"windows{WINDOWS}", "uneven", "last-gap", "longest"),
)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Mine:
    """Rows entry by entry, within an entry the oldest first.

    Attributes:
        entries: the distinct entries, ascending, shape (E,), int64.
        begin: the first row of each.
        visits: how many rows each has.
        age: days before now, shape (N,), int64, not below 0.
        back: visits before her last one, shape (N,), int64.
    """

    entries: np.ndarray
    begin: np.ndarray
    visits: np.ndarray
    age: np.ndarray
    back: np.ndarray

    @classmethod
    def of(cls, history: History, now_day: int) -> _Mine:
        age = np.maximum(now_day - history.day, 0)
        # By age and not by visit: a basket may be kept open for days.
        order = np.argsort(history.index * (age.max(initial=0) + 1) - age, kind="stable")
        index, back = history.index[order], history.visit.max(initial=0) - history.visit
        begin = np.flatnonzero(_change(index))
        visits = np.append(begin[1:], len(index)) - begin
        return cls(index[begin], begin, visits, age[order], back[order])

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over the rows of each entry, float64."""
        total: np.ndarray = np.add.reduceat(values.astype(np.float64), self.begin)
        return total

    def oldest(self, values: np.ndarray) -> np.ndarray:
        """Of the first row of each entry."""
        first: np.ndarray = values[self.begin]
        return first

    def latest(self, values: np.ndarray) -> np.ndarray:
        """Of the last row of each entry."""
        last: np.ndarray = values[self.begin + self.visits - 1]
        return last


def habit(
    history: History, now_day: int, decay: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Her entries, ascending, and of each of ``HABIT`` a column.

    Args:
        history: hers.
        now_day: the day of asking.
        decay: what a visit weighs by how many came after it.
    """
    if not len(history):
        return history.index, [np.zeros(0) for _ in HABIT]
    mine = _Mine.of(history, now_day)
    groups = mine.sum(decay(mine.back))
    columns = [groups, log(groups, 0.05), np.log(mine.visits + 0.3), mine.visits == 1.0]
    columns.append(log(mine.sum((BACK ** np.arange(mine.back.max() + 1))[mine.back]), 0.02))
    for days in HALF_LIVES:
        halved = mine.sum(np.exp2(-mine.age / days))
        columns += [halved, log(halved, 0.05)]
    columns += _due(mine, mine.age, LONG) + _due(mine, mine.back, 8)
    return mine.entries, columns + _windows(mine) + _regular(mine)


def log(values: np.ndarray, floor: float) -> np.ndarray:
    """The logarithm, a floor added first."""
    logarithm: np.ndarray = np.log(values + floor)
    return logarithm


def _due(mine: _Mine, ago: np.ndarray, once: int) -> list[np.ndarray]:
    """How long ago she last had it, her mean gap, and the one by the other, in logarithms.

    Args:
        mine: her rows.
        ago: of each row, in days or in visits.
        once: what is added for a gap to how long ago a single visit was.
    """
    last, first = mine.latest(ago), mine.oldest(ago)
    mean = np.maximum(first - last, 0) / np.maximum(mine.visits - 1, 1)
    gap = np.where(mine.visits > 1, mean, first + once)
    return [np.log(last + 1), np.log(gap + 1), _later(last, gap)]


def _later(last: np.ndarray, gap: np.ndarray) -> np.ndarray:
    return log(np.minimum(last / np.maximum(gap, 1), LATE), 0.1)


def _windows(mine: _Mine) -> list[np.ndarray]:
    """In which share of the windows since she first had it she had it; in the latest of them."""
    window = mine.age // WINDOW
    new = _change(window) != 0
    new[mine.begin] = True
    since = mine.oldest(window)
    every, lately = mine.sum(new), mine.sum(new & (window < WINDOWS))
    return [(every + 0.3) / (since + 2), (lately + 0.3) / (np.minimum(since + 1, WINDOWS) + 1)]


def _regular(mine: _Mine) -> list[np.ndarray]:
    """How uneven her gaps are; the last of them; how late she is by the longest."""
    gap = -_change(mine.age).astype(np.float64)
    gap[mine.begin] = 0
    gaps = np.maximum(mine.visits - 1, 1)
    mean = mine.sum(gap) / gaps
    spread = np.sqrt(np.maximum(mine.sum(gap**2) / gaps - mean**2, 0))
    uneven = np.where(mine.visits > 2, spread / np.maximum(mean, 1), 1)
    last = np.where(mine.visits > 1, mine.latest(gap), 2 * LONG)
    longest = np.maximum(np.maximum.reduceat(gap, mine.begin), LONG)
    return [uneven, log(last, 1), _later(mine.latest(mine.age), longest)]


def _change(values: np.ndarray) -> np.ndarray:
    """From the value before; of the first one 1."""
    change = np.ones(len(values), np.int64)
    change[1:] = values[1:] - values[:-1]
    return change
