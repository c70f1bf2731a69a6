"""What a recommender sees of a person: entries, visits and days, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from privet.clock import DAY_US
from privet.features.rows import owners, select
from privet.features.visits import visit_of

if TYPE_CHECKING:
    from privet.features.catalogue import Level
    from privet.types import Events


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class History:
    """One subject's permitted events, one row per distinct visit and entry, oldest first.

    Attributes:
        index: entry of the model's level, shape (N,), int64.
        visit: the visit it belongs to, from 0 in order of time, shape (N,), int64.
        day: UTC day number since 1970, shape (N,), int64.
        traits: her traits as ``traits.codes`` has them, int64; none where none were read.
    """

    index: np.ndarray
    visit: np.ndarray
    day: np.ndarray
    traits: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        return f"History(rows={len(self)})"

    def entries(self) -> np.ndarray:
        """The distinct entries, ascending, int64."""
        return np.unique(self.index)


EMPTY = History(*np.zeros((3, 0), np.int64))
"""The history of somebody unknown."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Histories:
    """The histories of a cohort, one after the other.

    Attributes:
        subjects: ordinals, shape (S,), int64.
        starts: row offsets of each subject, shape (S + 1,), int64.
        rows: all rows; visits are numbered through the cohort.
        size: number of entries of the level.
        traits: the traits of each subject, shape (S, T), int64; of none where none were read.
    """

    subjects: np.ndarray
    starts: np.ndarray
    rows: History
    size: int
    traits: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def __len__(self) -> int:
        return len(self.subjects)

    def __repr__(self) -> str:
        return f"Histories(subjects={len(self)}, rows={len(self.rows)})"

    def __getitem__(self, position: int) -> History:
        """The history of the subject at a position (0 to S - 1)."""
        if not 0 <= position < len(self):
            raise IndexError(position)
        part = slice(self.starts[position], self.starts[position + 1])
        visit = self.rows.visit[part]
        rows = self.rows.index[part], visit - visit[:1], self.rows.day[part]
        return History(*rows, self.traits[position]) if len(self.traits) else History(*rows)


def histories(
    events: Events, level: Level, *, item: str = "item", basket: str | None = None
) -> Histories:
    """Reduce opened events to histories; unknown and hidden entries are left out.

    A subject's history is the same whoever else is in the cohort.

    Args:
        events: rows of one event.
        level: the model's entries.
        item: the column of item codes.
        basket: the column that tells visits apart; None makes each UTC day one visit.
    """
    index = level.visible(events.columns[item])
    known = index >= 0
    events, index = select(events, known), index[known]
    visit = visit_of(events, basket)
    width = max(len(level), 1)
    # Visits rise with time and never mix subjects, so this order groups rows by subject.
    _, row = np.unique(visit * width + index, return_index=True)
    if len(events.subjects) == 1:
        starts = np.array([0, len(row)])
    else:
        starts = np.searchsorted(owners(events)[row], np.arange(len(events.subjects) + 1))
    kept = History(index[row], visit[row], events.at[row] // DAY_US)
    return Histories(events.subjects, starts, kept, len(level))
