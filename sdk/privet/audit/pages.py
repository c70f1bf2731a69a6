"""Records out of the store page by page, each in a short snapshot of its own.

Bodies of an old shard may have been dropped (``privet.audit.shards``), so that a page goes
on after the last record that it found and never after the last that it asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.audit import sets
from privet.audit.head import LOG
from privet.audit.merkle import leaf_hash
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.db import Store, Tx

PAGE = 1024  # at most 64 MiB of bodies; of usual ones some 300 KiB


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it lies in the store.

    Attributes:
        seq: its index in the log.
        ts: UTC microseconds.
        body: the bytes that were hashed.
        leaf: their hash.
    """

    seq: int
    ts: int
    body: bytes
    leaf: bytes

    def check(self) -> None:
        """Refuse where the body is not the one that its leaf names.

        Raises:
            IntegrityError: reason ``audit.broken``.
        """
        if leaf_hash(self.body) != self.leaf:
            raise IntegrityError(
                "the audit log is broken",
                why=f"record {self.seq} is not the one that its leaf names",
                remedy="Export the log and verify the export; restore it from a trusted copy.",
                reason="audit.broken",
            )


def pages(store: Store, start: int, end: int) -> Iterator[list[Stored]]:
    """The records from index ``start`` on, before index ``end``; dropped ones are passed over."""
    while start < end:
        with store.read() as tx:
            rows = tx.all(
                "SELECT seq, ts, body, leaf FROM record "
                "WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
                (LOG, start, end, PAGE),
            )
        if not rows:
            return
        found = [Stored(int(s), int(ts), bytes(body), bytes(leaf)) for s, ts, body, leaf in rows]
        yield found
        start = found[-1].seq + 1


def pages_about(store: Store, sno: int, start: int, end: int) -> Iterator[list[Stored]]:
    """As ``pages``, of the records alone that name one subject."""
    with store.read() as tx:
        named = naming(tx, sno, start, end)
    for first in range(0, len(named), PAGE):
        some = named[first : first + PAGE]
        with store.read() as tx:
            found = [stored for seq in some if (stored := _one(tx, seq)) is not None]
        if len(found) != len(some):
            raise IntegrityError(
                "the audit store is not whole", why="it lacks a record that names this person"
            )
        yield found


def naming(tx: Tx, sno: int, start: int = 0, end: int = 2**63 - 1) -> list[int]:
    """Indices of the records that name a subject, ascending, from ``start`` on before ``end``."""
    chunk, byte, bit = sets.position(sno)
    listed = tx.all(
        "SELECT seq FROM single WHERE sno = ? AND seq >= ? AND seq < ?", (sno, start, end)
    )
    # One byte of each bitmap: a thousand bulk accesses are a kilobyte, not eight megabytes.
    marked = tx.all(
        "SELECT seq, substr(bits, ?, 1) FROM set_chunk WHERE chunk = ? AND seq >= ? AND seq < ?",
        (byte + 1, chunk, start, end),
    )
    return sorted({*(int(s) for (s,) in listed), *(int(s) for s, b in marked if bytes(b)[0] & bit)})


def first_since(store: Store, us: int, size: int) -> int:
    """Index from which on records are not older than ``us``; times never fall in the log."""
    low, high = 0, size
    with store.read() as tx:
        while low < high:
            middle = (low + high) // 2
            row = tx.one(
                "SELECT seq, ts FROM record WHERE log = ? AND seq >= ? ORDER BY seq LIMIT 1",
                (LOG, middle),
            )
            if row is None or int(row[1]) >= us:
                high = middle
            else:
                low = int(row[0]) + 1
    return low


def _one(tx: Tx, seq: int) -> Stored | None:
    row = tx.one("SELECT ts, body, leaf FROM record WHERE log = ? AND seq = ?", (LOG, seq))
    return None if row is None else Stored(seq, int(row[0]), bytes(row[1]), bytes(row[2]))
