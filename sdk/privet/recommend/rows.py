"""A history as a contribution: packed rows, from which a model can be fitted at earlier days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.history import History
from privet.recommend.state import broken

if TYPE_CHECKING:
    from collections.abc import Iterable


def pack_rows(history: History, now_day: int) -> np.ndarray:
    """Entries, then visits, then ages in days, int32, shape (3 N,); what came later is left out.

    Args:
        history: what is learned from.
        now_day: UTC day number that ages count from.
    """
    some = history.day <= now_day
    visit = history.visit[some]
    ages = now_day - history.day[some]
    return np.concatenate([history.index[some], visit, ages]).astype(np.int32)


def unpack_rows(packed: np.ndarray, size: int) -> History:
    """The history back, its days counted from 0, the end of what is learned from.

    Raises:
        IntegrityError: these are no rows over ``size`` entries.
    """
    third, rest = divmod(len(packed), 3)
    index, visit, age = packed[: 3 * third].reshape(3, third).astype(np.int64)
    fits = not rest and bool(((index >= 0) & (index < size) & (age >= 0) & (visit >= 0)).all())
    if not fits or bool((np.diff(visit) < 0).any()):
        raise broken("a contribution does not fit the model")
    return History(index, visit, -age)


def until(history: History, day: int) -> History:
    """The rows up to and including a day: all that was known then."""
    return where(history, history.day <= day)


def within(history: History, after: int, day: int) -> np.ndarray:
    """The distinct entries of the days after one and up to another, ascending, int64."""
    return where(history, (history.day > after) & (history.day <= day)).entries()


def flat(people: Iterable[History]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of many people: whose (position), which entry, on which day; int64."""
    held = list(people)
    owner = np.repeat(np.arange(len(held)), [len(h) for h in held])
    none = np.zeros(0, np.int64)
    index = np.concatenate([none, *(h.index for h in held)])
    return owner, index, np.concatenate([none, *(h.day for h in held)])


def where(history: History, chosen: np.ndarray) -> History:
    """Some of the rows, shape (N,), bool, of the same person."""
    rows = history.index[chosen], history.visit[chosen], history.day[chosen]
    return History(*rows, history.traits)
