"""What of a change that is asked for is to be recorded: judged in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from privet import crypto
from privet.consent import ABSOLUTE, GIVING, IMPORTED, Change, Told
from privet.db import Tx
from privet.errors import Erased, InvalidInput, Objected
from privet.gate.answerable import Texts
from privet.gate.catchup import come_abreast, fenced_among
from privet.gate.parts import Parts
from privet.gate.record import WHY
from privet.gate.wishes import EVERYTHING, Done, Proof, Wish


def judged(
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
