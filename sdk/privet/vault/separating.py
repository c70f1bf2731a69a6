"""Separating: rows whose item turned out to be sensitive move to the domain beside their own.

A row keeps its identity, which begins at a random place in each domain, so that its fields
meet again wherever both sides may be opened, and its tag still tells a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from privet.errors import StoreUnavailable
from privet.vault.codec import Ints
from privet.vault.compaction import by_event, cut_again, retention_of
from privet.vault.joining import Joined, join
from privet.vault.layout import KEY_SUFFIX
from privet.vault.pen import Pen, open_pen, put
from privet.vault.reading import Room, Row, decode_cells

_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class Separation:
    """What moves, and where to.

    Attributes:
        beside: number of a domain to that of the one beside it.
        fields: event to its fields that hold items.
        revealing: by item code, whether rows of it are kept apart, shape (I,), bool.
    """

    beside: Mapping[int, int]
    fields: Mapping[str, frozenset[str]]
    revealing: npt.NDArray[np.bool_]


def separate(room: Room, sno: int, what: Separation) -> int:
    """Move a subject's rows of these items; how many. Safe to repeat.

    Raises:
        StoreUnavailable: others kept writing to her cells.
    """
    grps, doms = list(room.layouts.by_grp), sorted(what.beside)
    for _ in range(_ATTEMPTS):
        seen = open_pen(room, [sno], (), doms, grps)
        rows = {event: _rows(seen, event, what) for event in what.fields}
        if not any(map(len, rows.values())):
            return 0
        # Keys and heads only where something goes: a domain that is there tells that it holds.
        targets = {what.beside[dom] for dom in _holding(seen, rows, what)}
        pen = open_pen(room, [sno], {(sno, t) for t in targets}, [*doms, *targets], grps)
        pairs = _move(pen, sno, rows, what)
        with room.data.write() as tx:
            changes = [pen.close(pair, seq, pen.manifests[pair].next_row) for pair, seq in pairs]
            if changes and put(room, tx, changes, pen.made):
                return sum(map(len, rows.values()))
    raise StoreUnavailable(
        "a subject's cells could not be separated",
        why="others kept writing to them",
        remedy="Run maintenance again.",
        reason="store.busy",
    )


def _rows(pen: Pen, event: str, what: Separation) -> Ints:
    """Identities of the rows of an event that have such an item."""
    layouts, wanted = pen.room.layouts.by_grp, what.fields[event]
    held = [
        cell
        for cell in pen.found
        if cell[1] in what.beside
        and layouts[cell[3]].event == event
        and layouts[cell[3]].names & wanted
    ]
    found = [np.zeros(0, np.int64)]
    for decoded, _ in decode_cells(pen.room, held, pen.keys, None).values():
        for name in sorted(wanted & decoded.columns.keys()):
            codes = decoded.columns[name]
            known = (codes >= 0) & (codes < len(what.revealing))
            known[known] = what.revealing[codes[known]]
            found.append(decoded.row[known])
    return np.unique(np.concatenate(found))


def _move(
    pen: Pen, sno: int, rows: Mapping[str, Ints], what: Separation
) -> list[tuple[tuple[int, int], int]]:
    """Cut the cells that hold such rows anew on both sides; each touched pair's next number."""
    next_seq = {pair: manifest.next_seq for pair, manifest in pen.manifests.items()}
    for dom, event, cells in _of_both(pen, rows, what):
        beside = what.beside[dom]
        opened = decode_cells(pen.room, cells, pen.keys, None)
        joined = join([part for part, _ in opened.values()], [own for _, own in opened.values()])
        apart = np.isin(joined.row, rows[event.removesuffix(KEY_SUFFIX)])
        if apart.any() and (sno, beside) in next_seq:
            pen.gone.setdefault((sno, dom), []).extend((c[2], c[3]) for c in cells)
            kept = retention_of(cells, opened)
            cut_again(pen, dom, event, _part(joined, ~apart), kept, next_seq)
            cut_again(pen, beside, event, _part(joined, apart), kept, next_seq)
    return [(pair, next_seq[pair]) for pair in sorted(pen.gone.keys() | pen.cells.keys())]


def _holding(pen: Pen, rows: Mapping[str, Ints], what: Separation) -> set[int]:
    """Domains in which some field, or the tag, of one of these rows is sealed."""
    found: set[int] = set()
    for dom, event, cells in _of_both(pen, rows, what):
        wanted = rows[event.removesuffix(KEY_SUFFIX)]
        opened = decode_cells(pen.room, cells, pen.keys, None)
        if any(np.isin(decoded.row, wanted).any() for decoded, _ in opened.values()):
            found.add(dom)
    return found


def _of_both(
    pen: Pen, rows: Mapping[str, Ints], what: Separation
) -> list[tuple[int, str, list[Row]]]:
    """Cells by domain and event, of the events concerned and of their tags."""
    return [
        (dom, event, cells)
        for dom, event, cells in by_event(pen.room, pen)
        if dom in what.beside and event.removesuffix(KEY_SUFFIX) in rows
    ]


def _part(joined: Joined, mask: npt.NDArray[np.bool_]) -> Joined:
    columns = {name: values[mask] for name, values in joined.columns.items()}
    return Joined(joined.sno[mask], joined.at[mask], joined.row[mask], columns, joined.extra)
