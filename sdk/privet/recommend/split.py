"""Held-out evaluation by time: what was known before the cut, what came after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from privet.features.rows import owners, select
from privet.recommend.base import Fitted, best

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.features.catalogue import Level
    from privet.recommend.history import Histories
    from privet.types import Events

Task = Literal["new", "repeat"]
TASKS: tuple[Task, ...] = ("new", "repeat")
"""``new``: entries not in the history before the cut; ``repeat``: all entries."""


def before(events: Events, cut: int) -> Events:
    """The rows up to and including the cut (UTC microseconds): all that a model may see."""
    return select(events, events.at <= cut)


def after(events: Events, cut: int) -> Events:
    """The rows after the cut (UTC microseconds): the truth, which no list may depend on."""
    return select(events, events.at > cut)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Truth:
    """Distinct entries per subject, one after the other.

    Attributes:
        starts: offsets per subject, shape (S + 1,), int64.
        entries: ascending within a subject, int64.
        size: number of entries of the level.
    """

    starts: np.ndarray
    entries: np.ndarray
    size: int

    def __repr__(self) -> str:
        return f"Truth(subjects={len(self.starts) - 1})"

    def keys(self) -> np.ndarray:
        """Subject position times ``size`` plus entry, ascending, int64."""
        owner = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        keys: np.ndarray = owner * max(self.size, 1) + self.entries
        return keys

    def without(self, other: Truth) -> Truth:
        """What is here and not there, for the same subjects."""
        mine = self.keys()
        return _truth(mine[~np.isin(mine, other.keys())], len(self.starts) - 1, self.size)


def entries_of(events: Events, level: Level, *, item: str = "item") -> Truth:
    """The distinct known entries of each subject, hidden ones included.

    A hidden entry is a real purchase that the recommender declines to suggest; leaving it
    out of the truth would flatter the figures.
    """
    index = level.known(events.columns[item])
    pairs = np.unique((owners(events) * max(len(level), 1) + index)[index >= 0])
    return _truth(pairs, len(events.subjects), len(level))


def join(parts: Sequence[Truth], size: int) -> Truth:
    """The truth of several cohorts, one after the other.

    Args:
        parts: truths over the same level, in the order of their lists.
        size: number of entries of the level, for when there is no part.
    """
    counts = [np.diff(part.starts) for part in parts]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *counts]))
    entries = np.concatenate([np.zeros(0, np.int64), *(part.entries for part in parts)])
    return Truth(starts, entries, size)


def truth(events: Events, level: Level, cut: int, task: Task, *, item: str = "item") -> Truth:
    """What each subject really had after the cut, for one task."""
    held_out = entries_of(after(events, cut), level, item=item)
    if task == "repeat":
        return held_out
    return held_out.without(entries_of(before(events, cut), level, item=item))


def lists(fitted: Fitted, cohort: Histories, k: int, now_day: int) -> dict[Task, np.ndarray]:
    """The list of every subject for both tasks, whether or not it can be scored.

    Args:
        fitted: the model.
        cohort: histories before the cut.
        k: length of a list.
        now_day: UTC day number of the cut.

    Returns:
        task to entries, shape (S, k), int64, -1 after the end of a short list.
    """
    ranked = {task: np.full((len(cohort), k), -1, np.int64) for task in TASKS}
    for i in range(len(cohort)):
        history = cohort[i]
        scores = fitted.score(history, now_day)
        for task, rows in ranked.items():
            exclude = history.index if task == "new" else None
            found = best(scores, fitted.level, k, exclude)
            rows[i, : len(found)] = found
    return ranked


def _truth(keys: np.ndarray, subjects: int, size: int) -> Truth:
    width = max(size, 1)
    starts = np.searchsorted(keys, np.arange(subjects + 1) * width)
    return Truth(starts, keys % width, size)
