"""Writing: everything is encoded and sealed outside of transactions, then put in at once.

A writer notes the version of every head that it read; at commit each head must still have
it, else somebody else wrote in between and the work is prepared again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from privet.clock import DAY_US
from privet.crypto import nonces, short_tag
from privet.errors import InvalidInput
from privet.vault.codec import Column, Ints, Layout, encode
from privet.vault.heads import Manifest, Record
from privet.vault.layout import TAG
from privet.vault.reading import (
    PROFILE,
    Room,
    Row,
    check_listed,
    decode_cells,
    join,
    latest,
    open_heads,
    select_cells,
    select_heads,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyroaring import BitMap

    from privet.db import Tx
    from privet.vault.cells import SubjectKey
    from privet.vault.keys import Pair

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
    """

    event: str
    dom_of: Mapping[str, str]
    snos: Ints
    at: Ints
    columns: Mapping[str, Column]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Sequence[bytes] | None = None
    lapses: Mapping[str, Ints] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Rows(event={self.event}, rows={len(self.snos)})"


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """What one subject and domain gets: a new head, new cells, cells to remove."""

    sno: int
    dom: int
    ver: int
    head: bytes
    cells: list[Row]
    gone: list[tuple[int, int]]


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


@dataclass(slots=True)
class Pen:
    """The open heads and keys that a preparation writes with."""

    room: Room
    vers: dict[Pair, int]
    manifests: dict[Pair, Manifest]
    keys: dict[Pair, SubjectKey]
    made: dict[Pair, bytes]
    found: list[Row]
    cells: dict[Pair, list[Row]] = field(default_factory=dict)
    gone: dict[Pair, list[tuple[int, int]]] = field(default_factory=dict)

    def seal(
        self, layout: Layout, dom: int, plains: Sequence[bytes], places: Sequence[Row]
    ) -> None:
        """Seal cells of one layout and domain; ``places`` are (sno, seq, n, lapses)."""
        sealer, grp = self.room.sealer, layout.grp
        for plain, nonce, (sno, seq, n, lapses) in zip(
            plains, nonces(len(plains)), places, strict=True
        ):
            ct = sealer.seal_cell(
                self.keys[sno, dom], (sno, dom, seq, grp, n, lapses), plain, nonce
            )
            self.cells.setdefault((sno, dom), []).append((sno, dom, seq, grp, n, lapses, ct))

    def close(self, pair: Pair, next_seq: int, next_row: int) -> Change:
        """Seal the new head of one subject and domain."""
        sno, dom = pair
        cells = sorted(self.cells.get(pair, ()), key=lambda c: (c[2], c[3]))
        gone = self.gone.get(pair, [])
        manifest = self.manifests[pair]
        if gone:
            manifest = manifest.without(set(gone))
        added: list[Record] = [(c[2], c[3], c[4]) for c in cells]
        manifest = manifest.grown(added, next_seq, next_row)
        ver = self.vers.get(pair, 0) + 1
        head = self.room.sealer.seal_head(self.keys[pair], sno, dom, ver, manifest.to_bytes())
        return Change(sno, dom, ver, head, cells, gone)


def open_pen(
    room: Room,
    snos: Sequence[int],
    doms: Sequence[int],
    read: Sequence[int],
    grps: Sequence[int],
) -> Pen:
    """Read heads and the cells of some groups in one snapshot, then the keys.

    Keys are made, in the domains ``doms``, where neither key nor head exists. A head
    without a key belongs to a subject whose erasure is under way: she gets no manifest,
    and nothing is written.
    """
    with room.data.read() as tx:
        heads = select_heads(tx, snos, read)
        cells = select_cells(tx, snos, read, grps)
    keys = room.keys.of_subjects(snos, read)
    vers = {(h[0], h[1]): int(h[2]) for h in heads}
    manifests = open_heads(room, heads, keys)
    cells = [c for c in cells if (c[0], c[1]) in manifests]
    check_listed(room.layouts, manifests, cells, grps)
    fresh = {(s, d) for s in snos for d in doms} - vers.keys()
    keys |= room.keys.make_for_subjects(fresh - keys.keys())
    manifests |= {pair: Manifest.first() for pair in fresh if pair in keys}
    made = {pair: keys[pair].commitment for pair in fresh if pair in keys}
    return Pen(room, vers, manifests, keys, made, cells)


def prepare(room: Room, rows: Rows) -> Prepared:
    """Tell repeats, encode and seal; the caller has checked the warrant."""
    if not len(rows.snos):
        return Prepared([], rows.snos, np.zeros(0, np.int8), {})
    order = np.lexsort((rows.at, rows.snos))
    domains = _domains(room, rows)
    anchor = room.layouts.dom(_anchor(room, rows))
    doms = sorted({anchor, *domains.values()})
    snos = np.unique(rows.snos).tolist()
    read = room.layouts.family(doms)
    pen = open_pen(room, snos, doms, read, _read_first(room, rows, domains))
    ready = {s for s in snos if all((s, d) in pen.manifests for d in doms)}
    outcome = np.full(len(order), SEALED, np.int8)
    if len(ready) < len(snos):
        outcome[~np.isin(rows.snos[order], list(ready))] = REFUSED
    if rows.event == PROFILE:
        changes = _profiles(pen, rows, order, domains, outcome)
    else:
        changes = _events(pen, rows, order, domains, anchor, outcome)
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


def put(room: Room, tx: Tx, changes: Sequence[Change], made: Mapping[Pair, bytes]) -> bool:
    """Write heads if all still stand at the version read, then cells; else change nothing."""
    mine = {(c.sno, c.dom) for c in changes}
    if not room.keys.unchanged({pair: kc for pair, kc in made.items() if pair in mine}):
        return False
    tx.run("SAVEPOINT heads")
    moved = tx.many(
        "UPDATE head SET ver = ?, ct = ? WHERE sno = ? AND dom = ? AND ver = ?",
        [(c.ver, c.head, c.sno, c.dom, c.ver - 1) for c in changes if c.ver > 1],
    )
    moved += tx.many(
        "INSERT INTO head (sno, dom, ver, ct) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(c.sno, c.dom, c.ver, c.head) for c in changes if c.ver == 1],
    )
    if moved != len(changes):
        tx.run("ROLLBACK TO SAVEPOINT heads")
        return False
    tx.run("RELEASE SAVEPOINT heads")
    tx.many(
        "DELETE FROM cell WHERE sno = ? AND dom = ? AND seq = ? AND grp = ?",
        [(c.sno, c.dom, seq, grp) for c in changes for seq, grp in c.gone],
    )
    tx.many(
        "INSERT INTO cell (sno, dom, seq, grp, n, lapses, ct) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [cell for c in changes for cell in c.cells],
    )
    return True


def _domains(room: Room, rows: Rows) -> dict[str, int]:
    """Each given field's domain; every field must have a layout and a domain."""
    stored = frozenset().union(*(x.names for x in room.layouts.current.get(rows.event, ())))
    if not (rows.columns and rows.columns.keys() <= stored & rows.dom_of.keys()):
        raise InvalidInput(
            "a field of these rows has no place in the vault",
            why="no layout or no domain of the active policy has it",
            remedy="Give exactly the fields that the policy collects.",
            reason="rows.field",
        )
    return {name: room.layouts.dom(rows.dom_of[name]) for name in rows.columns}


def _read_first(room: Room, rows: Rows, domains: Mapping[str, int]) -> list[int]:
    """The groups whose cells decide what is written: tags, or the profile as it stands."""
    if rows.event == PROFILE:
        return [x.grp for x in room.layouts.readable(PROFILE, domains)]
    return [] if rows.keys is None else [room.layouts.key_layout(rows.event).grp]


def _anchor(room: Room, rows: Rows) -> str:
    """Where the event's tags and row identities are kept: with its first field."""
    if rows.event == PROFILE:
        return rows.dom_of[next(iter(rows.columns))]
    name = rows.dom_of.get(room.layouts.first_field(rows.event))
    if name is None:
        raise InvalidInput(
            "the event's first field has no domain",
            remedy="Name the domain of every field of the event.",
            reason="rows.domain",
        )
    return name


# --- events -----------------------------------------------------------------------------


def _events(
    pen: Pen,
    rows: Rows,
    order: npt.NDArray[np.intp],
    domains: Mapping[str, int],
    anchor: int,
    outcome: Outcome,
) -> list[Change]:
    tags = _tags(pen, rows)
    if tags is not None:
        _mark_repeated(pen, rows.snos[order], tags[order], outcome)
    kept = order[outcome == SEALED]
    if not len(kept):
        return []
    cut = Cut.of(rows.snos[kept])
    subjects = cut.subjects.tolist()
    base = np.array([pen.manifests[s, anchor].next_row for s in subjects], np.int64)
    row = np.repeat(base, cut.sizes) + cut.within
    at = rows.at[kept]
    given = {name: values[kept] for name, values in rows.columns.items()}
    doms = sorted({anchor, *domains.values()})
    for dom in doms:
        mine = {name: values for name, values in given.items() if domains[name] == dom}
        weeks = _weeks(_lapses(pen.room, rows, dom, kept), cut.starts)
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


def _lapses(room: Room, rows: Rows, dom: int, kept: npt.NDArray[np.intp]) -> Ints | None:
    for name, lapses in rows.lapses.items():
        if room.layouts.dom(name) == dom:
            return lapses[kept]
    return None


def _weeks(lapses: Ints | None, starts: Ints) -> Ints:
    """The week in which the first event of each cell passes its retention."""
    if lapses is None:
        return np.full(len(starts) - 1, NEVER)
    weeks: Ints = np.minimum.reduceat(lapses, starts[:-1]) // WEEK_US
    return np.clip(weeks, -NEVER, NEVER)


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


# --- profiles ---------------------------------------------------------------------------


def _profiles(
    pen: Pen,
    rows: Rows,
    order: npt.NDArray[np.intp],
    domains: Mapping[str, int],
    outcome: Outcome,
) -> list[Change]:
    """Merge the given fields over each subject's present profile, under fresh numbers."""
    good = order[outcome == SEALED]
    last = np.ones(len(good), bool)
    last[:-1] = np.diff(rows.snos[good]) != 0
    kept = good[last]
    snos, starts = rows.snos[kept], np.arange(len(kept) + 1)
    subjects = snos.tolist()
    changes = []
    for dom in sorted(set(domains.values())):
        given = {n: v[kept] for n, v in rows.columns.items() if domains[n] == dom}
        touched = [x for x in pen.room.layouts.current[PROFILE] if x.names & given.keys()]
        before, extra = _before(pen, snos, dom, touched)
        columns, extra = _over(given, rows.extra, before, extra)
        weeks = _weeks(_lapses(pen.room, rows, dom, kept), starts)
        at = rows.at[kept]
        row = np.array([pen.manifests[s, dom].next_row for s in subjects], np.int64)
        seqs = [pen.manifests[s, dom].next_seq for s in subjects]
        places = list(zip(subjects, seqs, [1] * len(kept), weeks.tolist(), strict=True))
        for layout in touched:
            pen.seal(layout, dom, encode(layout, starts, at, row, columns, extra), places)
        for sno in subjects:
            manifest = pen.manifests[sno, dom]
            changes.append(pen.close((sno, dom), manifest.next_seq + 1, manifest.next_row + 1))
    return changes


def _before(
    pen: Pen, snos: Ints, dom: int, touched: Sequence[Layout]
) -> tuple[dict[str, Column], dict[str, tuple[str, ...]]]:
    """What the touched atoms hold now, one row per subject; their cells are marked gone."""
    names = frozenset().union(*(x.names for x in touched))
    layouts, kept = pen.room.layouts.by_grp, frozenset(snos.tolist())
    mine = [c for c in pen.found if c[1] == dom and c[0] in kept and layouts[c[3]].names <= names]
    for cell in mine:
        pen.gone.setdefault((cell[0], dom), []).append((cell[2], cell[3]))
    parts = list(decode_cells(pen.room, mine, pen.keys, None).values())
    joined = join([p for p, _ in parts], [o for _, o in parts])
    return latest(joined, snos, np.ones(len(joined.at), bool))[1], joined.extra


def _over(
    given: Mapping[str, Column],
    extra: Mapping[str, tuple[str, ...]],
    before: Mapping[str, Column],
    before_extra: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, Column], dict[str, tuple[str, ...]]]:
    """The given columns over those that were there; what is not given stays."""
    columns = {**before, **given}
    both = {**before_extra, **{n: extra[n] for n in given if n in extra}}
    return columns, both
