"""A quick look at the log where it lives: is it one tree, and signed as such?

It trusts the stored leaves and recomputes only the newest records; an export with the
stand-alone verifier recomputes them all.
"""

from __future__ import annotations

from privet.audit import head as heads
from privet.audit import merkle, shards, treestore
from privet.audit.checkpoint import Verifier
from privet.audit.head import LOG, Head
from privet.audit.merkle import HASH_BYTES
from privet.audit.tiles import WIDTH
from privet.db import Store, Tx
from privet.errors import IntegrityError

PAGE = 10_240  # whole tiles
TAIL = 1_000


def check(store: Store, vkey: str) -> int:
    """Check the log's head, the tree over all its leaves, and its newest records.

    Args:
        store: the audit store.
        vkey: the log's verifier key.

    Returns:
        The number of records.

    Raises:
        AuditUnavailable: the head is not signed by this log, or not of its own frontier.
        IntegrityError: records are missing, or are not what their leaves say.
    """
    with store.read() as tx:
        head = heads.read(tx)
        if head is None:
            return 0
        heads.verify(head, Verifier.parse(vkey), None)
        _check_tree(tx, head)
        _check_tail(tx, head)
    return head.size


def _check_tree(tx: Tx, head: Head) -> None:
    gone = shards.dropped(tx)
    frontier: tuple[bytes, ...] = ()
    size = 0
    while size < head.size:
        end = min(size + PAGE, head.size)
        rows = tx.all(
            "SELECT seq, leaf FROM record WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq",
            (LOG, size, end),
        )
        leaves = {int(seq): bytes(leaf) for seq, leaf in rows}
        if len(leaves) < end - size:
            leaves = _with_dropped(tx, leaves, range(size, end), gone)
        frontier = merkle.extend(frontier, size, [leaves[seq] for seq in range(size, end)])
        size = end
    if frontier != head.frontier:
        raise _broken("its leaves are not those that were signed")


def _with_dropped(
    tx: Tx, leaves: dict[int, bytes], wanted: range, gone: list[tuple[int, int]]
) -> dict[int, bytes]:
    """The leaves of a range, out of the tiles where a shard's bodies were dropped."""
    found = dict(leaves)
    for seq in wanted:
        if seq in found:
            continue
        if not any(first <= seq < upto for first, upto in gone):
            raise _broken("a record is missing")
        start = seq // WIDTH * WIDTH
        tile = treestore.stored(tx, 0, seq // WIDTH)
        for place in range(WIDTH):
            leaf = tile[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            if found.setdefault(start + place, leaf) != leaf:
                raise _broken("its leaves are not those of its tiles")
    return found


def _check_tail(tx: Tx, head: Head) -> None:
    rows = tx.all(
        "SELECT body, leaf FROM record WHERE log = ? AND seq >= ?", (LOG, head.size - TAIL)
    )
    # A value that is text now was written by somebody else: SQLite keeps any type anywhere.
    if any(isinstance(body, str) or isinstance(leaf, str) for body, leaf in rows) or any(
        merkle.leaf_hash(bytes(body)) != bytes(leaf) for body, leaf in rows
    ):
        raise _broken("a record is not the one that its leaf names")


def _broken(why: str) -> IntegrityError:
    return IntegrityError("the audit log is broken", why=why, reason="audit.broken")
