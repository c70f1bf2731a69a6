"""The desk for those who answer for the processing: the audit log, read and handed on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privet.errors import InvalidInput
from privet.gate import choosing, emergencies, evidence
from privet.gate.emergencies import Emergency
from privet.gate.parts import Caller, Parts
from privet.rights import answering, reviewing
from privet.rights import desk as rights
from privet.types import ACCOUNTABILITY, Id, check_path, check_type

if TYPE_CHECKING:
    from privet.policy import Policy
    from privet.review.replay import Replayed
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
