"""An audit store made again out of an export: the newest log is often the one that was exported.

An export holds every byte that was hashed: bodies, whole tiles, subject sets, the signed
checkpoint. Whom a record is about, whether it is replayed and when it was taken stand in its
body. So the store's tables follow from it; that they are the log which was signed is checked
afterwards as for any other.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from privet.audit import merkle
from privet.audit.checkpoint import Checkpoint, unverified
from privet.audit.head import LOG
from privet.audit.origin import timeline_of
from privet.audit.record import decode
from privet.audit.sets import CHUNK_BYTES
from privet.audit.tiles import WIDTH, Tile, tiles
from privet.db.migrate import create_copy
from privet.errors import IntegrityError, PrivetError, StoreUnavailable

CHECKPOINT: Final = "checkpoint"
ENTRIES: Final = "tile/entries"
_RECORD = "INSERT INTO record (log, seq, ts, redo, body, leaf) VALUES (?, ?, ?, ?, ?, ?)"
_HEAD = "INSERT INTO head (log, size, frontier, note, ts) VALUES (?, ?, ?, ?, ?)"
_TILE = "INSERT INTO tile (log, level, idx, hashes) VALUES (?, ?, ?, ?)"
_SHARD = (
    "INSERT INTO shard (number, first, upto, sealed, newest, note, state, gone) "
    "VALUES (?, ?, ?, ?, ?, ?, 'dropped', ?)"
)
_CHUNK = re.compile(r"\A(0|[1-9][0-9]{0,18})\Z")


def is_export(place: Path) -> bool:
    """Whether a directory is an export of a log."""
    return (place / ENTRIES).is_dir() and (place / CHECKPOINT).is_file()


def rebuild(place: Path, file: Path) -> None:
    """Make an audit store's file of an export, tile by tile.

    Args:
        place: the export's directory.
        file: the file, which must not exist.

    Raises:
        StoreUnavailable: a file of the export is missing or cut (``backup.torn``).
        IntegrityError: it is no log of a deployment.
    """
    try:
        note = (place / CHECKPOINT).read_bytes()
        head = unverified(note)
        named = timeline_of(head.origin)
        if named is None:
            raise IntegrityError("the export is of no log of a deployment", reason="restore.forged")
        file.touch(0o600, exist_ok=False)
        create_copy(file, "audit")
        with closing(sqlite3.connect(file, isolation_level=None)) as store:
            store.execute("PRAGMA synchronous=OFF")
            store.execute("BEGIN")
            store.execute("INSERT INTO meta VALUES ('deployment', ?)", (named[0],))
            _fill(store, place, head, note)
            store.execute("COMMIT")
    except (OSError, sqlite3.Error, KeyError, TypeError, ValueError) as error:
        raise _torn(type(error).__name__) from None


def _fill(store: sqlite3.Connection, place: Path, head: Checkpoint, note: bytes) -> None:
    frontier: tuple[bytes, ...] = ()
    ts, gone = 0, list[int]()
    for tile in tiles(head.size):
        if tile.level == 0:
            bodies = list(_bodies(place / tile.entries_path, tile.width))
            first = tile.index * WIDTH
            leaves = [merkle.leaf_hash(body) for body in bodies]
            missing = [n for n, body in enumerate(bodies) if not body]
            if missing:  # dropped with a shard: the tree keeps their hashes
                step, hashes = merkle.HASH_BYTES, (place / tile.path).read_bytes()
                for n in missing:
                    leaves[n] = hashes[n * step : (n + 1) * step]
                gone += [first + n for n in missing]
            frontier = merkle.extend(frontier, first, leaves)
            ts = _add(store, place, first, bodies, leaves) or ts
        if tile.width == WIDTH:
            store.execute(_TILE, (LOG, tile.level, tile.index, _hashes(place, tile)))
    store.execute(_HEAD, (LOG, head.size, b"".join(frontier), note, ts))
    if gone:
        upto = (gone[-1] // WIDTH + 1) * WIDTH
        store.execute(_SHARD, (1, gone[0] // WIDTH * WIDTH, upto, ts, ts, note, len(gone)))


def _add(
    store: sqlite3.Connection,
    place: Path,
    first: int,
    bodies: Sequence[bytes],
    leaves: Sequence[bytes],
) -> int:
    """Add the records of one tile that are there; when the last of them was taken, 0 for none."""
    ts = 0
    for seq, (body, leaf) in enumerate(zip(bodies, leaves, strict=True), first):
        if body:
            fields = decode(body)
            ts = int(fields["ts"])
            redo = int(bool(fields.get("redo")))
            store.execute(_RECORD, (LOG, seq, ts, redo, body, leaf))
            _about(store, place, seq, fields)
    return ts


def _bodies(path: Path, count: int) -> Iterator[bytes]:
    data = path.read_bytes()
    place = 0
    for _ in range(count):
        length = int.from_bytes(data[place : place + 2], "big")
        body = data[place + 2 : place + 2 + length]
        place += 2 + length
        if place > len(data):
            raise _torn("a bundle that ends early")
        yield body
    if place != len(data):
        raise _torn("a bundle that goes on")


def _hashes(place: Path, tile: Tile) -> bytes:
    data = (place / tile.path).read_bytes()
    if len(data) != WIDTH * merkle.HASH_BYTES:
        raise _torn("a tile of another length")
    return data


def _about(store: sqlite3.Connection, place: Path, seq: int, fields: Mapping[str, Any]) -> None:
    about = fields.get("set")
    if about is None:
        return
    store.executemany(
        "INSERT INTO single (sno, seq) VALUES (?, ?)",
        [(int(sno), seq) for sno in about.get("snos", ())],
    )
    for chunk in about.get("chunks", ()):
        if not _CHUNK.match(str(chunk)):
            raise _torn("a subject set of no number")
        bits = (place / f"sets/{seq}/{chunk}.bits").read_bytes()
        if len(bits) != CHUNK_BYTES:
            raise _torn("a subject set of another length")
        store.execute("INSERT INTO set_chunk VALUES (?, ?, ?)", (int(chunk), seq, bits))


def _torn(what: str) -> PrivetError:
    return StoreUnavailable(
        "this export is not whole",
        why=f"reading it ended in {what}",
        remedy="Verify it (`privet audit verify`); give another one, or a backup of the log.",
        reason="backup.torn",
    )
