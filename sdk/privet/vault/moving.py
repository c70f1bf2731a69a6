"""Moving: columns whose domain is another now go under its keys, where a law begins to hold them.

A row keeps its identity, so that its fields meet again wherever both domains are opened; its
tag stays where it is, and still tells a repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.errors import StoreUnavailable
from privet.vault.codec import nulls_in
from privet.vault.compaction import by_event, cut_again, retention_of
from privet.vault.joining import Joined, join
from privet.vault.pen import Pen, open_pen, put
from privet.vault.reading import Room, Row, decode_cells

if TYPE_CHECKING:
    from privet.vault.codec import Column

_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class Move:
    """Columns of one event, from one domain to another, by number.

    Attributes:
        event: the event's name, or ``"profile"``.
        columns: bare names.
        dom: the domain that they are in.
        to: the domain that they belong to.
    """

    event: str
    columns: frozenset[str]
    dom: int
    to: int


def move(room: Room, sno: int, moves: Sequence[Move]) -> int:
    """Move a subject's columns; how many cells went. Safe to repeat.

    Raises:
        StoreUnavailable: others kept writing to her cells (``store.busy``).
    """
    doms, grps = sorted({m.dom for m in moves}), list(room.layouts.by_grp)
    for _ in range(_ATTEMPTS):
        seen = open_pen(room, [sno], (), doms, grps)
        found = [m for m in moves if _cells(seen, m)]
        if not found:
            return 0
        # Keys and heads only where something goes: a domain that is there tells that it holds.
        written = {(sno, m.to) for m in found}
        pen = open_pen(room, [sno], written, sorted({*doms, *(m.to for m in found)}), grps)
        if not written <= pen.manifests.keys():
            return 0  # she is being erased
        next_seq = {pair: manifest.next_seq for pair, manifest in pen.manifests.items()}
        for one in found:
            _move(pen, sno, one, next_seq)
        gone = sum(map(len, pen.gone.values()))
        pairs = sorted(pen.gone.keys() | pen.cells.keys())
        changes = [pen.close(p, next_seq[p], pen.manifests[p].next_row) for p in pairs]
        with room.data.write() as tx:
            if put(room, tx, changes, pen.made):
                return gone
    raise StoreUnavailable(
        "a subject's cells could not be moved",
        why="others kept writing to them",
        remedy="Run maintenance again.",
        reason="store.busy",
    )


def _cells(pen: Pen, one: Move) -> list[Row]:
    """The cells of a domain that hold any of the columns."""
    layouts = pen.room.layouts.by_grp
    return [
        cell
        for dom, event, cells in by_event(pen.room, pen)
        if (dom, event) == (one.dom, one.event)
        for cell in cells
        if layouts[cell[3]].names & one.columns
    ]


def _move(pen: Pen, sno: int, one: Move, next_seq: dict[tuple[int, int], int]) -> None:
    cells = _cells(pen, one)
    opened = decode_cells(pen.room, cells, pen.keys, None)
    joined = join([part for part, _ in opened.values()], [owner for _, owner in opened.values()])
    kept = retention_of(cells, opened)
    pen.gone.setdefault((sno, one.dom), []).extend((cell[2], cell[3]) for cell in cells)
    for dom, names in (
        (one.to, joined.columns.keys() & one.columns),
        (one.dom, joined.columns.keys() - one.columns),
    ):
        columns = {name: joined.columns[name] for name in sorted(names)}
        cut_again(pen, dom, one.event, _filled(joined, columns), kept, next_seq)


def _filled(rows: Joined, columns: dict[str, Column]) -> Joined:
    """The rows in which any of these columns has a value."""
    mask = np.zeros(len(rows.at), np.bool_)
    for values in columns.values():
        mask |= ~nulls_in(values)
    part = {name: values[mask] for name, values in columns.items()}
    return Joined(rows.sno[mask], rows.at[mask], rows.row[mask], part, rows.extra)
