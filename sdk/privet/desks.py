"""The desks of a principal: consent, rights, emergencies, administration; each has one purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privet.clock import micros
from privet.gate import emergencies, grounds, objections, sharding
from privet.gate.activation import Stored, stored
from privet.gate.emergencies import Emergency
from privet.gate.forget import settle
from privet.gate.objections import Objection
from privet.gate.parts import Caller, Parts
from privet.gate.planning import PlanLine
from privet.gate.policies import Activation
from privet.gate.register import Erasure
from privet.gate.renewal import Renewal
from privet.gate.resealing import Cost
from privet.gate.wishes import Wish
from privet.ingest import Receipt
from privet.rights import access as disclosure
from privet.rights import activating, answering, objecting
from privet.rights import desk as rights
from privet.rights import notices as telling
from privet.rights.answering import ConsentReceipt
from privet.types import (
    CONSENT,
    RIGHTS,
    Action,
    Id,
    check_list,
    check_path,
    check_subject,
    check_type,
)

if TYPE_CHECKING:
    import pandas as pd

    from privet.audit.shards import Shard
    from privet.policy import Policy
    from privet.policy.approval import Approval


class ConsentDesk:
    """Grounds, changed on behalf of subjects, with channel and evidence."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def begin(self, subject: Id, purpose: str, *, reference: str = "") -> Receipt:
        """Begin a contract: the ground of a purpose that rests on one. Art. 6(1)(b)."""
        return self._change(subject, purpose, "begun", {"reference": reference})

    def end(self, subject: Id, purpose: str, *, reference: str = "") -> Receipt:
        """End a contract."""
        return self._change(subject, purpose, "ended", {"reference": reference})

    def on_behalf(
        self,
        subject: Id,
        answers: Mapping[str, bool],
        *,
        notice: str,
        channel: str,
        evidence: str,
        at: datetime | None = None,
        actor: Literal["desk", "parent", "agent"] = "desk",
        age: int | None = None,
        country: str = "",
        language: str = "",
    ) -> ConsentReceipt:
        """Record answers that the person gave elsewhere, with how it can be shown. Art. 7(1).

        Args:
            subject: the app's own id of the person.
            answers: purpose to yes or no.
            notice: hash or label of the notice that she saw, live when she answered; a code
                of the host's own where none was kept here then.
            channel: where she answered, such as ``"letter"``.
            evidence: how it can be shown.
            at: when she answered; now when left out.
            actor: who answered: she, and the desk writes it down; for a child, who holds
                parental responsibility (Art. 8); an agent whom she authorised.
            age: her age in years, as far as the app knows it.
            country: whose law protects her, an ISO 3166 code; the strictest where unknown.
            language: of what she saw, where the host keeps the text itself.

        Returns:
            With ``document``, the signed receipt: give it to her.
        """
        answering.behalf(actor, evidence)
        said = {"channel": channel, "evidence": evidence, "actor": actor}
        spoken = answering.spoken(self._parts, notice, language)
        proof = answering.proof(notice, country, **said, **spoken)
        return answering.answer(self._parts, self._caller, subject, answers, proof, at, age=age)

    def load(
        self,
        frame: pd.DataFrame,
        *,
        notice: str,
        channel: str,
        evidence: str,
        source: str = "",
        country: str = "",
    ) -> int:
        """Record many answers kept elsewhere, in the order of their times.

        Each entry says that it was imported. Its time is only claimed: a permission that is
        not newer than a refusal, or that comes after an objection, is recorded and has no
        effect.

        Args:
            frame: columns ``subject``, ``purpose``, ``kind`` (``yes``, ``no``,
                ``withdrawn``, ``begun``, ``ended``, ``objected``, ``opted-out``,
                ``opted-in``) and ``at`` (aware), perhaps ``event_id``; a row that is
                recorded already changes nothing. Rows of erased people are passed over.
            notice: the notice that the answers refer to.
            channel: where they were given.
            evidence: how they can be shown; refused unless stated.
            source: which system or file they are from.
            country: whose law protects these people, an ISO 3166 code.

        Returns:
            The number of changes recorded.

        Raises:
            InvalidInput: rows contradict each other (``import.contradiction``), a time is in
                the future (``time.future``), or every row is recorded already
                (``import.repeated``). Nothing was recorded.
        """
        answering.behalf("desk", evidence)
        details = {"channel": channel, "evidence": evidence, "source": source, "actor": "desk"}
        proof = answering.proof(notice, country, **details)
        return rights.load_answers(self._parts, self._caller, frame, proof)

    def withdraw(
        self,
        subject: Id,
        *purposes: str,
        evidence: str,
        channel: str = "",
        actor: Literal["desk", "parent", "agent"] = "desk",
    ) -> ConsentReceipt:
        """Record a withdrawal that reached a desk; it holds from the next read.

        Args:
            subject: the app's own id of the person.
            *purposes: what is withdrawn from.
            evidence: how it can be shown.
            channel: where she withdrew, such as ``"letter"``.
            actor: who did: she, her parent, or an agent whom she authorised.
        """
        answering.behalf(actor, evidence)
        parts = self._parts
        proof = answering.proof(evidence=evidence, channel=channel, actor=actor)
        for purpose in purposes:
            grounds.check(parts, answering.withdrawal(parts, purpose))
        sno = answering.known(parts, self._caller, subject, CONSENT, "withdraw")
        return answering.withdraw(parts, self._caller, sno, purposes, proof)

    def opt_out(
        self,
        subject: Id,
        *purposes: str,
        channel: str,
        evidence: str,
        actor: Literal["desk", "parent", "agent"] = "desk",
        country: str = "",
    ) -> ConsentReceipt:
        """Record that somebody opted out in another way; it holds from the next read.

        Args:
            subject: the app's own id of the person.
            *purposes: purposes whose basis is ``opt-out``.
            channel: where she did, such as ``"letter"``.
            evidence: how it can be shown; for an agent, her signed permission.
            actor: who did: she, her parent, or an agent whom she authorised (Cal. Civ.
                Code 1798.135(e)).
            country: whose law protects her, an ISO 3166 code, where it is known.
        """
        answering.behalf(actor, evidence)
        proof = answering.proof("", country, channel=channel, evidence=evidence, actor=actor)
        return answering.opt_out(self._parts, self._caller, subject, purposes, proof)

    def renewals(self, *purposes: str, within: timedelta = timedelta(days=30)) -> list[Renewal]:
        """How many must be asked again, and when their consents lapse; counts alone.

        Args:
            *purposes: purposes that rest on consent; all of them when left out.
            within: look so far ahead.

        Raises:
            AccessDenied: no permit to read under ``privet:consent``.
        """
        return rights.renewals(self._parts, self._caller, purposes, within)

    def to_ask(self, purpose: str, *, within: timedelta = timedelta(days=30)) -> list[Id]:
        """Who must be asked again for one purpose: the app's own ids.

        Raises:
            AccessDenied: no permit to export under ``privet:rights``: a list leaves privet.
        """
        return rights.to_ask(self._parts, self._caller, purpose, within)

    def object(
        self,
        subject: Id,
        purpose: str,
        *,
        channel: str,
        evidence: str,
        reason: str = "",
        actor: Literal["desk", "parent", "agent"] = "desk",
    ) -> Receipt:
        """Record an objection that reached a desk; it suspends the purpose at once. Art. 21."""
        answering.behalf(actor, evidence)
        proof = answering.proof(channel=channel, evidence=evidence, reason=reason, actor=actor)
        return objecting.object_to(self._parts, self._caller, subject, purpose, proof)

    def objections(self) -> list[Objection]:
        """The objections that wait for a decision, the oldest first, with their due dates.

        Not those to direct marketing, nor to what rests on consent: there is nothing to
        weigh, the person is out.

        Raises:
            AccessDenied: no permit to restrict under ``privet:consent``, which is to decide.
        """
        return objections.waiting(self._parts, self._caller)

    def uphold(self, subject: Id, purpose: str, *, reason: str) -> Receipt:
        """Uphold an objection: the purpose stays off for her, its own data is destroyed.

        Art. 21(1), 17(1)(c). The reason is kept as evidence, sealed.

        Raises:
            InvalidInput: no reason, or no objection that waits.
        """
        return objecting.decided(self._parts, self._caller, subject, purpose, "upheld", reason)

    def overrule(self, subject: Id, purpose: str, *, reason: str) -> Receipt:
        """Overrule an objection on compelling grounds; the purpose is back as it was. Art. 21(1).

        Raises:
            InvalidInput: no reason, no objection that waits, or it is absolute: against
                direct marketing (Art. 21(3)) or what rests on consent.
        """
        return objecting.decided(self._parts, self._caller, subject, purpose, "overruled", reason)

    def restrict(self, subject: Id, *, reason: str) -> Receipt:
        """Restrict all processing of one person's data; models go on without her. Art. 18."""
        return self._change(subject, "*", "restricted", {"reason": reason})

    def lift(self, subject: Id, *, reason: str) -> Receipt:
        """Lift a restriction. Art. 18(3)."""
        return self._change(subject, "*", "lifted", {"reason": reason})

    def eligible(self, subjects: Sequence[Id], purpose: str) -> dict[Id, bool]:
        """Whether a purpose may be pursued now, for each of many people."""
        return rights.eligible(self._parts, self._caller, subjects, purpose)

    def state(
        self, subject: Id, purpose: str | None = None, *, at: datetime | None = None
    ) -> dict[str, str]:
        """Where each purpose stands for one person, or one of them.

        Args:
            subject: the app's own id of the person.
            purpose: a purpose of the policy; all of them when left out.
            at: a past instant, told from the log as it was then; now when left out.

        Raises:
            InvalidInput: an instant in the future, or a naive one.
        """
        sno = answering.known(self._parts, self._caller, subject, CONSENT, "read")
        return rights.state(self._parts, self._caller, sno, purpose, at)

    def _change(self, subject: Id, purpose: str, kind: str, details: dict[str, str]) -> Receipt:
        wish, proof = Wish(purpose, kind), answering.proof(**details, actor="desk")
        sno = answering.enrolled(self._parts, self._caller, subject, [wish])
        done = grounds.change(self._parts, self._caller, [(sno, wish)], proof)
        over = {"ended": [purpose], "restricted": list(self._parts.policy.purposes)}
        for ended in over.get(kind, ()):  # models go on without her
            settle(self._parts, self._caller, sno, ended)
        return answering.receipt(done.seqs)


class RightsDesk:
    """Requests of subjects, worked on by a desk. GDPR Art. 12 to 22."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def plan(self, subject: Id) -> list[PlanLine]:
        """A dry run of an erasure: what goes, what is held, by which law, until when."""
        return rights.plan(self._parts, self._caller, self._about(subject, "erase"))

    def erase(self, subject: Id, *, request: str = "") -> Erasure:
        """Erase one person everywhere, models included. Art. 17.

        Args:
            subject: the app's own id of the person.
            request: the host's own number of the request; kept as a keyed hash.
        """
        sno = self._about(subject, "erase")
        return rights.erase(self._parts, self._caller, [sno], request)[0]

    def erase_many(self, subjects: Sequence[Id], *, request: str = "") -> list[Erasure]:
        """Erase very many people, a hundred at a time, each with a certificate of her own.

        Args:
            subjects: the app's own ids of people, each known here.
            request: the host's own number of the request; kept as a keyed hash.

        Returns:
            An erasure for each, in the same order.

        Raises:
            InvalidInput: one of them is not known; nobody is erased then.
            IntegrityError: something of one of them does not open, or was left behind; those of
                the same hundred stay fenced, and ``maintenance.run`` goes on with each.
        """
        check_list(subjects, "people", "Give a list of ids.")
        snos = [self._about(subject, "erase") for subject in subjects]
        return rights.erase(self._parts, self._caller, snos, request)

    def link(self, subject: Id, handle: Id) -> Receipt:
        """Let a further id (a cookie, a login) lead to a person who is known already.

        Raises:
            InvalidInput: the id leads to somebody else.
            Erased: the id belongs to an erased person.
        """
        sno = self._about(subject, "correct")
        return rights.link(self._parts, self._caller, sno, check_subject(handle))

    def access(self, subject: Id) -> dict[str, Any]:
        """All that is kept about one person, with purposes, recipients and reads. Art. 15."""
        return disclosure.everything(self._parts, self._caller, self._about(subject, "read"))

    def export(self, subject: Id, path: str | Path) -> Receipt:
        """The same as a JSON file that only the owner of this process can read. Art. 20."""
        target = check_path(path, "the export", "export.path")
        sno = self._about(subject, "export")
        return disclosure.export(self._parts, self._caller, sno, target)

    def _about(self, subject: Id, action: Action) -> int:
        return answering.known(self._parts, self._caller, subject, RIGHTS, action)


class EmergencyDesk:
    """Permits for an emergency ("break-glass"): one person asks, another confirms."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def ask(self, permit: str, *, reason: str) -> Emergency:
        """Ask for a permit; nothing is open until somebody else confirms.

        Args:
            permit: id of a permit with `break_glass` for one of these roles.
            reason: why, in some words that name nobody; kept sealed.

        Raises:
            AccessDenied: these roles have no such permit (``emergency.permit``).
            InvalidInput: the reason cannot be kept (``emergency.reason``).
        """
        return emergencies.ask(self._parts, self._caller, permit, reason)

    def confirm(self, number: int) -> Emergency:
        """Confirm what somebody else asked for: it opens to them, and ends by itself.

        Raises:
            AccessDenied: you asked for it, or have no role that may confirm
                (``emergency.second``).
            InvalidInput: it is over, confirmed already, or unknown.
        """
        return emergencies.confirm(self._parts, self._caller, number)

    def end(self, number: int) -> Emergency:
        """End one that is open, or refuse one that waits.

        Raises:
            AccessDenied: you neither asked for it nor may confirm it (``emergency.second``).
            InvalidInput: it is over, or unknown.
        """
        return emergencies.end(self._parts, self._caller, number)

    def list(self) -> list[Emergency]:
        """Those that you asked for or may confirm, oldest first, with their reasons."""
        return emergencies.mine(self._parts, self._caller)


class AdminDesk:
    """What is not personal: the catalogue, the policy."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def load_items(
        self,
        rows: pd.DataFrame | Sequence[Mapping[str, str]],
        *,
        columns: Mapping[str, str] | None = None,
    ) -> int:
        """Add items to the catalogue or replace their texts.

        Args:
            rows: a frame or plain mappings, one per item.
            columns: source column to ``"item"`` or a catalogue field; names that are
                already right may be left out.

        Returns:
            The number of items that were not known before.
        """
        return rights.load_items(self._parts, self._caller, rows, columns)

    def add_notice(self, document: str | Path) -> Receipt:
        """Add one text of one version of a notice; the same again changes nothing.

        Args:
            document: the document's path, or the document itself as text.

        Raises:
            PolicyError: it cannot be accepted (``notice.invalid``), or the policy permits
                more than it tells (``notice.untold``); ``problems`` says what and where.
            InvalidInput: its version exists with another text (``notice.version``).
        """
        return telling.add(self._parts, self._caller, document)

    def activate(
        self,
        policy: str | Path | Policy,
        *,
        approvals: Sequence[Approval | str | Path] = (),
        loosens: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> str:
        """Make another policy the active one; open the deployment again to use it.

        What it keeps apart and was sealed together is re-sealed first, under the policy in
        force. If that is broken off, the policy in force holds; activate again to go on.

        Args:
            policy: a pack, a document's path, a compiled policy, or ``"home:HASH"`` for one
                that was active here before.
            approvals: signatures, or their files, as the policy in force asks for them.
            loosens: activate it though restrictions are gone and its documents do not mark
                their end.
            progress: is called with the number of people re-sealed, and of how many.

        Returns:
            The hash of the policy that is active now.

        Raises:
            AccessDenied: no permit for ``privet:administration``, or too few approved of it.
            PolicyError: it cannot be accepted, or may have been cut short (``policy.cut``).
            StoreUnavailable: another policy is being activated (``policy.busy``).
        """
        return activating.activate(
            self._parts, self._caller, policy, approvals, loosens=loosens, progress=progress
        )

    def cost(self, policy: str | Path | Policy) -> Cost:
        """What would have to be re-sealed before a policy can be activated; only numbers."""
        return activating.cost(self._parts, self._caller, policy)

    def history(self) -> list[Activation]:
        """Every activation of a policy in this home, oldest first, and who approved of it."""
        return activating.history(self._parts, self._caller)

    def shards(self) -> list[Shard]:
        """Closed ranges of the audit log, the oldest first, and whether their bodies are gone."""
        return sharding.listed(self._parts, self._caller)

    def seal_shard(self, *, before: datetime) -> Shard:
        """Close what of the audit log is older than an instant, so that it can be dropped.

        Raises:
            InvalidInput: too little is old enough (``shard.empty``).
        """
        return sharding.seal(self._parts, self._caller, micros(before))

    def drop_shard(
        self,
        number: int,
        export: str | Path,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Shard:
        """Drop the bodies of a shard, once an export that has them all is verified.

        The tree stays, and with it every proof; so does what state is rebuilt from. See
        ``docs/guide/audit.md``.

        Args:
            number: of the shard.
            export: a directory with an export of the whole log.
            progress: is called with the number of records gone through, and of how many.

        Raises:
            AccessDenied: the policy keeps the records for longer (``shard.kept``).
            InvalidInput: there is no such shard (``shard.unknown``), or its bodies are gone
                already (``shard.gone``).
            IntegrityError: the export is not enough (``shard.export``).
        """
        check_type(number, int, "a shard", "Give its number.")
        directory = check_path(export, "the export", "export.path")
        told = progress or (lambda _done, _of: None)
        return sharding.drop(self._parts, self._caller, number, directory, told)

    @property
    def place(self) -> str:
        """What an approval of the next policy must be for: see ``privet.policy.sign``."""
        return activating.place(self._parts, self._caller)

    def stored(self) -> tuple[Stored, ...]:
        """How much is stored of what, by layout and domain; only numbers."""
        return stored(self._parts, self._caller)
