"""Grounds begin and end here: a leaf in the log first, then its projection.

The log is the redo log: the audit commit is what makes a change true, and the ledger
in the data store is caught up from it, here and whenever a deployment is opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from pyroaring import BitMap

from privet import crypto
from privet.clock import DAY_US
from privet.consent import ABSOLUTE, GIVING, IMPORTED, NOTICE, Change, Told, changes_of
from privet.db import Tx
from privet.errors import AccessDenied, Erased, InvalidInput, Objected, StaleAnswer
from privet.gate import breakglass, duty
from privet.gate.answerable import Texts
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.record import WHY, decide, entry
from privet.gate.write import FOREVER
from privet.types import CONSENT, Action
from privet.vault import Rows

EVERYTHING = "*"
ANSWER_WITHIN_US = 30 * DAY_US  # Art. 12(3): one month
FOLD_AT = 500
AT_ONCE = 8192  # leaves of the log that one transaction applies
ACTION_OF: Mapping[str, Action] = {
    "yes": "answer",
    "authorised": "answer",
    "no": "answer",
    "withdrawn": "withdraw",
    "opted-out": "withdraw",
    "opted-in": "answer",
    "begun": "begin",
    "ended": "end",
    "objected": "object",
    "restricted": "restrict",
    "lifted": "restrict",
    "upheld": "restrict",
    "overruled": "restrict",
    "known": "answer",
}
"""The permit under ``privet:consent`` that each kind of change needs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One change of one ground, as asked for.

    Attributes:
        purpose: a purpose of the policy, or ``"*"`` for a restriction of everything.
        kind: see ``privet.consent.Change``.
        at: when it was said, UTC microseconds; None for now.
        event_id: the client's own id of the event: a repeat changes nothing.
        seen: position of the ledger that the person saw; -1 where unknown.
        imported: it was said elsewhere and is brought in: ``at`` is only claimed, and it
            never revives what was refused.
    """

    purpose: str
    kind: str
    at: int | None = None
    event_id: str = ""
    seen: int = -1
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What is kept of how a change came about: sealed, with a commitment in the log."""

    notice: str = ""
    jurisdiction: str = ""
    details: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What was recorded: the position and text of each change, and what they commit to.

    Attributes:
        changes: nothing for a repeat.
        details: the sealed details as JSON text; empty where there are none.
        known: every notice, as of the change.
    """

    changes: tuple[tuple[int, Change], ...] = ()
    details: str = field(default="", repr=False)
    known: tuple[Told, ...] = ()

    @property
    def seqs(self) -> list[int]:
        """The positions alone."""
        return [seq for seq, _ in self.changes]


def enrol(
    parts: Parts, caller: Caller, ids: Sequence[str | int], *, back: bool = False
) -> list[int]:
    """Ordinals of these ids; a person not known yet gets one, with a leaf of her own.

    Args:
        parts: the open deployment.
        caller: who acts.
        ids: external ids.
        back: the person herself came back: an erasure's suppression is lifted.

    Raises:
        Erased: an id is suppressed, and the person did not come back by herself.
    """
    if back:
        for external in ids:
            parts.subjects.lift(external)
    if any(parts.subjects.suppressed(ids)):  # before the others get ordinals
        raise _kept_out()
    found, _ = parts.subjects.enrol(ids)
    snos = [int(s) for s in found if s is not None]
    if len(snos) != len(ids):
        raise _kept_out()
    # Not only the new ones: a crash may have come between an ordinal and its leaf.
    unheard = _unheard(parts, snos)
    if unheard:
        _introduce(parts, caller, {s: i for s, i in zip(snos, ids, strict=True) if s in unheard})
    return snos


def _kept_out() -> Erased:
    return Erased(
        "an erased person is not taken in again",
        why="her id is suppressed since her erasure",
        reason="subject.suppressed",
    )


def _unheard(parts: Parts, snos: Sequence[int]) -> set[int]:
    """Those whose enrolment is not in the ledger."""
    come_abreast(parts)
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        return {s for s in set(snos) if parts.ledger.check(tx, _known(s, parts.now)) is not None}


def _known(sno: int, now: int) -> Change:
    return Change(sno=sno, purpose=EVERYTHING, kind="known", at=now, event_id=f"known-{sno}")


def check(parts: Parts, wish: Wish) -> None:
    """Refuse what no subject could wish for, before anybody is enrolled for it.

    Raises:
        AccessDenied: the purpose is not one of the policy's own.
        InvalidInput: the kind does not fit the purpose's basis, or it is from the future.
    """
    parts.ledger.require_fit(wish.purpose, wish.kind)
    if wish.at is not None and wish.at > parts.now:
        raise InvalidInput(
            "an answer from the future was refused",
            remedy="Send the instant at which it was given; check the clocks.",
            reason="time.future",
        )


def check_texts(parts: Parts, wishes: Sequence[Wish], notice: str) -> None:
    """Refuse a 'yes' to a text that was not live, before anybody is enrolled for it.

    Raises:
        InvalidInput: see ``privet.gate.answerable.Texts``.
    """
    with parts.home.data.read() as tx:
        known = parts.ledger.notices(tx)
    texts, now = Texts(known, notice), parts.now
    for wish in wishes:
        at = now if wish.at is None else wish.at
        texts.code(wish.purpose, wish.kind, at, claimed=wish.at is not None)


def _introduce(parts: Parts, caller: Caller, people: dict[int, str | int]) -> None:
    # The leaf comes last: as long as it is missing, an introduction begins again.
    seal_private(
        parts,
        caller,
        IDENTITY_EVENT,
        IDENTITY,
        "id",
        [(sno, json.dumps(external, ensure_ascii=False)) for sno, external in people.items()],
    )
    now = parts.now
    _commit(parts, caller, [(sno, _known(sno, now)) for sno in people])


def change(
    parts: Parts,
    caller: Caller,
    wishes: Sequence[tuple[int, Wish]],
    proof: Proof,
) -> Done:
    """Record changes of grounds, each a leaf of the log.

    Args:
        parts: the open deployment.
        caller: who acts: the subject herself, or a desk on her behalf.
        wishes: subject and change, in the order in which they happened.
        proof: notice and evidence.

    Returns:
        The changes with their log index; nothing for a repeat.

    Raises:
        StaleAnswer: an old 'yes' arrived after the last 'no'.
        AccessDenied: no permit, an unknown purpose, or a policy that was replaced.
        InvalidInput: a kind that does not fit, or an answer from the future.
        InvalidInput: a 'yes' to a text that is not kept here or is no longer live.
        Erased: an erasure of one of the subjects has begun.
        Objected: she objected to this direct marketing; only her own 'yes' ends that.
    """
    for _, wish in wishes:
        check(parts, wish)
    people = {sno for sno, _ in wishes}
    for action in sorted({ACTION_OF[wish.kind] for _, wish in wishes}):
        decide(parts, caller, CONSENT, action, (), about=people)
    if not wishes:
        return Done()
    salt = os.urandom(16).hex()
    details = json.dumps({"salt": salt, **proof.details}, sort_keys=True, ensure_ascii=False)
    commitment = crypto.sha256(details.encode()).hex() if proof.details else ""
    come_abreast(parts)
    try:
        fresh, known = _judged(parts, wishes, proof, commitment)
    except (StaleAnswer, Objected) as refusal:
        raise _refused(parts, caller, wishes, refusal) from None
    if not fresh:
        return Done()
    evidence = [(sno, details) for sno in sorted({sno for sno, _ in fresh}) if proof.details]
    # A permission must be shown (Art. 7(1)): its evidence is there before it counts. A
    # refusal counts at once.
    permitted = any(wanted.effect in GIVING | {"begun"} for _, wanted in fresh)
    if evidence and permitted:
        seal_private(parts, caller, EVIDENCE, EVIDENCE, "details", evidence)
    seqs = _commit(parts, caller, fresh)
    if evidence and not permitted:
        seal_private(parts, caller, EVIDENCE, EVIDENCE, "details", evidence)
    changes = zip(seqs, (wanted for _, wanted in fresh), strict=True)
    return Done(tuple(changes), details if proof.details else "", tuple(known))


def _judged(
    parts: Parts, wishes: Sequence[tuple[int, Wish]], proof: Proof, commitment: str
) -> tuple[list[tuple[int, Change]], list[Told]]:
    """What of it is to be recorded, in one snapshot, and the notices of then."""
    fresh: list[tuple[int, Change]] = []
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        known = parts.ledger.notices(tx)
        texts = Texts(known, proof.notice)
        asked = _told_once(
            [(sno, _change(parts, sno, w, proof, texts, commitment)) for sno, w in wishes]
        )
        _refuse_fenced(tx, {sno for sno, _ in asked})
        for sno, wanted in asked:
            _refuse_objected(tx, parts, wanted)
            _refuse_overruling(parts, wanted)
            checked = parts.ledger.check(tx, wanted)
            if checked is not None:
                fresh.append((sno, checked))
    return fresh, known


def _refused(
    parts: Parts, caller: Caller, wishes: Sequence[tuple[int, Wish]], error: AccessDenied
) -> AccessDenied:
    """Record that a permission came too late, without whose it was, and return the error."""
    parts.log.append(
        [
            entry(parts, caller, "denial", purpose=CONSENT, action=action, reason=error.reason)
            for action in sorted({ACTION_OF[wish.kind] for _, wish in wishes})
        ]
    )
    return error


def recorded(parts: Parts, sno: int, wishes: Sequence[Wish]) -> Done:
    """What these wishes recorded before under their event ids; nothing unless each of them did.

    Without the sealed details, which a warrant opens.
    """
    come_abreast(parts)
    first: dict[tuple[str, str, str], tuple[int, Change]] = {}
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        known = parts.ledger.notices(tx)
        for seq, change in parts.ledger.entries(tx, sno):
            if not change.imported:
                first.setdefault((change.purpose, change.effect, change.event_id), (seq, change))
    named = [(wish.purpose, wish.kind, tagged(parts, wish.event_id)) for wish in wishes]
    if not all(event and (purpose, kind, event) in first for purpose, kind, event in named):
        return Done()
    return Done(
        tuple(sorted((first[name] for name in named), key=lambda entry: entry[0])), "", tuple(known)
    )


def _told_once(asked: Sequence[tuple[int, Change]]) -> list[tuple[int, Change]]:
    """Without what is told twice at once; the ledger knows only what was told before."""
    heard: set[tuple[int, str, str]] = set()
    once: list[tuple[int, Change]] = []
    for sno, wanted in asked:
        event = (sno, wanted.purpose, wanted.event_id)
        if wanted.event_id and event in heard:
            continue
        heard.add(event)
        once.append((sno, wanted))
    return once


def _refuse_fenced(tx: Tx, snos: set[int]) -> None:
    if fenced_among(tx, snos):
        raise Erased("nothing was recorded", why=WHY["subject.fenced"], reason="subject.fenced")


def _refuse_objected(tx: Tx, parts: Parts, wanted: Change) -> None:
    """After an objection to direct marketing no host begins again (Art. 21(2)-(3)).

    Where the basis is consent, a 'yes' that did not see the objection is stale anyway.
    """
    spec = parts.policy.purposes.get(wanted.purpose)
    # What was brought in has no effect then: it tells what was said elsewhere.
    if wanted.kind != "begun" or spec is None or not spec.direct_marketing:
        return
    if parts.ledger.standing(tx, wanted.sno, wanted.purpose, parts.now).objected:
        raise Objected(
            "nothing was begun",
            why=f"{WHY['ground.objected']} to direct marketing",
            remedy="Ask the person herself, under a purpose that rests on consent.",
            reason="ground.objected",
        )


def _refuse_overruling(parts: Parts, wanted: Change) -> None:
    """No weighing: of direct marketing (Art. 21(3)), nor of what her own word ends."""
    if wanted.kind != "overruled":
        return
    spec = parts.policy.purposes[wanted.purpose]
    if spec.direct_marketing or spec.basis in ABSOLUTE:
        raise InvalidInput(
            "an objection was not overruled",
            why="it is absolute: the purpose is direct marketing, or her own word ends it",
            remedy="Uphold it; only her own yes can end it.",
            reason="objection.absolute",
        )


def fenced_among(tx: Tx, snos: set[int]) -> set[int]:
    """Those of these subjects whose erasure has begun."""
    rows = tx.all("SELECT sno FROM fence WHERE sno BETWEEN ? AND ?", (min(snos), max(snos)))
    return snos & {int(row[0]) for row in rows}


def _change(
    parts: Parts, sno: int, wish: Wish, proof: Proof, texts: Texts, commitment: str
) -> Change:
    now = parts.now
    at = now if wish.at is None else wish.at
    expires = None
    if wish.purpose != EVERYTHING:
        # What lapses first, where places differ; of an unknown one, of all.
        periods = parts.policy.purposes[wish.purpose].renewals(proof.jurisdiction)
        lapses = [period.after(at) for period in periods] if wish.kind in GIVING else []
        expires = min(lapses, default=None)
    return Change(
        sno=sno,
        purpose=wish.purpose,
        kind=IMPORTED + wish.kind if wish.imported else wish.kind,
        at=at,
        notice=texts.code(wish.purpose, wish.kind, at, claimed=wish.at is not None),
        jurisdiction=proof.jurisdiction,
        event_id=tagged(parts, wish.event_id),
        seen=wish.seen,
        expires=expires,
        commitment=commitment,
    )


def tagged(parts: Parts, event_id: str) -> str:
    """The ledger's code of a client's own id of an event."""
    # A client's own id may say who it is; a leaf is kept for good.
    if not event_id:
        return ""
    return crypto.mac(parts.keys.secret("details"), b"event" + event_id.encode()).hex()


def _commit(parts: Parts, caller: Caller, changes: Sequence[tuple[int, Change]]) -> list[int]:
    seqs = parts.log.append(
        [
            entry(
                parts,
                caller,
                "ground",
                purpose=CONSENT,
                action=ACTION_OF[wanted.effect],
                subjects=(sno,),
                redo=True,
                ground=wanted.to_leaf(),
            )
            for sno, wanted in changes
        ]
    )
    catch_up(parts, seqs[-1])
    return seqs


def come_abreast(parts: Parts) -> None:
    """Apply what a commit left behind that failed between the log and the ledger.

    Whoever tries again after such a failure is not to be recorded a second time.
    """
    with parts.home.data.read() as tx:
        position = parts.ledger.position(tx)
    if next(parts.log.redo(position), None) is not None:
        catch_up(parts)


def catch_up(parts: Parts, upto: int | None = None) -> int:
    """Apply the log's ledger leaves that the data store has not seen; the number applied.

    Leaves of other processes come first where they are older: the projection never
    has a gap, whoever crashed between the two commits. So many of them are applied in one
    transaction that memory stays bounded and others get their turn.
    """
    applied = 0
    while True:
        some = _catch_up_some(parts, upto)
        applied += some
        if some < AT_ONCE:
            return applied


def _catch_up_some(parts: Parts, upto: int | None) -> int:
    applied = 0
    with parts.home.data.write() as tx:
        # Before the position is read: whoever waited here finds the leaves applied.
        parts.ledger.lock(tx)
        leaves = islice(parts.log.redo(parts.ledger.position(tx), upto), AT_ONCE)
        first = list(islice(leaves, 2))
        if len(first) > 1:
            parts.ledger.hold(tx)
        pending: list[tuple[int, Change]] = []
        for seq, body in chain(first, leaves):
            applied += 1
            if body["kind"] == "ground":
                pending += [(seq, change) for change in changes_of(body["ground"])]
                continue
            _apply(tx, parts, pending)
            pending = []
            if body["kind"] == NOTICE:
                parts.ledger.tell(tx, Told.from_leaf(seq, body["notice"]))
            elif body["kind"] == breakglass.KIND:
                breakglass.apply(tx, parts, seq, body)
            else:
                _replay_erasure(tx, parts, seq, body)
            parts.ledger.advance(tx, seq)
        _apply(tx, parts, pending)
        if applied >= FOLD_AT:  # many unfolded changes would slow every reader down
            parts.ledger.fold(tx)
    return applied


def _apply(tx: Tx, parts: Parts, changes: Sequence[tuple[int, Change]]) -> None:
    if not changes:
        return
    fenced = fenced_among(tx, {change.sno for _, change in changes})
    # What was on its way when the fence came would stand there for good after the erasure.
    parts.ledger.apply(tx, [(seq, change) for seq, change in changes if change.sno not in fenced])
    parts.ledger.advance(tx, changes[-1][0])


def _replay_erasure(tx: Tx, parts: Parts, seq: int, body: dict[str, object]) -> None:
    sno = int(str(body["sno"]))
    if body["kind"] == "erase.intent":
        request, at = str(body["request"]), int(str(body["ts"]))
        parts.ledger.fence(tx, sno, request, seq)
        # The register may be older than the log: maintenance takes it up from there.
        tx.run(
            "INSERT INTO request (id, kind, sno, received, due, state, held_until, detail, "
            "certificate) VALUES (?, 'erasure', ?, ?, ?, 'fenced', NULL, ?, NULL) "
            "ON CONFLICT (id) DO NOTHING",
            (request, sno, at, at + ANSWER_WITHIN_US, json.dumps({"fenced": at})),
        )
    elif body["kind"] == "erase.forget":
        parts.ledger.forget(tx, sno)
        duty.forget(tx, sno)


def seal_private(
    parts: Parts,
    caller: Caller,
    event: str,
    domain: str,
    name: str,
    values: Sequence[tuple[int, str]],
) -> None:
    """Seal texts about how privet knows a subject (her id, her evidence), one per subject."""
    snos = np.array([sno for sno, _ in values], np.int64)
    order = np.argsort(snos, kind="stable")
    texts = np.array([text for _, text in values], dtype=object)[order]
    warrant = parts.log.authorise(
        entry(
            parts,
            caller,
            "write",
            purpose=CONSENT,
            action="collect",
            subjects=[int(s) for s in snos],
            fields=[f"{event}.{name}"],
        )
    )
    rows = Rows(
        event=event,
        dom_of={name: domain},
        snos=snos[order],
        at=np.full(len(snos), parts.now, np.int64),
        columns={name: texts},
        extra={},
        keys=None,
        lapses={domain: np.full(len(snos), FOREVER, np.int64)},
    )
    while True:
        prepared = parts.vault.prepare(warrant, rows)
        with parts.home.data.write() as tx:
            parts.ledger.epoch(tx, EVERYTHING, lock=True)  # holds a fence back until we commit
            people = set(warrant.subjects)
            allowed = BitMap(people - fenced_among(tx, people))
            if parts.vault.commit(tx, prepared, allowed) is not None:
                return
