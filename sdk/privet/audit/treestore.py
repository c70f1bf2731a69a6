"""Hashes of the tree out of the store: whole tiles as they lie there, partial ones computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.audit import merkle
from privet.audit.head import LOG
from privet.audit.tiles import WIDTH, Tile
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from privet.audit.checkpoint import Checkpoint
    from privet.db import Store, Tx


def fetch(tx: Tx, tile: Tile) -> bytes:
    """The hashes of a tile: as stored where it is whole, else computed from below.

    Raises:
        IntegrityError: the store lacks it, or something that it is made of.
    """
    if tile.width == WIDTH:
        return stored(tx, tile.level, tile.index)
    whole = _stored(tx, tile.level, tile.index)  # it was not whole at that size, and is now
    return compute(tx, tile) if whole is None else whole[: tile.width * merkle.HASH_BYTES]


def compute(tx: Tx, tile: Tile) -> bytes:
    """The hashes of a tile from the level below it: leaf hashes, or roots of whole tiles.

    Raises:
        IntegrityError: something below is missing.
    """
    first = tile.index * WIDTH
    if tile.level:
        below = range(first, first + tile.width)
        return b"".join(_tile_root(stored(tx, tile.level - 1, index)) for index in below)
    rows = tx.all(
        "SELECT leaf FROM record WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq",
        (LOG, first, first + tile.width),
    )
    if len(rows) != tile.width:
        raise missing(f"a record between {first} and {first + tile.width - 1}")
    return b"".join(bytes(leaf) for (leaf,) in rows)


def stored(tx: Tx, level: int, index: int) -> bytes:
    """A whole tile, 8,192 bytes.

    Raises:
        IntegrityError: the store lacks it.
    """
    hashes = _stored(tx, level, index)
    if hashes is None:
        raise missing(f"tile {index} of level {level}")
    return hashes


def _stored(tx: Tx, level: int, index: int) -> bytes | None:
    row = tx.one(
        "SELECT hashes FROM tile WHERE log = ? AND level = ? AND idx = ?", (LOG, level, index)
    )
    return None if row is None else bytes(row[0])


def root_at(tx: Tx, size: int) -> bytes:
    """The root over the first ``size`` records.

    Raises:
        IntegrityError: something below is missing.
    """
    frontier: list[bytes] = []
    level, hashes = 0, size
    while hashes:
        whole, rest = divmod(hashes, WIDTH)
        part = _split(fetch(tx, Tile(level, whole, rest))) if rest else []
        frontier = [*merkle.extend((), 0, part), *frontier]
        level, hashes = level + 1, whole
    return merkle.frontier_root(frontier)


def check_grown(store: Store, earlier: Checkpoint, newest: Checkpoint) -> None:
    """Refuse where the log no longer is what an earlier checkpoint says of its beginning.

    Raises:
        IntegrityError: reason ``audit.rolled-back``.
    """
    with store.read() as tx:
        if earlier.size <= newest.size and root_at(tx, earlier.size) == earlier.root:
            return
    raise IntegrityError(
        "the audit log went back behind an earlier export",
        why=f"that export holds {earlier.size} signed records which the log no longer has",
        remedy="Keep that export, it is the proof; restore the audit store or find who cut it.",
        reason="audit.rolled-back",
    )


def missing(what: str) -> IntegrityError:
    """The error for a part of the log that is not in its store."""
    return IntegrityError("the audit store is not whole", why=f"it lacks {what}")


def _tile_root(hashes: bytes) -> bytes:
    return merkle.root(_split(hashes))


def _split(hashes: bytes) -> list[bytes]:
    step = merkle.HASH_BYTES
    return [hashes[i : i + step] for i in range(0, len(hashes), step)]
