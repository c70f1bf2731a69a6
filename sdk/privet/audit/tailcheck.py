"""At open: do the tables of the audit store end where the log's head says?

Whoever puts one table back to an older copy leaves the others ahead of it. Only the
ends are looked at, a few rows of each; ``selfcheck`` and an export look at everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privet.audit import head as heads
from privet.audit import merkle, treestore
from privet.audit.head import LOG, Head
from privet.audit.record import decode
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from privet.db import Store, Tx

TAIL = 64
REMEDY = "Stop the workers, copy the stores, and follow docs/guide/anchors.md."


def check(store: Store) -> None:
    """Refuse where a table was put back, or lost its end.

    Raises:
        IntegrityError: ``log.rolled-back``, which names the first record that is missing or
            unaccounted for; ``audit.broken`` where one of the newest was changed.
    """
    try:
        with store.read() as tx:
            head = heads.read(tx)
            size = 0 if head is None else head.size
            _check_records(tx, size)
            if head is not None and size:
                _check_tree(tx, head)
                _check_newest(tx, size)
    except TypeError:  # text where bytes were: SQLite keeps any type anywhere
        raise IntegrityError(
            "the audit log is broken",
            why="its tables hold values that privet never writes",
            remedy=REMEDY,
            reason="audit.broken",
        ) from None


def _check_records(tx: Tx, size: int) -> None:
    records = 1 + _most(tx, "SELECT MAX(seq) FROM record WHERE log = ?", LOG)
    kept = max(0, _most(tx, "SELECT MAX(size) FROM checkpoint WHERE log = ?", LOG))
    if records > size:
        raise _back(size, records - 1, "the log's head was put back: it ends before its records")
    if records < size:
        raise _back(records, size - 1, "records are gone from the end")
    if kept > size:
        raise _back(size, kept - 1, "head and records were put back behind a kept checkpoint")


def _check_tree(tx: Tx, head: Head) -> None:
    try:
        root = treestore.root_at(tx, head.size)
    except IntegrityError as error:
        raise _back(0, head.size - 1, f"its tree is not whole: {error.why}") from None
    if root != merkle.frontier_root(head.frontier):
        raise _back(0, head.size - 1, "its records or tiles are not those that were signed")


def _check_newest(tx: Tx, size: int) -> None:
    """The newest records are those of their leaves, and stand in the indices of their subjects."""
    rows = tx.all(
        "SELECT seq, body, leaf FROM record WHERE log = ? AND seq >= ? ORDER BY seq",
        (LOG, size - TAIL),
    )
    for seq, body, leaf in rows:
        if merkle.leaf_hash(bytes(body)) != bytes(leaf):
            raise IntegrityError(
                "the audit log is broken",
                why=f"record {seq} is the first bad one: it is not the one that its leaf names",
                remedy=REMEDY,
                reason="audit.broken",
            )
        about = decode(bytes(body)).get("set")
        if isinstance(about, dict) and not _indexed(tx, int(seq), about):
            raise _back(int(seq), size - 1, "the index of subjects was put back")


def _indexed(tx: Tx, seq: int, about: dict[str, Any]) -> bool:
    # One look a row: both indices are clustered by what comes first.
    chunk, single = "SELECT 1 FROM set_chunk WHERE chunk = ?", "SELECT 1 FROM single WHERE sno = ?"
    sql, asked = (chunk, about["chunks"]) if "chunks" in about else (single, about["snos"])
    return all(tx.one(f"{sql} AND seq = ?", (place, seq)) for place in asked)


def _most(tx: Tx, sql: str, *params: int) -> int:
    row = tx.one(sql, params)
    return -1 if row is None or row[0] is None else int(row[0])


def _back(first: int, last: int, why: str) -> IntegrityError:
    return IntegrityError(
        "a table of the audit store went back behind the others",
        why=f"record {first} is the first bad one, up to record {last}: {why}",
        remedy=REMEDY,
        reason="log.rolled-back",
    )
