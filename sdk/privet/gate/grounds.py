"""Grounds begin and end here: a leaf in the log first, then its projection.

The log is the redo log: the audit commit is what makes a change true, and the ledger
in the data store is caught up from it, here and whenever a deployment is opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from privet import crypto
from privet.consent import GIVING, Change
from privet.errors import AccessDenied, Erased, InvalidInput, Objected, StaleAnswer
from privet.gate.answerable import Texts
from privet.gate.catchup import catch_up, come_abreast
from privet.gate.judging import judged
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.private import seal_private
from privet.gate.record import decide, entry
from privet.gate.wishes import ACTION_OF, EVERYTHING, Done, Proof, Wish
from privet.types import CONSENT


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
    parts.subjects.secure(people)
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
        fresh, known = judged(parts, wishes, proof, commitment)
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
