"""What people say about grounds, recorded: by themselves, or by a desk on their behalf."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from privet.clock import micros
from privet.errors import InvalidInput, PrivetError, UnknownSubject
from privet.gate import grounds, judging, notices, receipts
from privet.gate import subject as people
from privet.gate.forget import settle
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.gate.wishes import ACTION_OF, Done, Proof, Wish
from privet.ingest import Receipt
from privet.log import get_logger
from privet.rights import growing, meaning
from privet.types import CONSENT, SELF_ROLE, Action, Id, check_subject, check_text, check_type

_log = get_logger("consent")
MAX_NOTE = 4096
PARENT = "parent"
ACTORS = ("desk", PARENT, "agent")
_COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ConsentReceipt(Receipt):
    """What an answer left behind, and what the person takes away.

    Attributes:
        document: the signed receipt as JSON-LD (ISO/IEC TS 27560, W3C DPV), to be given to
            her alone; of an answer that came again under its event id, of what was recorded
            the first time. Empty where nothing changed, or where a store failed after the
            answer was recorded. Anybody can verify it offline.
    """

    document: bytes = field(default=b"", repr=False)


def herself(own: int | None = None) -> Caller:
    """The person herself as a caller; bound to her ordinal where it is known."""
    return Caller("self", frozenset({SELF_ROLE}), own)


def one(sno: int | None) -> tuple[int, ...]:
    """The subjects of a record about one person, or about nobody known."""
    return () if sno is None else (sno,)


def known(
    parts: Parts,
    caller: Caller,
    subject: Id,
    purpose: str,
    action: Action,
    fields: Iterable[str] = (),
) -> int:
    """A person's ordinal; the decision comes first, or a refusal would tell who is known here.

    Where a rule depends on her age or place, the read that follows decides it.

    Raises:
        AccessDenied: this caller may not do this at all (recorded, with the person).
        UnknownSubject: nobody is known under this id.
    """
    sno = parts.subjects.find([check_subject(subject)])[0]
    decide(parts, caller, purpose, action, fields, about=one(sno), at_all=True)
    if sno is None:
        raise UnknownSubject("nobody is known under this id")
    return sno


def enrolled(
    parts: Parts, caller: Caller, subject: Id, wishes: Sequence[Wish], notice: str = ""
) -> int:
    """A person's ordinal, a new one where needed: after all that could be refused was checked."""
    for wish in wishes:
        grounds.check(parts, wish)
    grounds.check_texts(parts, wishes, notice)
    external = check_subject(subject)
    about = one(parts.subjects.find([external])[0])
    for action in sorted({ACTION_OF[wish.kind] for wish in wishes}):
        decide(parts, caller, CONSENT, action, (), about=about)
    return grounds.enrol(parts, caller, [external], back=SELF_ROLE in caller.roles)[0]


def answer(
    parts: Parts,
    caller: Caller,
    subject: Id,
    answers: Mapping[str, bool],
    proof: Proof,
    at: datetime | None,
    event_id: str = "",
    seen: int = -1,
    age: int | None = None,
) -> ConsentReceipt:
    """Record a person's answers; a 'no' takes her out of what rested on a 'yes'.

    Args:
        parts: the open deployment.
        caller: the person herself, or a desk on her behalf.
        subject: the app's own id of the person.
        answers: purpose to yes or no.
        proof: notice, country, and details, among them the ``actor``.
        at: when she answered; None for now.
        event_id: the client's own id of this answer.
        seen: the position that was seen.
        age: her age in years, as far as the app knows it.

    Raises:
        InvalidInput: an answer that is neither True nor False, more answers than there are
            purposes, or a position that is none.
        AccessDenied: an unknown purpose.
        StaleAnswer: an old 'yes' arrived after the last 'no'.
        AccessDenied: a child's 'yes' without her parent (``consent.child``, Art. 8).
    """
    _check_answers(parts, answers, seen)
    check_type(event_id, str, "an event id", "Give text, or leave it out.", "id.type")
    when = None if at is None else micros(at)
    parent = proof.details.get("actor") == PARENT
    wishes = [
        Wish(
            purpose,
            kind,
            when,
            f"{check_text(event_id, 'an event id')}:{purpose}" if event_id else "",
            seen,
        )
        for purpose, kind in meaning.said(parts.policy.purposes, answers, parent=parent).items()
    ]
    # An acknowledgement may have been lost: what was recorded once is not judged anew.
    before = _recorded(parts, caller, subject, wishes)
    if before is not None:
        return before
    if any(answers.values()):
        growing.check(parts, caller, subject, age, proof.jurisdiction, parent=parent)
    sno = enrolled(parts, caller, subject, wishes, proof.notice)
    done = grounds.change(parts, caller, [(sno, wish) for wish in wishes], proof)
    for wish in wishes:
        if wish.kind in {"no", "opted-out", "withdrawn"}:
            settle(parts, caller, sno, wish.purpose)
    return given(parts, done)


def _recorded(
    parts: Parts, caller: Caller, subject: Id, wishes: Sequence[Wish]
) -> ConsentReceipt | None:
    """The receipt of answers that were recorded before under the same event id; None: not yet."""
    (sno,) = parts.subjects.find([check_subject(subject)])
    if sno is None or not all(wish.event_id for wish in wishes):
        return None
    for action in sorted({ACTION_OF[wish.kind] for wish in wishes}):
        decide(parts, caller, CONSENT, action, (), about=one(sno))
    before = judging.recorded(parts, sno, wishes)
    if not before.changes:
        return None
    details = people.details_of(parts, caller, sno, before.changes[-1][1].commitment)
    again = given(parts, replace(before, details=details))
    return replace(again, new=False)


def opt_out(
    parts: Parts, caller: Caller, subject: Id, purposes: Sequence[str], proof: Proof
) -> ConsentReceipt:
    """Record that a person opts out; it holds at once, whoever and wherever she is.

    Raises:
        InvalidInput: no purpose was named, or one that nobody opts out of
            (``ground.kind``).
    """
    named = dict.fromkeys(_named(purposes), "opted-out")
    said = meaning.with_parts(parts.policy.purposes, named)
    wishes = [Wish(purpose, kind) for purpose, kind in said.items()]
    sno = enrolled(parts, caller, subject, wishes)
    done = grounds.change(parts, caller, [(sno, wish) for wish in wishes], proof)
    for wish in wishes:
        settle(parts, caller, sno, wish.purpose)
    return given(parts, done)


def _named(purposes: Sequence[str]) -> list[str]:
    if not purposes:
        raise InvalidInput("no purpose was named to withdraw from", reason="consent.answer")
    return list(dict.fromkeys(purposes))


def withdrawal(parts: Parts, purpose: str) -> Wish:
    """A withdrawal as the ledger takes it."""
    return Wish(purpose, meaning.withdrawal(parts.policy.purposes, purpose))


def _check_answers(parts: Parts, answers: object, seen: object) -> None:
    """What a browser sent back, before anything of it is looked up."""
    if (
        not isinstance(answers, Mapping)
        # Counted first: a million keys are not worth a look at each.
        or not 0 < len(answers) <= len(parts.policy.purposes)
        or not all(isinstance(value, bool) for value in answers.values())
    ):
        raise InvalidInput(
            "answers are purposes with True or False, each once", reason="consent.answer"
        )
    if type(seen) is not int:
        raise InvalidInput(
            "the position that the person saw is not a whole number",
            remedy="Send back `seen` as `ask` gave it.",
            reason="ground.seen",
        )


def withdraw(
    parts: Parts, caller: Caller, sno: int, purposes: Sequence[str], proof: Proof
) -> ConsentReceipt:
    """Record a withdrawal, and take her out of what rested on the consents. Art. 7(3)."""
    named = {name: withdrawal(parts, name).kind for name in _named(purposes)}
    said = meaning.with_parts(parts.policy.purposes, named)
    wishes = [Wish(purpose, kind) for purpose, kind in said.items()]
    done = grounds.change(parts, caller, [(sno, wish) for wish in wishes], proof)
    for wish in wishes:
        settle(parts, caller, sno, wish.purpose)
    return given(parts, done)


def given(parts: Parts, done: Done) -> ConsentReceipt:
    """The receipt that a person takes away from her answer; none where nothing changed."""
    if not done.changes:
        return ConsentReceipt(-1, new=False)
    try:
        document = receipts.build(parts, done.changes, done.details, done.known)
    except PrivetError as error:  # what she said stands already, and must not seem refused
        _log.error("receipt-failed", reason=error.reason)
        document = b""
    return ConsentReceipt(done.seqs[-1], new=True, document=document)


def receipt(seqs: Sequence[int]) -> Receipt:
    """The last record of a change; none where there was nothing to change."""
    return Receipt(seqs[-1] if seqs else -1, bool(seqs))


def proof(notice: str = "", jurisdiction: str = "", **details: str) -> Proof:
    """Notice, country and details of a change, as text that can be sealed."""
    if jurisdiction != "" and not is_country(jurisdiction):
        raise InvalidInput(
            "a country was refused",
            remedy="Give an ISO 3166 code such as DE or US-CA, or leave it out.",
            reason="consent.country",
        )
    for text in (notice, *details.values()):
        if not is_text(text, MAX_NOTE):
            raise InvalidInput(
                "a notice, channel, evidence or reason was refused",
                remedy=f"Give text of at most {MAX_NOTE} bytes.",
                reason="consent.note",
            )
    return Proof(notice=notice, jurisdiction=jurisdiction, details=details)


def told(
    parts: Parts,
    notice: str,
    shown: object,
    jurisdiction: str = "",
    language: str = "",
    **details: str,
) -> Proof:
    """The same, with the language of what the person saw and the hash of its form.

    Args:
        parts: the open deployment.
        notice: hash or label of a notice, or a code of the host's own.
        shown: SHA-256 of what her screen showed; empty: the notice's own rendered form.
        jurisdiction: whose law protects her.
        language: of a text that the host keeps itself; a notice that is kept tells its own.
        details: what else is sealed.

    Raises:
        InvalidInput: ``shown`` is no SHA-256 in hex (``consent.shown``).
    """
    made = proof(notice, jurisdiction, **details, **spoken(parts, notice, language))
    text = shown if isinstance(shown, str) else " "
    if text and HASH.fullmatch(text) is None:
        raise InvalidInput(
            "what the person's screen showed is not given as a hash",
            remedy="Give SHA-256 of the rendered form, 64 hex digits, or leave it out.",
            reason="consent.shown",
        )
    seen = text or notices.shown_by(parts, notice)
    return replace(made, details={**made.details, "shown": seen}) if seen else made


def spoken(parts: Parts, notice: str, language: str) -> dict[str, str]:
    """The language of what a person saw, as a detail; nothing where it is not known.

    A notice that is kept tells its own.
    """
    known = notices.language_of(parts, notice) or language
    return {"language": known} if known else {}


def behalf(actor: object, evidence: object) -> None:
    """Refuse an answer given for somebody by nobody in particular, or that nothing shows.

    Raises:
        InvalidInput: an unknown actor (``consent.actor``), or no evidence
            (``consent.evidence``).
    """
    if actor not in ACTORS:
        raise InvalidInput(
            "who answered for the person is unknown",
            remedy=f"Use {', '.join(ACTORS)}.",
            reason="consent.actor",
        )
    if isinstance(evidence, str) and not evidence.strip():
        raise InvalidInput(
            "an answer that was given elsewhere was refused",
            why="nothing says how it can be shown (GDPR Art. 7(1))",
            remedy="Name the evidence: a file, a recording, the import it came with.",
            reason="consent.evidence",
        )


def is_country(value: object) -> bool:
    """Whether a value is an ISO 3166 code of a country, or of a part of one."""
    return isinstance(value, str) and _COUNTRY.fullmatch(value) is not None


def is_text(value: object, limit: int) -> bool:
    """Whether a value is text that takes at most ``limit`` bytes of UTF-8."""
    try:
        return isinstance(value, str) and len(value) <= limit and len(value.encode()) <= limit
    except UnicodeEncodeError:
        return False
