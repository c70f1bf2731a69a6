"""Who asks, and why: the only doors to personal data.

A ``Principal`` is someone the host vouches for; with a purpose she becomes an
``Access``, the only place where personal data is read and written. Consent, rights,
audit and administration are desks of a principal, each under its built-in purpose.
A ``Subject`` is the person herself, proved by the host; she sees only herself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.clock import micros
from privet.errors import AccessDenied, InvalidInput, UnknownSubject
from privet.features import cohort
from privet.gate import artifact, grounds
from privet.gate.forget import Erasure, PlanLine, settle
from privet.gate.grounds import Proof, Wish
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.ingest import LoadReport, Receipt, describe, load, record
from privet.ingest.rows import check_subject
from privet.recommend import training
from privet.recommend.base import Recommender
from privet.recommend.serving import Picks, Request, recommend
from privet.rights import access as disclosure
from privet.rights import desk as rights
from privet.types import ACCOUNTABILITY, CONSENT, RIGHTS, SELF_ROLE, Action, check_text

if TYPE_CHECKING:
    import pandas as pd

Id = str | int
MAX_NOTE = 4096


class Principal:
    """Someone who acts, with roles: made once per process by ``Deployment.principal``."""

    def __init__(self, parts: Parts, name: str, roles: Iterable[str]) -> None:
        check_text(name, "a principal's name")
        self._parts = parts
        self._caller = Caller(parts.pseudonym(name), parts.policy.check_roles(roles))

    def purpose(self, name: str) -> Access:
        """This principal acting for one purpose.

        Raises:
            AccessDenied: the purpose is unknown, or no permit of these roles names it.
        """
        self._parts.policy.check_purpose(name)
        permits = self._parts.policy.permits.values()
        if not any(p.purpose == name and p.role in self._caller.roles for p in permits):
            raise AccessDenied(
                f"these roles may do nothing for {name!r}",
                why="no permit names one of them with this purpose",
                reason="purpose.not-permitted",
            )
        return Access(self._parts, self._caller, name)

    @property
    def consent(self) -> ConsentDesk:
        """Grounds, on behalf of subjects; purpose ``privet:consent``."""
        return ConsentDesk(self._parts, self._caller)

    @property
    def rights(self) -> RightsDesk:
        """Requests of subjects; purpose ``privet:rights``."""
        return RightsDesk(self._parts, self._caller)

    @property
    def audit(self) -> AuditDesk:
        """The log; purpose ``privet:accountability``."""
        return AuditDesk(self._parts, self._caller)

    @property
    def admin(self) -> AdminDesk:
        """The catalogue and the policy; purpose ``privet:administration``."""
        return AdminDesk(self._parts, self._caller)

    def __repr__(self) -> str:
        return f"Principal(roles={sorted(self._caller.roles)})"


class Access:
    """A principal with a purpose."""

    def __init__(self, parts: Parts, caller: Caller, purpose: str) -> None:
        self._parts = parts
        self._caller = caller
        self._purpose = purpose

    def record(
        self, subject: Id, event: str, *, at: datetime | None = None, **fields: object
    ) -> Receipt:
        """Seal one event; the same event again changes nothing.

        Args:
            subject: the app's own id of the person.
            event: an event of the data document.
            at: when it happened, aware; now when left out.
            **fields: the event's fields.

        Raises:
            AccessDenied: no permit to collect these fields for this purpose.
            ConsentMissing: the person has no ground for it.
            InvalidInput: unknown event or field, or a value of another type.
        """
        return record(self._parts, self._caller, self._purpose, subject, event, at, fields)

    def describe(self, subject: Id, **profile: object) -> Receipt:
        """Seal or correct fields of a profile; fields not named stay as they are.

        Raises:
            AccessDenied, ConsentMissing, InvalidInput: as ``record``.
        """
        return describe(self._parts, self._caller, self._purpose, subject, profile)

    def load(
        self,
        event: str,
        frame: pd.DataFrame,
        *,
        columns: Mapping[str, str],
        progress: Callable[[int], None] | None = None,
    ) -> LoadReport:
        """Seal the rows of a frame; see ``privet.ingest.load``."""
        return load(self._parts, self._caller, self._purpose, event, frame, columns, progress)

    def profile(self, subject: Id, *fields: str) -> Mapping[str, object]:
        """Named fields of one profile, minimized as the policy says.

        Args:
            subject: the app's own id of the person.
            *fields: bare names, such as ``"age"``.

        Raises:
            AccessDenied: no permit to read these fields for this purpose.
            ConsentMissing: no ground covers the purpose.
            UnknownSubject: nobody is known under this id.
        """
        if not fields:
            raise InvalidInput(
                "no field was named",
                remedy="Name the fields of the profile that are needed.",
                reason="field.unknown",
            )
        wanted = [f"profile.{name}" for name in fields]
        sno = _known(self._parts, self._caller, subject, self._purpose, "read", wanted)
        return disclosure.profile(self._parts, self._caller, self._purpose, sno, wanted)

    def features(
        self, names: Sequence[str], *, subjects: Sequence[Id] | None = None
    ) -> pd.DataFrame:
        """Feature columns of those who have a ground, one row each.

        Args:
            names: features; see ``docs/guide/features.md``.
            subjects: ids; the index of the result. None for everybody eligible, under
                opaque ordinals that mean nothing outside of this call.

        Raises:
            AccessDenied: no permit to derive from the fields that these features need.
        """
        return cohort.features(self._parts, self._caller, self._purpose, names, subjects)

    def recommend(
        self,
        subject: Id,
        k: int = 10,
        *,
        model: str | None = None,
        among: Sequence[str] | None = None,
        unseen: bool = False,
        at: datetime | None = None,
    ) -> Picks:
        """The best ``k`` entries for one person; never raises for a missing ground.

        Args:
            subject: the app's own id of the person.
            k: how many, 1 to 1000.
            model: a model's name; the purpose's last served one when left out.
            among: only these entries.
            unseen: leave out what she had already.
            at: as of this instant.

        Returns:
            Picks: non-personal, and saying why, where she has no ground.

        Raises:
            AccessDenied: no permit to recommend for this purpose.
        """
        check_subject(subject)
        return self._recommend([subject], k, model, among, unseen, at)[subject]

    def recommend_many(
        self,
        subjects: Sequence[Id],
        k: int = 10,
        *,
        model: str | None = None,
        among: Sequence[str] | None = None,
        unseen: bool = False,
        at: datetime | None = None,
    ) -> dict[Id, Picks]:
        """The same for many people at once, under one audit record."""
        for subject in subjects:
            check_subject(subject)
        return self._recommend(list(dict.fromkeys(subjects)), k, model, among, unseen, at)

    @property
    def models(self) -> Models:
        """The purpose's models: train → evaluate → serve, each by its own permit."""
        return Models(self._parts, self._caller, self._purpose)

    def _recommend(
        self,
        subjects: list[Id],
        k: int,
        model: str | None,
        among: Sequence[str] | None,
        unseen: bool,
        at: datetime | None,
    ) -> dict[Id, Picks]:
        if isinstance(among, str):
            raise InvalidInput(
                "among is one text", remedy="Give a list of entries.", reason="among.type"
            )
        asked = Request(
            k=k,
            model=model,
            among=None if among is None else tuple(among),
            unseen=unseen,
            until=None if at is None else micros(at),
        )
        return recommend(self._parts, self._caller, self._purpose, subjects, asked)

    def __repr__(self) -> str:
        return f"Access(purpose={self._purpose!r}, roles={sorted(self._caller.roles)})"


class Models:
    """Models of one purpose."""

    def __init__(self, parts: Parts, caller: Caller, purpose: str) -> None:
        self._parts = parts
        self._caller = caller
        self._purpose = purpose

    def train(
        self, name: str, spec: Recommender, *, until: datetime | None = None
    ) -> artifact.Version:
        """Train on everybody who has a ground now; see ``privet.recommend.training.train``."""
        check_text(name, "a model's name", 64)
        cut = None if until is None else micros(until)
        return training.train(self._parts, self._caller, self._purpose, name, spec, cut)

    def evaluate(self, version: artifact.Version, *, cut: datetime) -> training.Evaluation:
        """Compare a version's lists as of ``cut`` with what people really had after it.

        Raises:
            InvalidInput: the version has seen events after the cut.
        """
        return training.evaluate(self._parts, self._caller, self._purpose, version, micros(cut))

    def serve(self, version: artifact.Version) -> None:
        """Put a version live: every worker serves it from its next read on."""
        training.serve(self._parts, self._caller, self._purpose, version)

    def list(self) -> list[artifact.Version]:
        """All versions of this purpose's models, oldest first."""
        return artifact.versions(self._parts, self._purpose)


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
    ) -> Receipt:
        """Record answers that the person gave elsewhere, with how it can be shown. Art. 7(1)."""
        proof = _proof(notice, channel=channel, evidence=evidence)
        return _answer(self._parts, self._caller, subject, answers, proof, at)

    def load(self, frame: pd.DataFrame, *, notice: str, channel: str, evidence: str) -> int:
        """Record many answers kept elsewhere, in the order of the frame.

        Args:
            frame: columns ``subject``, ``purpose``, ``kind`` (``yes``, ``no``,
                ``withdrawn``, ``begun``, ``ended``, ``objected``) and ``at`` (aware);
                ``event_id``, where there is one, makes a repeat change nothing. Rows
                of erased people are passed over.
            notice: the notice that the answers refer to.
            channel: where they were given.
            evidence: how they can be shown.

        Returns:
            The number of changes recorded; repeats change nothing.
        """
        return rights.load_answers(
            self._parts,
            self._caller,
            frame,
            _proof(notice, channel=channel, evidence=evidence),
        )

    def withdraw(self, subject: Id, *purposes: str, evidence: str) -> Receipt:
        """Record a withdrawal that reached a desk; it holds from the next read."""
        parts, proof = self._parts, _proof(evidence=evidence)
        for purpose in purposes:
            grounds.check(parts, Wish(purpose, "withdrawn"))
        sno = _known(parts, self._caller, subject, CONSENT, "withdraw")
        return _withdraw(parts, self._caller, sno, purposes, proof)

    def restrict(self, subject: Id, *, reason: str) -> Receipt:
        """Restrict all processing of one person's data; models go on without her. Art. 18."""
        return self._change(subject, "*", "restricted", {"reason": reason})

    def lift(self, subject: Id, *, reason: str) -> Receipt:
        """Lift a restriction. Art. 18(3)."""
        return self._change(subject, "*", "lifted", {"reason": reason})

    def eligible(self, subjects: Sequence[Id], purpose: str) -> dict[Id, bool]:
        """Whether a purpose may be pursued now, for each of many people."""
        return rights.eligible(self._parts, self._caller, subjects, purpose)

    def state(self, subject: Id) -> dict[str, str]:
        """Where each purpose stands for one person now."""
        sno = _known(self._parts, self._caller, subject, CONSENT, "read")
        return rights.state(self._parts, sno)

    def _change(self, subject: Id, purpose: str, kind: str, details: dict[str, str]) -> Receipt:
        wish, proof = Wish(purpose, kind), _proof(**details)
        sno = _enrolled(self._parts, self._caller, subject, [wish])
        seqs = grounds.change(self._parts, self._caller, [(sno, wish)], proof)
        over = {"ended": [purpose], "restricted": list(self._parts.policy.purposes)}
        for ended in over.get(kind, ()):  # models go on without her
            settle(self._parts, self._caller, sno, ended)
        return _receipt(seqs)


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
        return rights.erase(self._parts, self._caller, sno, request)

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
        sno = self._about(subject, "export")
        return disclosure.export(self._parts, self._caller, sno, Path(path))

    def _about(self, subject: Id, action: Action) -> int:
        return _known(self._parts, self._caller, subject, RIGHTS, action)


class AuditDesk:
    """The log, for those who answer for it. GDPR Art. 5(2), 30."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def history(self, subject: Id) -> list[dict[str, Any]]:
        """Every record that one person's data is in, oldest first."""
        sno = _known(self._parts, self._caller, subject, ACCOUNTABILITY, "prove")
        return rights.history(self._parts, self._caller, sno)

    def export(self, directory: str | Path) -> Any:
        """The whole log as a directory that anybody can verify offline."""
        return rights.export_log(self._parts, self._caller, Path(directory))

    @property
    def verifier_key(self) -> str:
        """The public key that checkpoints and certificates are signed with."""
        return self._parts.log.vkey


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

    def activate(self, policy: str | Path) -> str:
        """Make another policy the active one; open the deployment again to use it.

        Returns:
            The hash of the policy that is active now.
        """
        return rights.activate(self._parts, self._caller, policy)


class Subject:
    """The person herself, proved by the host."""

    def __init__(self, parts: Parts, subject: Id, proof: str) -> None:
        check_text(proof, "a proof of identity")
        self._parts = parts
        self._id = check_subject(subject)

    @property
    def consent(self) -> OwnConsent:
        """Her answers."""
        return OwnConsent(self._parts, self._id)

    @property
    def rights(self) -> OwnRights:
        """Her rights."""
        return OwnRights(self._parts, self._id)

    def __repr__(self) -> str:
        return "Subject(<herself>)"


class OwnConsent:
    """What she answers, herself. GDPR Art. 7, 21."""

    def __init__(self, parts: Parts, subject: Id) -> None:
        self._parts = parts
        self._id = subject

    def ask(self, purposes: Sequence[str]) -> list[dict[str, Any]]:
        """What to ask her, as data for any user interface.

        Returns:
            For each purpose its name, text, ground, and the position to send back as ``seen``.
        """
        return rights.form(self._parts, purposes)

    def answer(
        self,
        answers: Mapping[str, bool],
        *,
        notice: str,
        how: str,
        event_id: str = "",
        seen: int = -1,
    ) -> Receipt:
        """Record her answers, a 'no' as well as a 'yes'.

        Args:
            answers: purpose to yes or no.
            notice: the version of the text that she saw.
            how: where she answered, such as ``"web-banner"``.
            event_id: the client's own id of this answer: a repeat changes nothing.
            seen: the position that ``ask`` gave: a delayed 'yes' is refused.

        Raises:
            StaleAnswer: she answered before her last withdrawal and it arrives after it.
        """
        proof = _proof(notice, channel=how, actor="self")
        return _answer(self._parts, _self_caller(), self._id, answers, proof, None, event_id, seen)

    def withdraw(self, *purposes: str) -> Receipt:
        """Withdraw: as easy as to give (Art. 7(3)); holds from the next read, models follow."""
        for purpose in purposes:
            grounds.check(self._parts, Wish(purpose, "withdrawn"))
        return _withdraw(self._parts, _self_caller(), self._sno(), purposes, Proof())

    def object(self, purpose: str) -> Receipt:
        """Object to a purpose that rests on a legitimate interest. Art. 21."""
        parts, caller, wish = self._parts, _self_caller(), Wish(purpose, "objected")
        sno = _enrolled(parts, caller, self._id, [wish])
        seqs = grounds.change(parts, caller, [(sno, wish)], Proof())
        settle(parts, caller, sno, purpose)
        return _receipt(seqs)

    def state(self) -> dict[str, str]:
        """Where each purpose stands for her now."""
        sno = self._parts.subjects.find([self._id])[0]
        decide(self._parts, _self_caller(sno), CONSENT, "read", (), about=_one(sno))
        return rights.state(self._parts, -1 if sno is None else sno)

    def _sno(self) -> int:
        return _known(self._parts, _self_caller(), self._id, CONSENT, "withdraw")


class OwnRights:
    """What she may have done with her data, herself."""

    def __init__(self, parts: Parts, subject: Id) -> None:
        self._parts = parts
        self._id = subject

    def plan(self) -> list[PlanLine]:
        """What an erasure would destroy and what a law would hold."""
        sno, caller = self._herself("erase")
        return rights.plan(self._parts, caller, sno)

    def erase(self) -> Erasure:
        """Erase everything about her that no law holds, models included. Art. 17."""
        sno, caller = self._herself("erase")
        return rights.erase(self._parts, caller, sno, "")

    def access(self) -> dict[str, Any]:
        """All that is kept about her. Art. 15."""
        sno, caller = self._herself("read")
        return disclosure.everything(self._parts, caller, sno)

    def export(self, path: str | Path) -> Receipt:
        """The same as a file. Art. 20."""
        sno, caller = self._herself("export")
        return disclosure.export(self._parts, caller, sno, Path(path))

    def _herself(self, action: Action) -> tuple[int, Caller]:
        sno = _known(self._parts, _self_caller(), self._id, RIGHTS, action)
        return sno, _self_caller(sno)


def _self_caller(own: int | None = None) -> Caller:
    return Caller("self", frozenset({SELF_ROLE}), own)


def _one(sno: int | None) -> tuple[int, ...]:
    return () if sno is None else (sno,)


def _known(
    parts: Parts,
    caller: Caller,
    subject: Id,
    purpose: str,
    action: Action,
    fields: Iterable[str] = (),
) -> int:
    """A person's ordinal; the decision comes first, or a refusal would tell who is known here.

    Raises:
        AccessDenied: this caller may not do this at all (recorded, with the person).
        UnknownSubject: nobody is known under this id.
    """
    sno = parts.subjects.find([check_subject(subject)])[0]
    decide(parts, caller, purpose, action, fields, about=_one(sno))
    if sno is None:
        raise UnknownSubject("nobody is known under this id")
    return sno


def _enrolled(parts: Parts, caller: Caller, subject: Id, wishes: Sequence[Wish]) -> int:
    """A person's ordinal, a new one where needed: after all that could be refused was checked."""
    for wish in wishes:
        grounds.check(parts, wish)
    external = check_subject(subject)
    about = _one(parts.subjects.find([external])[0])
    for action in sorted({grounds.ACTION_OF[wish.kind] for wish in wishes}):
        decide(parts, caller, CONSENT, action, (), about=about)
    return grounds.enrol(parts, caller, [external], back=SELF_ROLE in caller.roles)[0]


def _answer(
    parts: Parts,
    caller: Caller,
    subject: Id,
    answers: Mapping[str, bool],
    proof: Proof,
    at: datetime | None,
    event_id: str = "",
    seen: int = -1,
) -> Receipt:
    if not answers or not all(isinstance(v, bool) for v in answers.values()):
        raise InvalidInput("answers are purposes with True or False", reason="consent.answer")
    when = None if at is None else micros(at)
    wishes = [
        Wish(
            purpose,
            "yes" if yes else "no",
            when,
            f"{check_text(event_id, 'an event id')}:{purpose}" if event_id else "",
            seen,
        )
        for purpose, yes in answers.items()
    ]
    sno = _enrolled(parts, caller, subject, wishes)
    seqs = grounds.change(parts, caller, [(sno, wish) for wish in wishes], proof)
    for wish in wishes:
        if wish.kind == "no":
            settle(parts, caller, sno, wish.purpose)
    return _receipt(seqs)


def _withdraw(
    parts: Parts, caller: Caller, sno: int, purposes: Sequence[str], proof: Proof
) -> Receipt:
    if not purposes:
        raise InvalidInput("no purpose was named to withdraw from", reason="consent.answer")
    wishes = [(sno, Wish(purpose, "withdrawn")) for purpose in purposes]
    seqs = grounds.change(parts, caller, wishes, proof)
    for purpose in purposes:
        settle(parts, caller, sno, purpose)
    return _receipt(seqs)


def _receipt(seqs: Sequence[int]) -> Receipt:
    return Receipt(seqs[-1] if seqs else -1, bool(seqs))


def _proof(notice: str = "", **details: str) -> Proof:
    """Notice and details of a change, as text that can be sealed."""
    for text in (notice, *details.values()):
        if not _is_note(text):
            raise InvalidInput(
                "a notice, channel, evidence or reason was refused",
                remedy=f"Give text of at most {MAX_NOTE} bytes.",
                reason="consent.note",
            )
    return Proof(notice=notice, details=details)


def _is_note(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value.encode()) <= MAX_NOTE
    except UnicodeEncodeError:
        return False


__all__ = [
    "Access",
    "AdminDesk",
    "AuditDesk",
    "ConsentDesk",
    "Models",
    "OwnConsent",
    "OwnRights",
    "Principal",
    "RightsDesk",
    "Subject",
]
