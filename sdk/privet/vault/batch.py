"""Batches: rows to seal, how they are cut into cells, and when those lapse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from privet.clock import DAY_US

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.vault.codec import Column, Ints
    from privet.vault.reading import Room, Row

WEEK_US: Final = 7 * DAY_US
NEVER: Final = 2**31 - 1
CELL_ROWS: Final = 128
LONG_ROWS: Final = 1024
LONG_HISTORY: Final = 2000
SEALED, REPEATED, REFUSED = 0, 1, 2
Outcome = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, repr=False)
class Rows:
    """Events of one type to seal, for any number of subjects.

    Attributes:
        event: an event type, or ``profile`` (then the given fields replace hers).
        dom_of: the domain's name for each bare field.
        snos: ordinals, shape (R,).
        at: UTC µs, shape (R,).
        columns: values by bare field, each shape (R,); types as in ``Events``.
        extra: texts that negative item codes stand for.
        keys: the app's own key of each row, so that a repeat is sealed once; or None.
        lapses: by domain, UTC µs at which each row passes its retention, shape (R,).
        apart: which rows are sealed in the domains of ``apart_of``, shape (R,); None for none.
        apart_of: the domain's name for each bare field of those rows.
    """

    event: str
    dom_of: Mapping[str, str]
    snos: Ints
    at: Ints
    columns: Mapping[str, Column]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Sequence[bytes] | None = None
    lapses: Mapping[str, Ints] = field(default_factory=dict)
    apart: npt.NDArray[np.bool_] | None = None
    apart_of: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Rows(event={self.event}, rows={len(self.snos)})"


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows sorted by subject, cut into cells.

    Attributes:
        subjects: ordinals, shape (S,).
        sizes: rows of each subject, shape (S,).
        within: position of each row within its subject, shape (R,).
        starts: row offsets of the cells, shape (C + 1,).
        cells: cells of each subject, shape (S,).
    """

    subjects: Ints
    sizes: Ints
    within: Ints
    starts: Ints
    cells: Ints

    @classmethod
    def of(cls, snos: Ints, rows_per_cell: int | None = None) -> Cut:
        """Cut sorted rows; long histories get longer cells unless told otherwise."""
        subjects, first, sizes = np.unique(snos, return_index=True, return_counts=True)
        within = np.arange(len(snos)) - np.repeat(first, sizes)
        rows = np.where(sizes > LONG_HISTORY, LONG_ROWS, CELL_ROWS)
        if rows_per_cell is not None:
            rows[:] = rows_per_cell
        starts = np.flatnonzero(within % np.repeat(rows, sizes) == 0)
        cells = -(-sizes // rows)
        return cls(subjects, sizes, within, np.append(starts, len(snos)), cells)

    def places(self, next_seqs: Sequence[int], weeks: Ints) -> list[Row]:
        """(sno, seq, n, lapses) of every cell."""
        first = np.cumsum(self.cells) - self.cells
        nth = np.arange(len(self.starts) - 1) - np.repeat(first, self.cells)
        seqs = np.repeat(np.array(next_seqs, np.int64), self.cells) + nth
        snos = np.repeat(self.subjects, self.cells)
        columns = (snos, seqs, np.diff(self.starts), weeks)
        return list(zip(*(c.tolist() for c in columns), strict=True))


def lapses_in(room: Room, rows: Rows, dom: int, kept: npt.NDArray[np.intp]) -> Ints | None:
    """When the kept rows lapse in one domain, if that is stated."""
    for name, lapses in rows.lapses.items():
        if room.layouts.dom(name) == dom:
            return lapses[kept]
    return None


def weeks_of(lapses: Ints | None, starts: Ints) -> Ints:
    """The week in which the first event of each cell passes its retention."""
    if lapses is None:
        return np.full(len(starts) - 1, NEVER)
    weeks: Ints = np.minimum.reduceat(lapses, starts[:-1]) // WEEK_US
    return np.clip(weeks, -NEVER, NEVER)
