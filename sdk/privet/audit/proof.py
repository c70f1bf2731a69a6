"""Proofs that a record stands in the log, computed from stored tiles (RFC 9162 section 2.1.3)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from privet.audit import merkle, treestore
from privet.audit.head import LOG, Head
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
    row = tx.one("SELECT body FROM record WHERE log = ? AND seq = ?", (LOG, seq))
    if row is None or not 0 <= seq < head.size:
        raise InvalidInput("the log has no such record", reason="record.unknown")
    return {
        "record": base64.b64encode(bytes(row[0])).decode(),
        "index": seq,
        "size": head.size,
        "hashes": [h.hex() for h in _path(tx, head.size, seq, 0, head.size)],
        "checkpoint": head.note.decode(),
    }


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
