"""Writing: repeats are told, rows sealed outside of transactions, then put in at once.

Only those allowed at the commit are written; where somebody else wrote one of the heads in
between, nothing is, and the work is prepared again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from privet.clock import DAY_US
from privet.crypto import short_tag
from privet.errors import InvalidInput
from privet.vault.batch import (
    REFUSED,
    REPEATED,
    SEALED,
    Cut,
    Outcome,
    Rows,
    lapses_in,
    weeks_of,
)
from privet.vault.codec import Ints, encode
from privet.vault.layout import TAG
from privet.vault.pen import Change, Pen, open_pen, put
from privet.vault.profiles import write_profiles
from privet.vault.reading import PROFILE, Room, decode_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyroaring import BitMap

    from privet.db import Tx
    from privet.vault.keys import Pair


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """Sealed and ready; holds no plaintext and no key."""

    changes: list[Change]
    snos: Ints
    outcome: Outcome
    made: Mapping[Pair, bytes]

    def __repr__(self) -> str:
        return f"Prepared(rows={len(self.snos)}, heads={len(self.changes)})"


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a batch.

    Attributes:
        sealed: rows now stored.
        repeated: rows whose key was sealed before, or earlier in the batch.
        refused: rows of subjects without a ground, or erased in between.
        outcome: per row as given: 0 sealed, 1 repeated, 2 refused, shape (R,), int8.
    """

    sealed: int
    repeated: int
    refused: int
    outcome: Outcome = field(repr=False)


def prepare(room: Room, rows: Rows) -> Prepared:
    """Tell repeats, encode and seal; the caller has checked the warrant."""
    if not len(rows.snos):
        return Prepared([], rows.snos, np.zeros(0, np.int8), {})
    order = np.lexsort((rows.at, rows.snos))
    shelves = _shelves(room, rows)
    written = {
        (sno, dom)
        for shelf in shelves
        for sno in np.unique(rows.snos[shelf.rows]).tolist()
        for dom in shelf.doms
    }
    snos = np.unique(rows.snos).tolist()
    first = _read_first(room, rows, shelves[0].domains)
    doms = sorted({dom for shelf in shelves for dom in shelf.doms})
    # Where nothing that is there decides what is written, only what is written on is opened.
    pen = open_pen(room, snos, written, room.layouts.family(doms) if first else doms, first)
    outcome = np.full(len(order), SEALED, np.int8)
    leaving = sorted({sno for sno, dom in written if (sno, dom) not in pen.manifests})
    if leaving:
        outcome[np.isin(rows.snos[order], leaving)] = REFUSED
    if rows.event == PROFILE:
        changes = write_profiles(pen, rows, order, shelves[0].domains, outcome)
    else:
        changes = _events(pen, rows, order, shelves, outcome)
    back = np.empty_like(outcome)
    back[order] = outcome
    used = {(c.sno, c.dom) for c in changes}
    made = {pair: kc for pair, kc in pen.made.items() if pair in used}
    return Prepared(changes, rows.snos, back, made)


def commit(room: Room, tx: Tx, prepared: Prepared, allowed: BitMap) -> Committed | None:
    """Put the prepared cells of the allowed subjects in; None where a head has moved on."""
    changes = sorted(
        (c for c in prepared.changes if c.sno in allowed), key=lambda c: (c.sno, c.dom)
    )
    if not put(room, tx, changes, prepared.made):
        return None
    outcome = prepared.outcome.copy()
    allowed_rows = np.array([s in allowed for s in prepared.snos.tolist()], bool)
    outcome[~allowed_rows] = REFUSED
    sealed, repeated, refused = (
        int(np.count_nonzero(outcome == k)) for k in (SEALED, REPEATED, REFUSED)
    )
    return Committed(sealed, repeated, refused, outcome)


@dataclass(frozen=True, slots=True, repr=False)
class _Shelf:
    """Where some rows of a batch are sealed.

    Attributes:
        rows: which of the batch, shape (R,), bool.
        domains: each given field's domain.
        anchor: the domain of their tags and row identities.
    """

    rows: npt.NDArray[np.bool_]
    domains: Mapping[str, int]
    anchor: int

    @property
    def doms(self) -> list[int]:
        return sorted({self.anchor, *self.domains.values()})


def _shelves(room: Room, rows: Rows) -> list[_Shelf]:
    """The usual shelf, and where some rows are kept apart a second one."""
    here = np.ones(len(rows.snos), bool) if rows.apart is None else ~rows.apart
    shelves = [_shelf(room, rows, rows.dom_of, here)]
    if rows.apart is not None:
        shelves.append(_shelf(room, rows, rows.apart_of, rows.apart))
    return shelves


def _shelf(
    room: Room, rows: Rows, dom_of: Mapping[str, str], here: npt.NDArray[np.bool_]
) -> _Shelf:
    anchor = room.layouts.dom(_anchor(room, rows, dom_of))
    return _Shelf(here, _domains(room, rows, dom_of), anchor)


def _domains(room: Room, rows: Rows, dom_of: Mapping[str, str]) -> dict[str, int]:
    """Each given field's domain; every field must have a layout and a domain."""
    stored = frozenset().union(*(x.names for x in room.layouts.current.get(rows.event, ())))
    if not (rows.columns and rows.columns.keys() <= stored & dom_of.keys()):
        raise InvalidInput(
            "a field of these rows has no place in the vault",
            why="no layout or no domain of the active policy has it",
            remedy="Give exactly the fields that the policy collects.",
            reason="rows.field",
        )
    return {name: room.layouts.dom(dom_of[name]) for name in rows.columns}


def _read_first(room: Room, rows: Rows, domains: Mapping[str, int]) -> list[int]:
    """The groups whose cells decide what is written: tags, or the profile as it stands."""
    if rows.event == PROFILE:
        return [x.grp for x in room.layouts.readable(PROFILE, domains)]
    return [] if rows.keys is None else [room.layouts.key_layout(rows.event).grp]


def _anchor(room: Room, rows: Rows, dom_of: Mapping[str, str]) -> str:
    """Where the event's tags and row identities are kept: with its first field."""
    if rows.event == PROFILE:
        return dom_of[next(iter(rows.columns))]
    name = dom_of.get(room.layouts.first_field(rows.event))
    if name is None:
        raise InvalidInput(
            "the event's first field has no domain",
            remedy="Name the domain of every field of the event.",
            reason="rows.domain",
        )
    return name


def _events(
    pen: Pen,
    rows: Rows,
    order: npt.NDArray[np.intp],
    shelves: Sequence[_Shelf],
    outcome: Outcome,
) -> list[Change]:
    tags = _tags(pen, rows)
    if tags is not None:
        _mark_repeated(pen, rows.snos[order], tags[order], outcome)
    changes: list[Change] = []
    for shelf in shelves:
        kept = order[(outcome == SEALED) & shelf.rows[order]]
        if len(kept):
            changes += _seal(pen, rows, kept, shelf, tags)
    return changes


def _seal(
    pen: Pen,
    rows: Rows,
    kept: npt.NDArray[np.intp],
    shelf: _Shelf,
    tags: npt.NDArray[np.uint64] | None,
) -> list[Change]:
    domains, anchor = shelf.domains, shelf.anchor
    cut = Cut.of(rows.snos[kept])
    subjects = cut.subjects.tolist()
    base = np.array([pen.manifests[s, anchor].next_row for s in subjects], np.int64)
    row = np.repeat(base, cut.sizes) + cut.within
    at = rows.at[kept]
    given = {name: values[kept] for name, values in rows.columns.items()}
    doms = shelf.doms
    for dom in doms:
        mine = {name: values for name, values in given.items() if domains[name] == dom}
        weeks = weeks_of(lapses_in(pen.room, rows, dom, kept), cut.starts)
        places = cut.places([pen.manifests[s, dom].next_seq for s in subjects], weeks)
        for layout in pen.room.layouts.current[rows.event]:
            part = {n: v for n, v in mine.items() if n in layout.names}
            if part:
                pen.seal(layout, dom, encode(layout, cut.starts, at, row, part, rows.extra), places)
        if dom == anchor and tags is not None:
            layout = pen.room.layouts.key_layout(rows.event)
            # A tag's own time may be coarse: it only tells a sweep when to let go of it.
            day = at - at % DAY_US
            plains = encode(layout, cut.starts, day, row, {TAG: tags[kept]}, {})
            pen.seal(layout, dom, plains, places)
    changes = []
    for dom in doms:
        for i, sno in enumerate(subjects):
            manifest = pen.manifests[sno, dom]
            grown = int(cut.sizes[i]) if dom == anchor else 0
            next_seq = manifest.next_seq + int(cut.cells[i])
            changes.append(pen.close((sno, dom), next_seq, manifest.next_row + grown))
    return changes


def _tags(pen: Pen, rows: Rows) -> npt.NDArray[np.uint64] | None:
    """A keyed tag of (subject, event, the app's key) per row."""
    if rows.keys is None:
        return None
    secret = pen.room.keys.secret("dedup")
    event = rows.event.encode()
    event = len(event).to_bytes(2, "big") + event
    made = [
        short_tag(secret, b"%b%b%b" % (sno.to_bytes(8, "big"), event, key))
        for sno, key in zip(rows.snos.tolist(), rows.keys, strict=True)
    ]
    return np.frombuffer(b"".join(made), np.uint64)


def _mark_repeated(pen: Pen, snos: Ints, tags: npt.NDArray[np.uint64], outcome: Outcome) -> None:
    """Mark rows whose tag is sealed already, or stands earlier in the batch."""
    old_snos, old_tags = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    for decoded, owners in decode_cells(pen.room, pen.found, pen.keys, None).values():
        old_snos, old_tags = owners, decoded.columns[TAG]
    every_sno, every_tag = np.concatenate([old_snos, snos]), np.concatenate([old_tags, tags])
    order = np.lexsort((every_tag, every_sno))
    again = np.zeros(len(order), bool)
    again[1:] = (np.diff(every_sno[order]) == 0) & (every_tag[order][1:] == every_tag[order][:-1])
    repeated = order[again] - len(old_snos)
    repeated = repeated[repeated >= 0]
    outcome[repeated[outcome[repeated] == SEALED]] = REPEATED
