"""The log as a directory that a stranger can verify: C2SP tlog-tiles and readable lines.

The format is told to the byte in ``docs/reference/audit-export.md``. What the store
holds is copied as it is, never repaired: the verifier shall see what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.audit import head as heads
from privet.audit import shards, treestore
from privet.audit.anchors.state import cosigned
from privet.audit.checkpoint import Checkpoint, Verifier
from privet.audit.exportdir import CHECKPOINT, MANIFEST, Directory, Lines, unwritable
from privet.audit.head import LOG
from privet.audit.pages import PAGE
from privet.audit.record import decode, encode
from privet.audit.signing import before
from privet.audit.tiles import WIDTH, Tile, tiles
from privet.errors import PrivetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Store, Tx

FORMAT = "privet-audit-export"
VERSION = 1
RECORDS = "records.jsonl"
VKEY = "log.vkey"
PROGRESS = "progress.json"
_MARKED = b'"chunks":'  # most records have no bitmap: looking for it spares parsing them
NOTED = 16  # pages after which it is noted how far an export came

Progress = Callable[[int, int], None]
"""Called with records done and records in all."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        directory: where.
        size: records under its checkpoint.
        root: the Merkle root over them, hex.
        records: lines in ``records.jsonl``.
        sets: chunks of subject sets.
        dropped: records whose bodies were dropped with an old shard.
    """

    directory: Path
    size: int
    root: str
    records: int
    sets: int
    dropped: int = 0


def export(
    store: Store,
    vkey: str,
    directory: Path,
    *,
    since: int | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the whole log, as of its newest checkpoint, to ``directory``.

    Streams page by page: at most 1,024 records are in memory, in one short read each. Where an
    export was interrupted it goes on: whole tiles never change.

    Args:
        store: the audit store.
        vkey: the log's verifier key; a checkpoint of another key is refused.
        directory: new, empty, or an earlier export of this log, which is brought up to date.
        since: UTC microseconds; earlier records have no line in ``records.jsonl``.
        progress: told after each tile.

    Raises:
        InvalidInput: nothing is recorded yet, or the directory holds something else.
        IntegrityError: the store is not whole, not this log's, or went back behind the
            export that the directory holds.
        StoreUnavailable: the store cannot be read or the directory cannot be written.
    """
    try:
        return _Export(store, Verifier.parse(vkey), Path(directory), since).run(
            progress or (lambda done, size: None)
        )
    except OSError as error:
        raise unwritable(error) from None


class _Export:
    def __init__(
        self, store: Store, verifier: Verifier, directory: Path, since: int | None
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._target = Directory(directory, FORMAT, verifier, partial(before, store, verifier))
        self._since = since

    def run(self, progress: Progress) -> ExportReport:
        note, head = heads.newest(self._store, self._verifier)
        earlier = self._target.claim(self._manifest(head, _Place()))
        if earlier is not None:
            treestore.check_grown(self._store, earlier, head)
        at = self._resumed(head)
        with Lines(self._target.path / RECORDS, at.place) as lines:
            for step, start in enumerate(range(at.tiles * WIDTH, head.size, PAGE), 1):
                page = self._page(start, min(start + PAGE, head.size), lines)
                at = at.after(page, lines.place, (start + PAGE) // WIDTH)
                if step % NOTED == 0 and start + PAGE < head.size:
                    lines.flush()
                    self._note(at, note)
                for done in range(start + WIDTH, min(start + PAGE, head.size) + WIDTH, WIDTH):
                    progress(min(done, head.size), head.size)
            lines.finish()
        self._finish(note, head, at)
        return ExportReport(
            self._target.path, head.size, head.root.hex(), at.records, at.sets, at.dropped
        )

    def _page(self, start: int, end: int, lines: Lines) -> _Page:
        """Write the tiles of one page; the records, chunks and gaps in it are counted."""
        with self._store.read() as tx:
            records = tx.all(
                "SELECT seq, ts, body FROM record WHERE log = ? AND seq >= ? AND seq < ? "
                "ORDER BY seq",
                (LOG, start, end),
            )
            bodies = [bytes(body) for _, _, body in records]
            if len(bodies) < end - start:
                bodies = _gapped(tx, records, start, end)
            hashes = [treestore.fetch(tx, tile) for tile in _tiles(start, end)]
            sets: list[tuple[str, bytes]] = []
            if _MARKED in b"".join(bodies):
                sets = [c for seq, body in enumerate(bodies, start) for c in _chunks(tx, seq, body)]
        for tile, leaves in zip(_tiles(start, end), hashes, strict=True):
            first = tile.index * WIDTH - start
            some = bodies[first : first + tile.width]
            bundle = b"".join([len(body).to_bytes(2, "big") + body for body in some])
            self._target.add(tile.entries_path, bundle)
            self._target.add(tile.path, leaves)
        for name, bits in sets:
            self._target.add(name, bits)
        since = -1 if self._since is None else self._since
        # Times never fall in the log: only where the first is older can others be.
        older = 0 if not records or records[0][1] >= since else sum(r[1] < since for r in records)
        lines.add(
            b"".join([b'{"body":%b,"seq":%d}\n' % (bytes(b), s) for s, _, b in records[older:]])
        )
        return _Page(len(records) - older, len(sets), end - start - len(records))

    def _finish(self, note: bytes, head: Checkpoint, at: _Place) -> None:
        above = (tile for tile in tiles(head.size) if tile.level)
        for tile in above:
            with self._store.read() as tx:
                self._target.write(tile.path, treestore.fetch(tx, tile))
        with self._store.read() as tx:
            witnessed = cosigned(tx)
        for name, signed in witnessed:
            if int(signed.split(b"\n")[1]) <= head.size:  # of a longer log the tree says nothing
                self._target.write(name, signed)
        self._target.write(VKEY, f"{self._verifier.vkey}\n".encode())
        self._target.write(MANIFEST, self._manifest(head, at))
        self._target.write(CHECKPOINT, note)
        self._target.drop_partials(
            [p for t in tiles(head.size) if t.width < WIDTH for p in (t.path, t.entries_path)]
        )
        (self._target.path / PROGRESS).unlink(missing_ok=True)

    def _resumed(self, head: Checkpoint) -> _Place:
        """How far an interrupted export came, where what it wrote is still a part of this one."""
        try:
            told = decode((self._target.path / PROGRESS).read_bytes())
            at = _Place(**told["at"])
            begun = self._verifier.open(told["note"].encode())
            whole = (self._target.path / f"{RECORDS}.draft").stat().st_size >= at.place
        except (OSError, KeyError, TypeError, AttributeError, PrivetError):
            return _Place()  # none was begun, or its note is not whole
        if not whole or told["since"] != self._since:
            return _Place()
        treestore.check_grown(self._store, begun, head)
        return at

    def _note(self, at: _Place, note: bytes) -> None:
        told = {"at": asdict(at), "since": self._since, "note": note.decode()}
        self._target.write(PROGRESS, encode(told) + b"\n")

    def _manifest(self, head: Checkpoint, at: _Place) -> bytes:
        fields: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "origin": head.origin,
            "vkey": self._verifier.vkey,
            "size": head.size,
            "root": head.root.hex(),
            "since": self._since,
            "records": at.records,
            "sets": at.sets,
        }
        if at.dropped:
            fields["dropped"] = at.dropped
        return encode(fields) + b"\n"


@dataclass(frozen=True, slots=True)
class _Page:
    """What one page held: lines, chunks of sets, records without a body."""

    records: int
    sets: int
    dropped: int


@dataclass(frozen=True, slots=True)
class _Place:
    """How far an export came: whole tiles, bytes of lines, and what is in them."""

    tiles: int = 0
    place: int = 0
    records: int = 0
    sets: int = 0
    dropped: int = 0

    def after(self, page: _Page, place: int, whole: int) -> _Place:
        """The place behind a page."""
        return _Place(
            whole,
            place,
            self.records + page.records,
            self.sets + page.sets,
            self.dropped + page.dropped,
        )


def _tiles(start: int, end: int) -> list[Tile]:
    """The tiles of level 0 from one whole tile on."""
    return [Tile(0, first // WIDTH, min(WIDTH, end - first)) for first in range(start, end, WIDTH)]


def _gapped(tx: Tx, records: Sequence[tuple[Any, ...]], start: int, end: int) -> list[bytes]:
    """The bodies from ``start`` on before ``end``, empty where a shard's were dropped."""
    gone = shards.dropped(tx)
    found = {int(seq): bytes(body) for seq, _, body in records}
    for seq in range(start, end):
        if seq not in found and not any(first <= seq < upto for first, upto in gone):
            raise treestore.missing(f"record {seq}")
    return [found.get(seq, b"") for seq in range(start, end)]


def _chunks(tx: Tx, seq: int, body: bytes) -> list[tuple[str, bytes]]:
    if _MARKED not in body:
        return []
    value = decode(body).get("set")
    chunks = value.get("chunks", ()) if isinstance(value, dict) else ()
    return [(f"sets/{seq}/{chunk}.bits", _bits(tx, seq, chunk)) for chunk in chunks]


def _bits(tx: Tx, seq: int, chunk: int) -> bytes:
    row = tx.one("SELECT bits FROM set_chunk WHERE chunk = ? AND seq = ?", (chunk, seq))
    if row is None:
        raise treestore.missing(f"a chunk of the subject set of record {seq}")
    return bytes(row[0])
