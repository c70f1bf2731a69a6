"""The log as a directory that a stranger can verify: C2SP tlog-tiles and readable lines.

The format is told to the byte in ``docs/reference/audit-export.md``. What the store
holds is copied as it is, never repaired: the verifier shall see what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.audit import head as heads
from privet.audit import treestore
from privet.audit.checkpoint import Checkpoint, Verifier
from privet.audit.exportdir import CHECKPOINT, MANIFEST, Directory, Lines
from privet.audit.head import LOG
from privet.audit.record import decode, encode
from privet.audit.tiles import WIDTH, Tile, tiles
from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from privet.db import Store, Tx

FORMAT = "privet-audit-export"
VERSION = 1
RECORDS = "records.jsonl"
VKEY = "log.vkey"

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
    """

    directory: Path
    size: int
    root: str
    records: int
    sets: int


def export(
    store: Store,
    vkey: str,
    directory: Path,
    *,
    since: int | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the whole log, as of its newest checkpoint, to ``directory``.

    Streams tile by tile: at most 256 records are in memory, in one short read each.

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
        raise StoreUnavailable(
            "the export could not be written",
            why=f"the file system answered {type(error).__name__}",
            remedy="Give a directory with room that you may write to, and export again.",
            reason="export.unwritable",
        ) from None


class _Export:
    def __init__(
        self, store: Store, verifier: Verifier, directory: Path, since: int | None
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._target = Directory(directory, FORMAT, verifier)
        self._since = since
        self._sets = 0

    def run(self, progress: Progress) -> ExportReport:
        note, head = heads.newest(self._store, self._verifier)
        earlier = self._target.claim(self._manifest(head, 0))
        if earlier is not None:
            treestore.check_grown(self._store, earlier, head)
        with Lines(self._target.path / RECORDS) as lines:
            for tile in tiles(head.size):
                if tile.level == 0:
                    self._write_entries(tile, lines)
                    progress(tile.index * WIDTH + tile.width, head.size)
                else:
                    with self._store.read() as tx:
                        self._target.write(tile.path, treestore.fetch(tx, tile))
        self._target.write(VKEY, f"{self._verifier.vkey}\n".encode())
        self._target.write(MANIFEST, self._manifest(head, lines.count))
        self._target.write(CHECKPOINT, note)
        self._target.drop_partials(
            [p for t in tiles(head.size) if t.width < WIDTH for p in (t.path, t.entries_path)]
        )
        return ExportReport(self._target.path, head.size, head.root.hex(), lines.count, self._sets)

    def _write_entries(self, tile: Tile, lines: Lines) -> None:
        first = tile.index * WIDTH
        with self._store.read() as tx:
            rows = tx.all(
                "SELECT seq, ts, body FROM record WHERE log = ? AND seq >= ? AND seq < ? "
                "ORDER BY seq",
                (LOG, first, first + tile.width),
            )
            records = [(int(seq), int(ts), bytes(body)) for seq, ts, body in rows]
            _check_whole(records, first, tile.width)
            hashes = treestore.fetch(tx, tile)
            sets = [chunk for seq, _, body in records for chunk in _chunks(tx, seq, body)]
        bundle = b"".join(len(body).to_bytes(2, "big") + body for _, _, body in records)
        self._target.write(tile.entries_path, bundle)
        self._target.write(tile.path, hashes)
        for name, bits in sets:
            self._target.write(name, bits)
        self._sets += len(sets)
        for seq, ts, body in records:
            if self._since is None or ts >= self._since:
                lines.add(b'{"body":%b,"seq":%d}' % (body, seq))

    def _manifest(self, head: Checkpoint, records: int) -> bytes:
        fields: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "origin": head.origin,
            "vkey": self._verifier.vkey,
            "size": head.size,
            "root": head.root.hex(),
            "since": self._since,
            "records": records,
            "sets": self._sets,
        }
        return encode(fields) + b"\n"


def _check_whole(records: list[tuple[int, int, bytes]], first: int, width: int) -> None:
    for expected in range(first, first + width):
        if expected - first >= len(records) or records[expected - first][0] != expected:
            raise treestore.missing(f"record {expected}")


def _chunks(tx: Tx, seq: int, body: bytes) -> list[tuple[str, bytes]]:
    # Most records have no bitmap; looking for the key spares parsing them.
    if b'"chunks":' not in body:
        return []
    value = decode(body).get("set")
    chunks = value.get("chunks", ()) if isinstance(value, dict) else ()
    return [(f"sets/{seq}/{chunk}.bits", _bits(tx, seq, chunk)) for chunk in chunks]


def _bits(tx: Tx, seq: int, chunk: int) -> bytes:
    row = tx.one("SELECT bits FROM set_chunk WHERE chunk = ? AND seq = ?", (chunk, seq))
    if row is None:
        raise treestore.missing(f"a chunk of the subject set of record {seq}")
    return bytes(row[0])
