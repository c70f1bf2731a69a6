"""Reading: rows first, keys later, heads against cells, then all cells of a layout at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from privet.errors import AccessDenied, IntegrityError
from privet.types import Events, Warrant
from privet.vault.cells import Renewed
from privet.vault.codec import Column, Decoded, Ints, decode, null_of
from privet.vault.handful import decode_few
from privet.vault.heads import Manifest, Record
from privet.vault.joining import Joined, join, latest
from privet.vault.layout import outdated, unknown
from privet.vault.rows import by_subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyroaring import BitMap

    from privet.db import Store, Tx
    from privet.vault.cells import Sealer, SubjectKey
    from privet.vault.keys import Keys, Pair
    from privet.vault.layout import Layouts

Row = tuple[Any, ...]
PROFILE = "profile"
_GRP = itemgetter(1)
Place = tuple[str, tuple[str, ...], tuple[str, ...]]
"""An event, its fields and the domains, as a plan names them."""


class Numbers(NamedTuple):
    """What a plan reads, by number.

    Attributes:
        grps: cell groups that hold any of its fields.
        doms: its domains.
        wide: those of the groups that hold more than it was granted.
    """

    grps: tuple[int, ...]
    doms: tuple[int, ...]
    wide: frozenset[int]


@dataclass(frozen=True, slots=True)
class Room:
    """What every part of the vault works with."""

    data: Store
    keys: Keys
    layouts: Layouts
    sealer: Sealer
    places: dict[Place, Numbers] = field(default_factory=dict)

    def numbers(self, plan: Plan) -> Numbers:
        """The cell groups and domains that a plan reads, looked up once.

        Raises:
            StoreUnavailable: as ``Layouts.readable`` and ``Layouts.dom``.
        """
        place = plan.event, plan.fields, plan.domains
        found = self.places.get(place)
        if found is None:
            grps = tuple(x.grp for x in self.layouts.readable(plan.event, plan.fields))
            wide = frozenset(self.layouts.too_wide(plan.event, grps, plan.fields))
            doms = tuple(map(self.layouts.dom, plan.domains))
            found = self.places[place] = Numbers(grps, doms, wide)
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """What a read opens.

    Attributes:
        event: an event type, or ``profile``.
        fields: bare field names, covered by whole atoms that the read was granted.
        domains: names of the domains that the purpose may read.
        not_before: UTC µs; older events are past retention and never returned.
        last: keep only the last n events of each subject.
    """

    event: str
    fields: tuple[str, ...]
    domains: tuple[str, ...]
    not_before: int | None
    last: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Fetched:
    """Sealed rows as they stood in one snapshot of the data store."""

    plan: Plan
    snos: tuple[int, ...]
    grps: tuple[int, ...]
    doms: tuple[int, ...]
    heads: list[Row]
    cells: list[Row]

    def __repr__(self) -> str:
        return f"Fetched(subjects={len(self.snos)}, cells={len(self.cells)})"


def require(warrant: Warrant, snos: Iterable[int]) -> None:
    """Refuse unless the warrant names every one of these subjects.

    Raises:
        AccessDenied: reason ``warrant.missing``.
    """
    if not all(map(warrant.covers, snos)):
        raise AccessDenied(
            "cells stay sealed without a warrant",
            why="no durable record of this process names every subject asked for",
            remedy="Go through the gate: it records first and receives the warrant.",
            reason="warrant.missing",
        )


def fetch(room: Room, tx: Tx, plan: Plan, snos: BitMap | Sequence[int]) -> Fetched:
    """Read heads and cells in the caller's snapshot; nothing is opened."""
    asked = tuple(sorted({*map(int, snos)}))
    grps, doms, wide = room.numbers(plan)
    heads = select_heads(tx, asked, doms)
    cells = select_cells(tx, asked, doms, grps)
    if wide and any(cell[3] in wide for cell in cells):
        raise outdated()
    return Fetched(plan, asked, grps, doms, heads, cells)


def select_heads(tx: Tx, snos: Sequence[int], doms: Sequence[int]) -> list[Row]:
    """(sno, dom, ver, ct) of the heads, ascending."""
    return by_subject(tx, "SELECT sno, dom, ver, ct FROM head", snos, dom=doms)


def select_cells(
    tx: Tx, snos: Sequence[int], doms: Sequence[int], grps: Sequence[int]
) -> list[Row]:
    """(sno, dom, seq, grp, n, lapses, ct) of the cells, ascending."""
    return by_subject(
        tx,
        "SELECT sno, dom, seq, grp, n, lapses, ct FROM cell",
        snos,
        "sno, dom, seq, grp",
        dom=doms,
        grp=grps,
    )


def open_events(room: Room, fetched: Fetched) -> Events:
    """Open fetched event cells into columns; the caller has checked the warrant."""
    plan = fetched.plan
    parts = list(open_layouts(room, fetched).values())
    joined = join([part for part, _ in parts], [owner for _, owner in parts])
    if len(fetched.snos) == 1 and plan.last is None:
        return _of_one(room, fetched, joined)
    keep = np.ones(len(joined.at), bool)
    if plan.not_before is not None:
        keep = joined.at >= plan.not_before
    starts = _starts(joined.sno[keep], fetched.snos)
    if plan.last is not None:
        from_end = np.repeat(starts[1:], np.diff(starts)) - np.arange(int(starts[-1]))
        keep[np.flatnonzero(keep)[from_end > plan.last]] = False
        starts = _starts(joined.sno[keep], fetched.snos)
    at, columns = joined.at, joined.columns
    if not keep.all():
        at, columns = at[keep], {name: values[keep] for name, values in columns.items()}
    named = dict(_named(room, plan, columns, len(at)))
    return Events(np.array(fetched.snos, np.int64), starts, at, named, joined.extra)


def _of_one(room: Room, fetched: Fetched, joined: Joined) -> Events:
    """What was joined of one subject: her rows ascend in time, so retention is one cut."""
    plan, at, columns = fetched.plan, joined.at, joined.columns
    if plan.not_before is not None and len(at) and at[0] < plan.not_before:
        first = int(np.searchsorted(at, plan.not_before))
        at, columns = at[first:], {name: values[first:] for name, values in columns.items()}
    named = dict(_named(room, plan, columns, len(at)))
    snos, starts = np.array(fetched.snos, np.int64), np.array([0, len(at)], np.int64)
    return Events(snos, starts, at, named, joined.extra)


def open_profiles(room: Room, fetched: Fetched) -> Events:
    """Open profile cells into one row per subject asked for; null where nothing is known."""
    plan, snos = fetched.plan, np.array(fetched.snos, np.int64)
    parts = list(open_layouts(room, fetched).values())
    joined = join([part for part, _ in parts], [owner for _, owner in parts])
    keep = np.ones(len(joined.at), bool)
    if plan.not_before is not None:
        keep = joined.at >= plan.not_before
    at, found = latest(joined, snos, keep)
    columns = dict(_named(room, plan, found, len(snos)))
    return Events(snos, np.arange(len(snos) + 1), at, columns, joined.extra)


def open_layouts(room: Room, fetched: Fetched) -> dict[int, tuple[Decoded, Ints]]:
    """Rows by cell group, each with the ordinals of their subjects.

    Raises:
        IntegrityError: a cell is missing, foreign, moved, replayed or changed.
        StoreUnavailable: layouts became known since it was fetched (``layout.unknown``).
    """
    if room.numbers(fetched.plan).grps != fetched.grps:  # cells of theirs were not asked for
        raise unknown()
    pairs = {head[:2] for head in fetched.heads}
    if not pairs.issuperset([cell[:2] for cell in fetched.cells]):
        raise _not_listed()
    keys = room.keys.of_subjects(sorted({sno for sno, _ in pairs}), fetched.doms)
    manifests = open_heads(room, fetched.heads, keys)
    cells: Sequence[Row] = fetched.cells
    if len(manifests) < len(pairs):  # somebody was erased since
        cells = [cell for cell in cells if cell[:2] in manifests]
    check_listed(room.layouts, manifests, cells, fetched.grps)
    wanted = frozenset(fetched.plan.fields)
    return decode_cells(room, cells, keys, wanted)


def open_heads(
    room: Room, heads: Sequence[Row], keys: Mapping[Pair, SubjectKey]
) -> dict[Pair, Manifest]:
    """The manifests of all heads that still have a key.

    A head without a key belongs to a subject erased since it was read. One that does not
    open under her key is damage, unless the store meanwhile holds another head there:
    then she was erased and came back in between.
    """
    manifests: dict[Pair, Manifest] = {}
    for sno, dom, ver, ct in heads:
        key = keys.get((sno, dom))
        if key is None:
            continue
        try:
            plain = room.sealer.open_head(key, sno, dom, ver, bytes(ct))
        except Renewed:  # her key was renewed since, or she was erased and came back
            raise
        except IntegrityError:
            if _still_there(room, sno, dom, ver, bytes(ct)):
                raise
            continue
        manifests[sno, dom] = Manifest.parse(plain)
    return manifests


def _still_there(room: Room, sno: int, dom: int, ver: int, ct: bytes) -> bool:
    with room.data.read() as tx:
        row = tx.one("SELECT ver, ct FROM head WHERE sno = ? AND dom = ?", (sno, dom))
    return row is not None and (row[0], bytes(row[1])) == (ver, ct)


def check_listed(
    layouts: Layouts,
    manifests: Mapping[Pair, Manifest],
    cells: Sequence[Row],
    grps: Sequence[int],
) -> None:
    """Refuse unless the cells are exactly those that the manifests list for these groups."""
    asked, known = frozenset(grps), layouts.by_grp.keys()
    found: dict[Pair, list[Record]] = {pair: [] for pair in manifests}
    for cell in cells:
        found[cell[0], cell[1]].append(cell[2:5])  # seq, grp, n
    for pair, manifest in manifests.items():
        expected = manifest.cells()
        if not known >= {*map(_GRP, expected)}:
            raise unknown()
        if [cell for cell in expected if cell[1] in asked] != found[pair]:
            raise _not_listed()


def decode_cells(
    room: Room,
    cells: Sequence[Row],
    keys: Mapping[Pair, SubjectKey],
    wanted: frozenset[str] | None,
) -> dict[int, tuple[Decoded, Ints]]:
    """Open and decode cells, by group; ``wanted`` None means every field."""
    open_cell = room.sealer.open_cell
    by_grp: dict[int, list[Row]] = {}
    for cell in cells:
        by_grp.setdefault(cell[3], []).append(cell)
    found = {}
    for grp, rows in by_grp.items():
        texts = [open_cell(keys[row[:2]], row[:6], bytes(row[6])) for row in rows]
        counts, snos = [row[4] for row in rows], [row[0] for row in rows]
        layout = room.layouts.by_grp[grp]
        names = layout.names if wanted is None else wanted
        decoded = decode_few(layout, texts, counts, names) or decode(layout, texts, counts, names)
        found[grp] = (decoded, np.repeat(np.array(snos, np.int64), counts))
    return found


def _named(
    room: Room, plan: Plan, columns: Mapping[str, Column], length: int
) -> Iterable[tuple[str, Column]]:
    """Every asked column, whole nulls where no cell had it."""
    for name in plan.fields:
        values = columns.get(name)
        if values is None:
            null = null_of(room.layouts.kinds[f"{plan.event}.{name}"][0])
            dtype = object if null is None else np.asarray(null).dtype
            values = np.full(length, null, dtype)
        yield name, values


def _starts(sno: Ints, asked: Sequence[int]) -> npt.NDArray[np.int64]:
    bounds = np.array((*asked, np.iinfo(np.int64).max), np.int64)
    return np.searchsorted(sno, bounds).astype(np.int64, copy=False)


def _not_listed() -> IntegrityError:
    return IntegrityError(
        "stored cells are not those that their head lists",
        why="a cell is missing, foreign or replayed",
    )
