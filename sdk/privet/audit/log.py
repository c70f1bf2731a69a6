"""The append-only log: no record, no warrant; no warrant, no key.

An append returns only when its records are durable and the store is still the one
they were written to. Whatever goes wrong on the way there, the caller gets nothing
but AuditUnavailable, and the next append reads the state of the log anew.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from privet.audit import head as heads
from privet.audit import history, proof, sets, treestore
from privet.audit.checkpoint import Checkpoint, Verifier, check_origin
from privet.audit.commits import Commits, Ready, unavailable
from privet.audit.entry import Entry, not_before, prepare
from privet.audit.form import Form
from privet.audit.groups import Groups
from privet.audit.head import LOG, Head
from privet.audit.pages import first_since, pages
from privet.audit.record import decode
from privet.audit.selection import Selection
from privet.audit.signing import Signers, Signing, predecessors
from privet.clock import Clock, micros
from privet.errors import IntegrityError
from privet.types import Warrant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from privet.crypto import Signer
    from privet.db import Store, Tx

PAGE = 1000
REDO = b'"redo":true'  # as canonical JSON has it; within a text its quotes would be escaped
MAX_SEQ = 2**63 - 1


class Watch(Protocol):
    """Who looks on while records are made: the anchors of the log."""

    def before(self, ts: int) -> None:
        """Raise AuditUnavailable where nothing may be recorded at this instant."""

    def after(self, ts: int) -> None:
        """Something was recorded."""


class Log:
    """One deployment's audit log over the audit store.

    Args:
        store: the audit store.
        signer: the deployment's signing key.
        signers: gives all of its signing keys, where there may be several.
        origin: names the log and its key, such as ``"privet.dev/<deployment hex>"``.
        clock: where ``ts`` comes from.

    Raises:
        InvalidInput: the origin cannot name a log.
        AuditUnavailable: the store's file is gone.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        origin: str,
        clock: Clock,
        signers: Signers | None = None,
    ) -> None:
        self._store = store
        self._origin = check_origin(origin)
        self._clock = clock
        self._signing = Signing(origin, signer, signers or (lambda: [signer]))
        self._commits = Commits(store, self._signing, origin)
        self._groups: Groups[Sequence[Ready], list[int]] = Groups(self._commits.commit)
        self.watch: Watch | None = None

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""
        return self._signing.verifier.public

    @property
    def vkey(self) -> str:
        """The public key as a signed-note verifier key, for ``log.vkey``."""
        return self._signing.verifier.vkey

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Record entries, durably and in order; callers at the same time share a commit.

        Returns:
            The index of each record in the log.

        Raises:
            AuditUnavailable: for any reason; none of ``entries`` may be acted upon.
            HandleInvalid: the deployment is closed, or the handle was carried across a fork.
        """
        ts, prepared = self._prepared(entries)
        return self._submit(prepared, ts) if prepared else []

    def _prepared(self, entries: Sequence[Entry]) -> tuple[int, list[Ready]]:
        # First of all: after a fork even the queue's own lock may be held by nobody.
        self._store.check_handle()
        if not entries:
            return 0, []
        try:
            ts = micros(self._clock.now())
            return ts, [prepare(entry, ts) for entry in entries]
        except Exception as error:
            raise unavailable(error) from None

    def append_each(self, parts: Sequence[tuple[Form, int, bytes]]) -> list[int]:
        """Record one record a subject, very many at once: state is rebuilt from each.

        Args:
            parts: what a record has in common with others, its subject's ordinal, and its own
                part as canonical JSON.

        Returns:
            The index of each record in the log.

        Raises:
            AuditUnavailable, HandleInvalid: as ``append``.
        """
        self._store.check_handle()
        if not parts:
            return []
        try:
            ts = micros(self._clock.now())
            prepared = [form.fill(sno, part, ts) for form, sno, part in parts]
        except Exception as error:
            raise unavailable(error) from None
        return self._submit(prepared, ts)

    def authorise(self, entry: Entry) -> Warrant:
        """Record one entry and, once it is durable, give the warrant for its subjects.

        Raises:
            AuditUnavailable: as ``append``; there is no warrant.
            HandleInvalid: as ``append``.
        """
        seq = self.append([entry])[0]
        return Warrant.issue(seq, entry.purpose, entry.subjects)

    def leaves(self, start: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
        """At most ``limit`` records from index ``start`` on, with their indices."""
        with self._store.read() as tx:
            rows = tx.all(
                "SELECT seq, body FROM record WHERE log = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (LOG, start, limit),
            )
        return [(int(seq), decode(bytes(body))) for seq, body in rows]

    def chosen(self, selection: Selection, size: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Those of the first ``size`` records that are meant, oldest first, with their indices.

        Args:
            selection: which; by subject they are not chosen here.
            size: how long the log was when it was asked.
        """
        since, until = selection.since or 0, selection.until
        for page in pages(self._store, first_since(self._store, since, size), size):
            for stored in page:
                if until is not None and stored.ts >= until:
                    return
                if selection.may(stored.body) and selection.meant(body := decode(stored.body)):
                    yield stored.seq, body

    def redo(self, after: int, upto: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """The records that state is rebuilt from, in order, with their indices.

        Reads page by page, each in a short snapshot of its own: memory stays bounded and
        records that arrive meanwhile are given too.

        Args:
            after: index of the last record already applied, -1 for none.
            upto: index of the last record wanted; None for all there are.
        """
        last = MAX_SEQ if upto is None else upto
        while True:
            with self._store.read() as tx:
                rows = tx.all(
                    "SELECT seq, body FROM record "
                    "WHERE log = ? AND redo = 1 AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (LOG, after, last, PAGE),
                )
            for seq, body in rows:
                yield int(seq), decode(bytes(body))
            if len(rows) < PAGE:
                return
            after = int(rows[-1][0])

    def check_redo(self, after: int = -1) -> None:
        """Refuse where a record after this index is marked for replay otherwise than its body is.

        The mark that finds records quickly is not hashed. One that lost it would be passed
        over, and a withdrawal with it.

        Raises:
            IntegrityError: reason ``log.redo``.
        """
        while True:
            with self._store.read() as tx:
                rows = tx.all(
                    "SELECT seq, redo, body FROM record WHERE log = ? AND seq > ? "
                    "ORDER BY seq LIMIT ?",
                    (LOG, after, PAGE),
                )
            if any(bool(redo) != (REDO in bytes(body)) for _, redo, body in rows):
                raise IntegrityError(
                    "the audit log is not to be replayed",
                    why="a record's mark for replay is not the one that was hashed with it",
                    remedy="Restore the audit store from a trusted copy.",
                    reason="log.redo",
                )
            if len(rows) < PAGE:
                return
            after = int(rows[-1][0])

    def history(self, sno: int) -> list[dict[str, Any]]:
        """Every record about one subject, ascending, each with its ``seq``.

        Of the other subjects in a record only the number stays (``set`` is ``{"n": …}``):
        who looked at one person's data is no reason to tell who else was looked at.
        """
        chunk, byte, bit = sets.position(sno)
        with self._store.read() as tx:
            named = tx.all(
                "SELECT s.seq, r.body FROM single s LEFT JOIN record r "
                "ON r.log = ? AND r.seq = s.seq WHERE s.sno = ?",
                (LOG, sno),
            )
            # One byte of each bitmap: a thousand bulk accesses are a megabyte of rows, not eight.
            marked = tx.all(
                "SELECT c.seq, r.body, substr(c.bits, ?, 1) FROM set_chunk c LEFT JOIN record r "
                "ON r.log = ? AND r.seq = c.seq WHERE c.chunk = ?",
                (byte + 1, LOG, chunk),
            )
        named += [(seq, body) for seq, body, mark in marked if bytes(mark)[0] & bit]
        return [_about(int(seq), bytes(body or b"")) for seq, body in sorted(named)]

    def members(self, seq: int) -> list[int]:
        """Ordinals of the subjects of one record, ascending; none where it has none."""
        with self._store.read() as tx:
            listed = tx.all("SELECT sno FROM single WHERE seq = ?", (seq,))
            chunks = tx.all("SELECT chunk, bits FROM set_chunk WHERE seq = ?", (seq,))
        marked = sets.marked({int(chunk): bytes(bits) for chunk, bits in chunks})
        return sorted({*(int(sno) for (sno,) in listed), *marked})

    def prove(self, seq: int) -> dict[str, Any]:
        """The inclusion proof of one record under the newest checkpoint, as JSON data.

        Raises:
            InvalidInput: the log has no record of this index.
        """
        with self._store.read() as tx:
            head = self._read(tx)
            return proof.inclusion(tx, head, seq)

    def prove_subject(self, seq: int, sno: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The inclusion proof of a record, and what shows whether a subject is in its set.

        Raises:
            InvalidInput: the log has no record of this index.
            IntegrityError: a chunk of the record's set is not in the store.
        """
        with self._store.read() as tx:
            head = self._read(tx)
            return proof.inclusion(tx, head, seq), proof.membership(tx, seq, sno)

    def prove_growth(self, old: bytes) -> dict[str, Any]:
        """The proof that the log only grew since an earlier checkpoint of it, as JSON data.

        Args:
            old: the earlier checkpoint, signed by this log's key.

        Returns:
            ``old`` and ``new`` (the signed notes) and ``hashes`` (hex, RFC 6962 section 2.1.2).

        Raises:
            InvalidInput: the checkpoint names no record, or more than there are.
            IntegrityError: it is not signed by this log's key, or the log holds other records
                under it.
        """
        past = self._past(old)
        with self._store.read() as tx:
            head = self._read(tx)
            hashes = proof.consistency(tx, past.size, head.size)
            kept = treestore.root_at(tx, past.size)
        if kept != past.root:
            raise IntegrityError(
                "the audit log did not grow from this checkpoint",
                why=f"its first {past.size} records are not those that were signed",
                remedy="Keep the checkpoint, it is the proof; see docs/guide/anchors.md.",
                reason="log.forked",
            )
        return {
            "old": old.decode(),
            "new": head.note.decode(),
            "hashes": [h.hex() for h in hashes],
        }

    def shown(self, sno: int) -> tuple[str, list[dict[str, Any]]]:
        """The newest checkpoint, and the records under it that name a subject, with proofs.

        Returns:
            the note, and of each record ``index``, ``record`` (base64), ``hashes`` (hex) and
            ``slice`` (see ``proof.membership``); the last three None where it lists others.
        """
        with self._store.read() as tx:
            head = self._read(tx)
            return head.note.decode(), history.shown(tx, head, sno)

    def newest_by(self, us: int) -> int:
        """Index of the newest record at or before an instant (UTC microseconds); -1: none."""
        return first_since(self._store, us + 1, self.size()) - 1

    def size(self) -> int:
        """Number of records."""
        return self._head().size

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint; keep a copy elsewhere to notice a rollback later."""
        note = self._head().note
        self._store.settle()  # nobody may hold one that a crash of the server takes back
        return note

    def not_before(self, us: int) -> int:
        """``us``, or the time of the newest record that this process knows of where it lags.

        Raises:
            AuditUnavailable: it lags by more than clocks may differ (``clock.backwards``).
        """
        return not_before(self._commits.newest, us)

    def _submit(self, prepared: Sequence[Ready], ts: int) -> list[int]:
        if self.watch is None:
            return self._groups.submit(prepared)
        self.watch.before(ts)
        seqs = self._groups.submit(prepared)
        self.watch.after(ts)
        return seqs

    @property
    def verifier(self) -> Verifier:
        """The log's name and public key."""
        return self._signing.verifier

    @property
    def signer(self) -> Signer:
        """The key that signs now."""
        return self._signing.signer

    def succeed(self, newest: Callable[[], Signer], body: dict[str, Any]) -> int | None:
        """Let a new key sign the log from here on; the index of the record that says so.

        Args:
            newest: gives the newest key of the deployment's own.
            body: what the record says besides the two keys and the old one's signature.

        Returns:
            None where it is in force already.

        Raises:
            AuditUnavailable: the record is not known to be durable.
            HandleInvalid: as ``append``.
        """
        self._store.check_handle()
        ts = micros(self._clock.now())
        if self.watch is not None:
            self.watch.before(ts)
        seq = self._commits.succeed(newest, body, ts)
        if self.watch is not None:
            self.watch.after(ts)
        return seq

    def attest(self, text: bytes, seqs: Sequence[int]) -> tuple[bytes, str, list[dict[str, Any]]]:
        """A text signed by the key of the newest checkpoint, and proofs of records under that.

        Returns:
            signature, verifier key, and the inclusion proof of each record.

        Raises:
            InvalidInput: the log has no record of one of these indices.
        """
        with self._store.read() as tx:
            head = self._read(tx)
            signer, vkey = self._signing.signer, self._signing.verifier.vkey
            proofs = [proof.inclusion(tx, head, seq) for seq in seqs]
        return signer.sign(text), vkey, proofs

    def _past(self, note: bytes) -> Checkpoint:
        """An earlier checkpoint of this log, signed by the key in force or one before it."""
        try:
            return self._signing.verifier.open(note)
        except IntegrityError:
            with self._store.read() as tx:
                for verifier in predecessors(tx, self._signing.verifier):
                    with suppress(IntegrityError):
                        return verifier.open(note)
            raise

    def _read(self, tx: Tx) -> Head:
        """The newest head; whose key is in force then."""
        head = heads.read(tx) or heads.empty(self._origin, self._signing.signer)
        self._signing.follow(head.note)
        return head

    def _head(self) -> Head:
        with self._store.read() as tx:
            head = self._read(tx)
        self._commits.newest = max(self._commits.newest, head.ts)
        return head


def _about(seq: int, data: bytes) -> dict[str, Any]:
    body = decode(data)
    return {**body, "seq": seq, "set": {"n": body["set"]["n"]}}
