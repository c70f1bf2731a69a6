"""Objections: made by the person or for her, and decided by a desk with reasons. Art. 21."""

from __future__ import annotations

from typing import Literal

from privet.errors import InvalidInput
from privet.gate import grounds
from privet.gate.forget import settle
from privet.gate.parts import Caller, Parts
from privet.gate.wishes import Proof, Wish
from privet.ingest import Receipt
from privet.rights import answering, meaning
from privet.types import CONSENT, Id, check_type


def object_to(parts: Parts, caller: Caller, subject: Id, purpose: str, proof: Proof) -> Receipt:
    """Record an objection: it suspends the purpose at once, and models go on without her."""
    after = meaning.ended_with(parts.policy.purposes, purpose)
    wishes = [Wish(name, kind) for name, kind in ((purpose, "objected"), *after)]
    sno = answering.enrolled(parts, caller, subject, wishes)
    done = grounds.change(parts, caller, [(sno, wish) for wish in wishes], proof)
    for wish in wishes:
        settle(parts, caller, sno, wish.purpose)
    return answering.receipt(done.seqs)


def decided(
    parts: Parts,
    caller: Caller,
    subject: Id,
    purpose: str,
    kind: Literal["upheld", "overruled"],
    reason: str,
) -> Receipt:
    """Uphold or overrule an objection, with reasons.

    Upheld, the purpose is off for her, and what it alone collected is destroyed (Art.
    17(1)(c)). Overruled, it is back as it was.

    Raises:
        InvalidInput: no reason was given (``objection.reason``), no objection is pending
            (``ground.no-objection``), or it is absolute (``objection.absolute``).
        UnknownSubject: nobody is known under this id.
    """
    check_type(reason, str, "a reason", "Say why.")
    if not reason.strip():
        raise InvalidInput(
            "an objection was not decided",
            why="no reason was given",
            remedy="Say why: she is told, and may complain about it.",
            reason="objection.reason",
        )
    wish = Wish(purpose, kind)
    grounds.check(parts, wish)
    sno = answering.known(parts, caller, subject, CONSENT, "restrict")
    proof = answering.proof(actor="desk", reason=reason)
    done = grounds.change(parts, caller, [(sno, wish)], proof)
    settle(parts, caller, sno, purpose)
    return answering.receipt(done.seqs)
