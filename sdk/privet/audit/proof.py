"""Proofs about the log, computed from stored tiles.

That a record stands in it (RFC 6962 section 2.1.1), that it only grew (2.1.2), and that a
subject is, or is not, in the set that a record committed to.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from privet.audit import merkle, sets, shards, treestore
from privet.audit.head import LOG, Head
from privet.audit.record import decode
from privet.audit.tiles import WIDTH, Tile
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.db import Tx


def inclusion(tx: Tx, head: Head, seq: int) -> dict[str, Any]:
    """The proof of one record under a head, as JSON data.

    Returns:
        ``record`` (base64 of its bytes), ``index``, ``size``, ``hashes`` (hex, from the
        leaf upwards) and ``checkpoint`` (the signed note).

    Raises:
        InvalidInput: the log has no record of this index.
        IntegrityError: the audit store lacks something that the tree is made of.
    """
    if not 0 <= seq < head.size:
        raise InvalidInput("the log has no such record", reason="record.unknown")
    return {
        "record": base64.b64encode(_body(tx, seq)).decode(),
        "index": seq,
        "size": head.size,
        "hashes": [h.hex() for h in _path(tx, head.size, seq, 0, head.size)],
        "checkpoint": head.note.decode(),
    }


def consistency(tx: Tx, old: int, new: int) -> list[bytes]:
    """The proof that the tree over the first ``old`` records grew into that over ``new``.

    Args:
        tx: a read of the audit store.
        old: records in the older tree, at least one.
        new: records in the newer one; the log has as many or more.

    Raises:
        InvalidInput: the older tree is empty (every tree follows it, so nothing would be
            proved), or larger than the newer.
        IntegrityError: the audit store lacks something that the tree is made of.
    """
    merkle.check_sizes(old, new)
    return _grown(tx, new, old, 0, new)


def membership(tx: Tx, seq: int, sno: int) -> dict[str, Any] | None:
    """What shows whether a subject is in a record's set, beside the record itself.

    Returns:
        ``bits`` (base64 of the 128-byte slice that has her bit) and ``hashes`` (hex, from
        the slice upwards to the root in the record); None where the record alone tells: it
        lists its subjects, names no chunk with hers, or is about nobody.

    Raises:
        InvalidInput: the log has no record of this index.
        IntegrityError: a chunk that the record names is not in the store.
    """
    value = decode(_body(tx, seq)).get("set")
    if not isinstance(value, dict) or "chunks" not in value:
        return None
    sql = "SELECT bits FROM set_chunk WHERE chunk = ? AND seq = ?"
    rows = ((chunk, tx.one(sql, (chunk, seq))) for chunk in value["chunks"])
    shown = sets.prove(value, {chunk: bytes(row[0]) for chunk, row in rows if row}, sno)
    if shown is None:
        return None
    return {
        "bits": base64.b64encode(shown.bits).decode(),
        "hashes": [h.hex() for h in shown.path],
    }


def _body(tx: Tx, seq: int) -> bytes:
    row = tx.one("SELECT body FROM record WHERE log = ? AND seq = ?", (LOG, seq))
    if row is not None:
        return bytes(row[0])
    if any(first <= seq < upto for first, upto in shards.dropped(tx)):
        raise InvalidInput(
            "this record is no longer in the log",
            why="its body was dropped with an old shard",
            remedy="Take it from the shard's export, whose tree this log's goes on from.",
            reason="record.dropped",
        )
    raise InvalidInput("the log has no such record", reason="record.unknown")


def _grown(tx: Tx, size: int, old: int, start: int, end: int) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2 for the leaves [start, end) of a tree of ``size``."""
    if old == end:
        return [] if start == 0 else [_root(tx, size, start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_grown(tx, size, old, start, middle), _root(tx, size, middle, end)]
    return [*_grown(tx, size, old, middle, end), _root(tx, size, start, middle)]


def _path(tx: Tx, size: int, seq: int, start: int, end: int) -> list[bytes]:
    """Siblings of ``seq`` within leaves [start, end), from the leaf upwards."""
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if seq < middle:
        return [*_path(tx, size, seq, start, middle), _root(tx, size, middle, end)]
    return [*_path(tx, size, seq, middle, end), _root(tx, size, start, middle)]


def _root(tx: Tx, size: int, start: int, end: int) -> bytes:
    """The root over leaves [start, end), which begins where a perfect subtree may."""
    count = end - start
    if count & (count - 1):
        middle = start + _split(count)
        return merkle.node_hash(_root(tx, size, start, middle), _root(tx, size, middle, end))
    level = (count.bit_length() - 1) // 8
    below = WIDTH**level  # leaves under one hash of this level
    index, offset = divmod(start // below, WIDTH)
    width = min(WIDTH, size // below - index * WIDTH)
    hashes = treestore.fetch(tx, Tile(level, index, width))
    step = merkle.HASH_BYTES
    part = hashes[offset * step : (offset + count // below) * step]
    return merkle.root([part[i : i + step] for i in range(0, len(part), step)])


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1
