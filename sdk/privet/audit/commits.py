"""How a batch of records becomes part of the log: one commit, one signed head.

The log's lock is taken first and the batch after it: whoever came while others committed
goes along. On SQLite the lock is the store's file lock. On PostgreSQL it is the row of the
head, and it is let go before the disk has the commit, so that processes wait for each other
as long as a commit is *written* and share the server's syncs (see ``privet.db.piped``).

Where no other process wrote for a while, PostgreSQL needs no lock and one journey: a single
statement moves the head on if it is still the one that this process wrote last, and inserts
the records only then.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from privet.audit import head as heads
from privet.audit import merkle, treestore
from privet.audit.entry import Entry, Prepared, not_before, prepare
from privet.audit.form import Spliced
from privet.audit.head import LOG, Head
from privet.audit.storefile import StoreFile
from privet.audit.tiles import Tile, completed
from privet.db.piped import PipedTx
from privet.errors import AuditUnavailable, PrivetError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from privet.audit.signing import Signing
    from privet.crypto import Signer
    from privet.db import Store, Tx

KEEP_CHECKPOINT_US = 60_000_000
CALM = 3  # commits in a row before which nobody else wrote
Ready = Prepared | Spliced
Batch: TypeAlias = "Sequence[Sequence[Ready]]"

# Moves the head on from exactly the one that was known, and records under that condition.
_GUARDED = """
WITH moved AS (
    UPDATE head SET size = ?, frontier = ?, note = ?, ts = ?
    WHERE log = ? AND size = ? AND note = ? RETURNING log
), recorded AS (
    INSERT INTO record (log, seq, ts, redo, body, leaf)
    SELECT moved.log, r.* FROM moved, unnest(?, ?, ?, ?, ?) AS r (seq, ts, redo, body, leaf)
), listed AS (
    INSERT INTO single (sno, seq) SELECT s.* FROM moved, unnest(?, ?) AS s (sno, seq)
), marked AS (
    INSERT INTO set_chunk (chunk, seq, bits)
    SELECT c.* FROM moved, unnest(?, ?, ?) AS c (chunk, seq, bits)
)
SELECT count(*) FROM moved
"""


@dataclass(frozen=True, slots=True)
class _Growth:
    """A batch with its place in the log: what is to be written, and the head after it."""

    old: Head
    new: Head
    seqs: list[list[int]]
    records: list[tuple[int, Ready]]
    leaves: list[bytes]

    @property
    def listed(self) -> list[tuple[int, int]]:
        """``(sno, seq)`` of each subject of a small set."""
        return [
            (sno, seq)
            for seq, record in self.records
            if record.about is not None
            for sno in record.about.listed
        ]

    @property
    def chunks(self) -> list[tuple[int, int, bytes]]:
        """``(chunk, seq, bits)`` of each bitmap of a large set."""
        return [
            (chunk, seq, bits)
            for seq, record in self.records
            if record.about is not None
            for chunk, bits in record.about.chunks.items()
        ]

    @property
    def tiles(self) -> list[Tile]:
        """Those that it completes."""
        return list(completed(self.old.size, self.new.size))


class Commits:
    """Writes to one log; used by one thread at a time.

    Args:
        store: the audit store.
        signing: the deployment's signing key in force.
        origin: names the log.

    Attributes:
        newest: UTC microseconds of the newest record that this process knows of.
    """

    def __init__(self, store: Store, signing: Signing, origin: str) -> None:
        self._store = store
        self._signing = signing
        self._origin = origin
        self._turn = threading.Lock()
        self._file = StoreFile(store.file)
        self._guards = store.dialect == "postgresql"
        self._known: Head | None = None  # on the disk: one that is lost is not a rollback
        self._kept_us: int | None = None
        self._calm = 0
        self.newest = 0

    def commit(self, take: Callable[[], Batch]) -> list[list[int]]:
        """Make a batch durable, or none of it.

        Args:
            take: gives the batch; called once the log is held.

        Returns:
            The indices of each part's records.

        Raises:
            AuditUnavailable: it is not known to be durable.
        """
        with self._turn:
            return self._commit(take)

    def succeed(self, newest: Callable[[], Signer], body: dict[str, Any], ts: int) -> int | None:
        """Record that a new key signs from here on; the head over that record is by it already.

        Args:
            newest: gives the key; called once the log is held, so that of two who begin a
                new one at once the later one's stays.
            body: what the record says besides.
            ts: UTC microseconds.

        Returns:
            The record's index; None where the key is in force already.

        Raises:
            AuditUnavailable: it is not known to be durable.
        """
        with self._turn:
            try:
                self._file.check()
                with self._store.write() as tx:
                    old = self._locked(tx)
                    new = newest()
                    if self._signing.signer.public == new.public:
                        return None
                    record = prepare(Entry(self._signing.record(new, body), redo=True), ts)
                    growth = self._write(tx, old, [[record]], new)
                    kept = self._keep_checkpoint(tx, growth.new)
                self._file.check_committed()
            except Exception as error:
                self._calm = 0
                raise unavailable(error) from None
            self._signing.install(new)
            return self._written(growth, kept)[0][0]

    def _commit(self, take: Callable[[], Batch]) -> list[list[int]]:
        try:
            self._file.check()
            if self._guards and self._calm >= CALM and self._known is not None:
                return self._alone(self._known, take())
            return self._among_others(take)
        except Exception as error:
            self._calm = 0
            raise unavailable(error) from None

    def _among_others(self, take: Callable[[], Batch]) -> list[list[int]]:
        """Hold the log while writing."""
        known = self._known
        with self._store.write() as tx:
            old = self._locked(tx)
            growth = self._write(tx, old, take())
            kept = self._keep_checkpoint(tx, growth.new)
        self._file.check_committed()
        self._calm = self._calm + 1 if old == known else 0
        return self._written(growth, kept)

    def _locked(self, tx: Tx) -> Head:
        """The head, held and verified; by a key that was put in force elsewhere as well."""
        head = heads.lock(tx, self._origin, self._signing.signer)
        if head != self._known:
            self._signing.follow(head.note)
        heads.verify(head, self._signing.verifier, self._known)
        return head

    def _alone(self, known: Head, batch: Batch) -> list[list[int]]:
        """Write in one journey where the head is still the known one."""
        growth = self._grown(known, batch)
        if growth.tiles or self._checkpoint_due(growth.new):
            return self._among_others(lambda: batch)
        try:
            ((moved,),) = self._store.once(_GUARDED, _parameters(growth))
        except StoreUnavailable as lost:
            if lost.reason != "store.unreachable":
                raise
            return self._after_loss(growth, batch)
        if not moved:  # another process was faster; nothing of it was written
            self._calm = 0
            return self._among_others(lambda: batch)
        return self._written(growth, self._kept_us)

    def _after_loss(self, growth: _Growth, batch: Batch) -> list[list[int]]:
        """The connection broke before the answer: the head tells whether it was written.

        Where it is still the old one, the lost statement can do nothing any more once this
        process has moved it on; where it is exactly the new one, nobody else can have signed
        these records.
        """
        self._calm = 0
        with self._store.write() as tx:
            found = heads.lock(tx, self._origin, self._signing.signer)
        if found == growth.new:
            return self._written(growth, self._kept_us)
        if found != growth.old:
            raise AuditUnavailable(
                "the audit record was not made durable",
                why="the connection broke, and other processes wrote since",
                reason="store.unreachable",
            )
        return self._among_others(lambda: batch)

    def _written(self, growth: _Growth, kept: int | None) -> list[list[int]]:
        self._known, self._kept_us = growth.new, kept
        self.newest = max(self.newest, growth.new.ts)
        return growth.seqs

    def _grown(self, old: Head, batch: Batch, signer: Signer | None = None) -> _Growth:
        ts, seq = old.ts, old.size
        seqs: list[list[int]] = []
        records: list[tuple[int, Ready]] = []
        for group in batch:
            seqs.append(list(range(seq, seq + len(group))))
            for prepared in group:
                ts = not_before(ts, prepared.ts)
                records.append((seq, prepared.at(ts)))
                seq += 1
        leaves = [merkle.leaf_hash(record.data) for _, record in records]
        new = old.grown(leaves, ts, self._origin, signer or self._signing.signer)
        return _Growth(old, new, seqs, records, leaves)

    def _write(self, tx: Tx, old: Head, batch: Batch, signer: Signer | None = None) -> _Growth:
        growth = self._grown(old, batch, signer)
        if isinstance(tx, PipedTx):
            tx.must(_GUARDED, _parameters(growth))
        else:
            _insert(tx, growth)
        for tile in growth.tiles:
            _insert_tile(tx, tile)
        return growth

    def _checkpoint_due(self, head: Head) -> bool:
        return self._kept_us is None or head.ts - self._kept_us >= KEEP_CHECKPOINT_US

    def _keep_checkpoint(self, tx: Tx, head: Head) -> int:
        """Keep one checkpoint a minute for good; the time of the newest kept."""
        kept = self._kept_us
        if kept is None or self._checkpoint_due(head):
            # Another process may have kept one in the meantime.
            row = tx.one(
                "SELECT ts FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1", (LOG,)
            )
            kept = None if row is None else int(row[0])
        if kept is not None and head.ts - kept < KEEP_CHECKPOINT_US:
            return kept
        tx.run(
            "INSERT INTO checkpoint (log, size, ts, note) VALUES (?, ?, ?, ?)",
            (LOG, head.size, head.ts, head.note),
        )
        return head.ts


def _parameters(growth: _Growth) -> list[object]:
    from privet.db.arrays import bigints, blobs

    old, new = growth.old, growth.new
    records = [record for _, record in growth.records]
    listed, chunks = growth.listed, growth.chunks
    return [
        new.size,
        b"".join(new.frontier),
        new.note,
        new.ts,
        LOG,
        old.size,
        old.note,
        bigints([seq for seq, _ in growth.records]),
        bigints([record.ts for record in records]),
        bigints([int(record.redo) for record in records]),
        blobs([record.data for record in records]),
        blobs(growth.leaves),
        bigints([sno for sno, _ in listed]),
        bigints([seq for _, seq in listed]),
        bigints([chunk for chunk, _, _ in chunks]),
        bigints([seq for _, seq, _ in chunks]),
        blobs([bits for _, _, bits in chunks]),
    ]


def _insert(tx: Tx, growth: _Growth) -> None:
    tx.many(
        "INSERT INTO record (log, seq, ts, redo, body, leaf) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (LOG, seq, record.ts, int(record.redo), record.data, leaf)
            for (seq, record), leaf in zip(growth.records, growth.leaves, strict=True)
        ],
    )
    tx.many("INSERT INTO single (sno, seq) VALUES (?, ?)", growth.listed)
    tx.many("INSERT INTO set_chunk (chunk, seq, bits) VALUES (?, ?, ?)", growth.chunks)
    heads.write(tx, growth.new)


def _insert_tile(tx: Tx, tile: Tile) -> None:
    tx.later(
        "INSERT INTO tile (log, level, idx, hashes) VALUES (?, ?, ?, ?)",
        (LOG, tile.level, tile.index, treestore.compute(tx, tile)),
    )


def unavailable(error: Exception) -> AuditUnavailable:
    """What went wrong as AuditUnavailable; only privet's own errors are known free of values."""
    if isinstance(error, AuditUnavailable):
        return error
    if isinstance(error, PrivetError):
        why = f"{error.what}: {error.why}" if error.why else error.what
        return AuditUnavailable(
            "the audit record was not made durable",
            why=why,
            remedy=error.remedy,
            reason=None if error.reason == error.code else error.reason,
        )
    return AuditUnavailable(
        "the audit record was not made durable", why=f"{type(error).__name__} was raised"
    )
