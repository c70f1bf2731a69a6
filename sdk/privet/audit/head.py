"""The newest state of the log as the store holds it: size, frontier and signed checkpoint.

It is read again in every transaction. Nothing of the tree is remembered between
commits, so a failed one cannot leave half a tree in memory; what *is* remembered is
what this process signed or verified last, and the log never goes back behind that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.audit import merkle
from privet.audit.checkpoint import Checkpoint, Verifier, sign
from privet.errors import AuditUnavailable, IntegrityError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.crypto import Signer
    from privet.db import Store, Tx

LOG = 0  # one log a deployment; the number is in every key of the store


@dataclass(frozen=True, slots=True)
class Head:
    """One state of the log.

    Attributes:
        size: number of records.
        frontier: roots of its perfect subtrees, the largest first.
        ts: UTC microseconds of the newest record, 0 where there is none.
        note: the signed checkpoint of exactly this state.
    """

    size: int
    frontier: tuple[bytes, ...]
    ts: int
    note: bytes

    def grown(self, leaves: Sequence[bytes], ts: int, origin: str, signer: Signer) -> Head:
        """The head after ``leaves`` (hashes) are appended, the newest of them at ``ts``."""
        frontier = merkle.extend(self.frontier, self.size, leaves)
        size = self.size + len(leaves)
        root = merkle.frontier_root(frontier)
        return Head(size, frontier, ts, sign(Checkpoint(origin, size, root), signer))


def empty(origin: str, signer: Signer) -> Head:
    """The head of a log without records."""
    return Head(0, (), 0, sign(Checkpoint(origin, 0, merkle.EMPTY_ROOT), signer))


def read(tx: Tx) -> Head | None:
    """The stored head, unverified; None before the first record."""
    return _fetch(tx, "")


def newest(store: Store, verifier: Verifier) -> tuple[bytes, Checkpoint]:
    """The newest signed checkpoint, as a note and as what it says.

    Raises:
        InvalidInput: nothing is recorded yet.
        IntegrityError: it is not of this log's key, or of another size than the log.
    """
    with store.read() as tx:
        head = read(tx)
    store.settle()
    if head is None:
        raise InvalidInput(
            "there is nothing to export", why="nothing is recorded yet", reason="audit.empty"
        )
    checkpoint = verifier.open(head.note)
    if checkpoint.size != head.size:
        raise IntegrityError(
            "the audit checkpoint is not genuine", why="it is of another size than the log"
        )
    return head.note, checkpoint


def lock(tx: Tx, origin: str, signer: Signer) -> Head:
    """The stored head, held against other writers until the transaction ends.

    Raises:
        AuditUnavailable: there are records but no head.
    """
    head = _fetch(tx, tx.for_update)
    if head is not None:
        return head
    # Two writers may both find none: the second waits here, and then finds the first's.
    first = empty(origin, signer)
    made = tx.run(
        "INSERT INTO head (log, size, frontier, note, ts) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (log) DO NOTHING",
        (LOG, 0, b"", first.note, 0),
    )
    if made and tx.one("SELECT seq FROM record WHERE log = ? LIMIT 1", (LOG,)) is not None:
        raise AuditUnavailable(
            "the audit log was refused",
            why="its head is gone while its records are there",
            remedy="Restore the audit store from a trusted copy.",
            reason="audit.head",
        )
    return _fetch(tx, tx.for_update) or first


def write(tx: Tx, head: Head) -> None:
    """Replace the stored head."""
    tx.run(
        "UPDATE head SET size = ?, frontier = ?, note = ?, ts = ? WHERE log = ?",
        (head.size, b"".join(head.frontier), head.note, head.ts, LOG),
    )


def verify(head: Head, verifier: Verifier, known: Head | None) -> None:
    """Check a head that another process may have written.

    Args:
        head: what the store holds.
        verifier: the log's own key and name.
        known: the newest head that this process wrote or verified.

    Raises:
        AuditUnavailable: not signed by this log, not of its own frontier, or behind
            ``known``: the store was changed, or rolled back beneath this process.
    """
    if known is not None and head == known:
        return
    try:
        signed = verifier.open(head.note)
    except IntegrityError as error:
        raise _refused(error.why, "audit.head") from None
    if signed.size != head.size or signed.root != merkle.frontier_root(head.frontier):
        raise _refused("its signed checkpoint is of another state", "audit.head")
    if known is not None and (
        head.size < known.size or (head.size == known.size and head.frontier != known.frontier)
    ):
        raise _refused("it went back behind what this process has seen", "audit.rolled-back")


def _fetch(tx: Tx, lock_suffix: str) -> Head | None:
    row = tx.one(f"SELECT size, frontier, ts, note FROM head WHERE log = ?{lock_suffix}", (LOG,))
    if row is None:
        return None
    blob, step = bytes(row[1]), merkle.HASH_BYTES
    frontier = tuple(blob[i : i + step] for i in range(0, len(blob), step))
    return Head(int(row[0]), frontier, int(row[2]), bytes(row[3]))


def _refused(why: str, reason: str) -> AuditUnavailable:
    return AuditUnavailable(
        "the audit log was refused",
        why=why,
        remedy="Stop the workers; compare an export with an earlier one before going on.",
        reason=reason,
    )
