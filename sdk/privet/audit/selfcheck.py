"""A quick look at the log where it lives: is it one tree, and signed as such?

It trusts the stored leaves and recomputes only the newest records; an export with the
stand-alone verifier recomputes them all.
"""

from __future__ import annotations

from privet.audit import head as heads
from privet.audit import merkle
from privet.audit.checkpoint import Verifier
from privet.audit.head import LOG, Head
from privet.db import Store, Tx
from privet.errors import IntegrityError

PAGE = 10_000
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
    frontier: tuple[bytes, ...] = ()
    size = 0
    while size < head.size:
        rows = tx.all(
            "SELECT seq, leaf FROM record WHERE log = ? AND seq >= ? ORDER BY seq LIMIT ?",
            (LOG, size, min(PAGE, head.size - size)),
        )
        if [int(r[0]) for r in rows] != list(range(size, size + len(rows))) or not rows:
            raise _broken("a record is missing")
        frontier = merkle.extend(frontier, size, [bytes(r[1]) for r in rows])
        size += len(rows)
    if frontier != head.frontier:
        raise _broken("its leaves are not those that were signed")


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
