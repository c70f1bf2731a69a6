"""The desk for those who answer for the processing: the audit log, read and handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privet.clock import instant
from privet.errors import InvalidInput
from privet.gate import choosing, emergencies, evidence, incidents, proving, sharding
from privet.gate.emergencies import Emergency
from privet.gate.parts import Caller, Parts
from privet.rights import answering, reviewing
from privet.rights import desk as rights
from privet.types import ACCOUNTABILITY, Id, check_path, check_type

if TYPE_CHECKING:
    from privet.audit.documents import Proof
    from privet.gate.incidents import KeyScope
    from privet.policy import Policy
    from privet.review.reach import Scope
    from privet.review.replay import Replayed
    from privet.review.tallies import Acted, Stats
    from privet.review.unused import Unused


class AuditDesk:
    """The log, for those who answer for it. GDPR Art. 5(2), 30."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def history(self, subject: Id) -> list[dict[str, Any]]:
        """Every record that one person's data is in, oldest first."""
        sno = answering.known(self._parts, self._caller, subject, ACCOUNTABILITY, "prove")
        return rights.history(self._parts, self._caller, sno)

    @property
    def complete_from(self) -> datetime | None:
        """Since when every record is here: what was recorded up to then went with an old shard.

        None where nothing was dropped; then it is since the log began.
        """
        since = sharding.complete_from(self._parts)
        return None if since is None else instant(since)

    def ground(self, subject: Id, record: int) -> dict[str, Any]:
        """On which ground a record's access to one person's data was allowed.

        Args:
            subject: the app's own id of the person.
            record: index of the record, ``seq`` in ``history``.

        Returns:
            The record in short and its ``grounds``, as the ledger said them before it; see
            ``docs/guide/consent.md``.

        Raises:
            InvalidInput: the record is not about this person.
        """
        check_type(record, int, "a record", "Give its index.")
        sno = answering.known(self._parts, self._caller, subject, ACCOUNTABILITY, "prove")
        return rights.ground(self._parts, self._caller, sno, record)

    def export(
        self,
        directory: str | Path,
        *,
        form: Literal["tiles", "jsonl", "csv", "parquet"] = "tiles",
        since: datetime | None = None,
        until: datetime | None = None,
        principal: str | None = None,
        purpose: str | None = None,
        subject: Id | None = None,
        decision: Literal["permit", "deny"] | None = None,
        role: str | None = None,
        action: str | None = None,
        kind: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """The whole log as tiles that anybody can verify offline, or chosen records as a table.

        An interrupted export goes on where it was when it is asked for again.

        Args:
            directory: new, empty, or an earlier export of the same, which is brought up to date.
            form: ``"tiles"`` proves that nothing is missing and takes no choice but ``since``,
                for its readable lines; the others take any.
            since: the first instant.
            until: the first instant that no longer counts.
            principal: a name, or the pseudonym that the log has for it.
            purpose: why.
            subject: the app's own id of a person; of others in her records only the number is
                told.
            decision: refusals, or all that is none.
            role: one of the roles acted in.
            action: what was done.
            kind: the kind of record.
            progress: is called with the number of records gone through, and of how many.

        Returns:
            ``directory``, ``size``, ``root``, ``records`` and, of tiles, ``sets``; of a table,
            ``file``.

        Raises:
            InvalidInput: the directory holds something else (``export.foreign``), or tiles were
                asked for with a choice (``export.whole``).
            MissingExtra: Parquet, and pyarrow is not installed.
        """
        target = check_path(directory, "the export", "export.path")
        if form not in {"tiles", "jsonl", "csv", "parquet"}:
            raise InvalidInput(
                "this form of an export is unknown",
                remedy="Use tiles, jsonl, csv or parquet.",
                reason="export.form",
            )
        sno = None
        if subject is not None:
            sno = answering.known(self._parts, self._caller, subject, ACCOUNTABILITY, "export")
        selection = choosing.chosen(
            self._parts, since=since, until=until, principal=principal, subject=sno,
            decision=decision, purpose=purpose, role=role, action=action, kind=kind,
        )  # fmt: skip
        return evidence.export_log(self._parts, self._caller, target, form, selection, progress)

    def prove(self, record: int, *, subject: Id | None = None) -> Proof:
        """The proof that a record stands in the log and, of a person, whether it names her.

        Args:
            record: its index.
            subject: the app's own id of a person, whose ordinal the proof then tells.

        Returns:
            ``document``, a file that anybody can check offline (``verifier.py --proof``), and
            ``member``: whether the record names the person.

        Raises:
            InvalidInput: the log has no such record (``record.unknown``).
            UnknownSubject: nobody is known under this id, or nobody any more.
        """
        check_type(record, int, "a record", "Give its index.")
        sno = None
        if subject is not None:
            sno = answering.known(self._parts, self._caller, subject, ACCOUNTABILITY, "export")
        return proving.record(self._parts, self._caller, record, sno)

    def prove_growth(self, checkpoint: bytes) -> Proof:
        """The proof that the log only grew since an earlier checkpoint.

        Args:
            checkpoint: what was kept: the file ``checkpoint`` of an export.

        Raises:
            InvalidInput: it names no record, or more than there are.
            IntegrityError: it is not this log's, or the log holds other records.
        """
        check_type(checkpoint, bytes, "a checkpoint", "Give the bytes of the file.")
        return proving.growth(self._parts, self._caller, checkpoint)

    def prove_history(self, subject: Id) -> bytes:
        """A document with every record that names a person, each with its proof.

        Whoever has an export of the whole log can recount by it that none is missing; see
        ``docs/guide/audit.md``. Of others in the same records nothing is told.
        """
        sno = answering.known(self._parts, self._caller, subject, ACCOUNTABILITY, "prove")
        return proving.history(self._parts, self._caller, sno)

    def stats(self, *, since: datetime, until: datetime | None = None) -> Stats:
        """A period in numbers: by day, purpose, kind, decision and reason.

        Args:
            since: the first instant.
            until: the first instant that no longer counts; up to now when left out.
        """
        return reviewing.stats(self._parts, self._caller, since, until)

    def principals(self, *, since: datetime, until: datetime | None = None) -> tuple[Acted, ...]:
        """Which roles acted in a period and how often, and how often they were refused.

        Names are not in the log: whoever holds the list of staff can ask for the pseudonym of a
        name (``pseudonym``); nobody can get a name out of a pseudonym.

        Args:
            since: the first instant.
            until: the first instant that no longer counts; up to now when left out.
        """
        return reviewing.principals(self._parts, self._caller, since, until)

    def pseudonym(self, principal: str) -> str:
        """What the log calls a principal of this name; the asking is recorded."""
        return evidence.pseudonym(self._parts, self._caller, principal)

    def scope(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        principal: str | None = None,
        role: str | None = None,
    ) -> Scope:
        """After an incident: what a stolen credential reached, and could have reached.

        Args:
            since: from when on it may have been in other hands.
            until: when it was taken away; up to now when left out.
            principal: whose it is, a name or the log's pseudonym; None for anybody's.
            role: one that it had; None for all that the records name.

        Raises:
            InvalidInput: neither a principal nor a role (``scope.whose``).
        """
        return reviewing.scope(self._parts, self._caller, since, until, principal, role)

    def key_scope(self, epoch: int) -> KeyScope:
        """After an incident: what whoever has the key of an epoch opens, given the stores.

        Raises:
            InvalidInput: there is no such epoch (``epoch.unknown``).
        """
        check_type(epoch, int, "an epoch", "Give its number.")
        return incidents.of_epoch(self._parts, self._caller, epoch)

    def tail(self, count: int = 10) -> list[dict[str, Any]]:
        """The newest records, oldest first, each with its ``seq``.

        Args:
            count: how many, at most 1,000.

        Raises:
            InvalidInput: the count is out of range (``tail.count``).
        """
        check_type(count, int, "a count", "Give 0 to 1000.")
        if not 0 <= count <= evidence.FOLLOWED:
            raise InvalidInput(
                "the count is out of range", remedy="Give 0 to 1000.", reason="tail.count"
            )
        found = evidence.newest(self._parts, self._caller, count)
        return [{**body, "seq": seq} for seq, body in found]

    def follow(self) -> Iterator[list[dict[str, Any]]]:
        """What is recorded from now on: each step gives what came since the one before.

        One record says that somebody follows. A step that finds nothing gives an empty list at
        once: whoever follows waits by herself.
        """
        steps = evidence.follow(self._parts, self._caller)
        return ([{**body, "seq": seq} for seq, body in found] for found in steps)

    def replay(
        self,
        candidate: str | Path | Policy,
        *,
        since: datetime,
        until: datetime | None = None,
    ) -> Replayed:
        """Recorded requests of a period under another policy: what would be decided otherwise.

        Args:
            candidate: a pack, a document's path, or a compiled policy.
            since: the first instant.
            until: the first instant that no longer counts; up to now when left out.
        """
        return reviewing.replayed(self._parts, self._caller, candidate, since, until)

    def unused(self, days: int) -> Unused:
        """Permits of the policy, and fields of them, that no request used in so many days."""
        return reviewing.not_used(self._parts, self._caller, days)

    def emergencies(self) -> list[Emergency]:
        """Every emergency that was ever asked for, oldest first, with its reason."""
        return emergencies.everything(self._parts, self._caller)

    @property
    def verifier_key(self) -> str:
        """The public key that checkpoints and certificates are signed with."""
        return self._parts.log.vkey
