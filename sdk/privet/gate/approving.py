"""Who must approve of a policy before it is activated: the one in force says it, never the next.

Who could lower the bar in the very document that is activated would need nobody else. So the
people and the number come from the policy in force, and where the next one names others, that
needs enough signatures of both: the old ones allow the change, the new ones show that they can
sign (as root keys are changed in The Update Framework, specification 1.0, 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from privet.db import Tx
from privet.errors import AccessDenied
from privet.gate.parts import Caller, Parts
from privet.gate.policies import latest
from privet.gate.record import decide, deny_policy
from privet.policy import Life, Policy
from privet.policy.approval import Approval, digest_of
from privet.types import ADMINISTRATION

WHY = {
    "approval.missing": "too few different people have signed",
    "approval.stale": "a signature is for another deployment, policy, document or moment",
    "approval.signature": "a signature is not that of its key over what it says",
    "approval.key": "a key belongs to nobody whom the policy in force, or the new one, names",
    "approval.twice": "one person signed twice",
}


@dataclass(frozen=True, slots=True)
class Approved:
    """What allowed an activation, for its record.

    Attributes:
        people: who signed, by the names that the policies give them.
        told: the same with keys and signatures: anybody can check them later.
        documents: digest of the documents that they signed for.
        place: the deployment and the activation that they signed for.
    """

    people: tuple[str, ...] = ()
    told: tuple[dict[str, Any], ...] = ()
    documents: str = ""
    place: str = ""

    def recorded(self) -> dict[str, Any]:
        """What the record of the activation says of it; nothing where nobody had to."""
        if not self.told:
            return {}
        return {"approvals": list(self.told), "documents": self.documents, "place": self.place}


NOBODY = Approved()


def place(tx: Tx, parts: Parts) -> str:
    """What an approval of now is for: this deployment, and the activation in force."""
    last = latest(tx)
    return f"privet.dev/{parts.home.deployment.hex()}/{-1 if last is None else last.seq}"


def place_now(parts: Parts, caller: Caller) -> str:
    """The same in a snapshot of its own.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    with parts.home.data.read() as tx:
        return place(tx, parts)


def check(parts: Parts, caller: Caller, policy: Policy, signed: Sequence[Approval]) -> Approved:
    """Refuse a policy that too few different people have approved of; leaves a record.

    Raises:
        AccessDenied: ``approval.missing``, ``approval.stale``, ``approval.signature``,
            ``approval.key`` or ``approval.twice``.
    """
    before, after = parts.policy.life, policy.life
    same = (before.needed, before.approvers) == (after.needed, after.approvers)
    asked = [before] if same else [before, after]
    documents = digest_of(policy)
    with parts.home.data.read() as tx:
        where = place(tx, parts)
    reason = _reason(asked, signed, (policy.hash, documents, where))
    if reason is not None:
        _refuse(parts, caller, policy, reason)
    told = [{"by": _name(asked, one.key), "key": one.key, "sig": one.signature} for one in signed]
    return Approved(tuple(one["by"] for one in told), tuple(told), documents, where)


def _reason(
    asked: Sequence[Life], signed: Sequence[Approval], what: tuple[str, str, str]
) -> str | None:
    """Why these signatures do not do; None where they do. One bad one refuses all."""
    for one in signed:
        if (one.policy, one.documents, one.place) != what:
            return "approval.stale"
        if not one.is_genuine():
            return "approval.signature"
        if not _name(asked, one.key):
            return "approval.key"
    for life in asked:
        people = [name for one in signed if (name := life.person(one.key)) is not None]
        if len(set(people)) < len(people):
            return "approval.twice"
        if len(people) < life.needed:
            return "approval.missing"
    return None


def _name(asked: Sequence[Life], key: str) -> str:
    return next((name for life in asked if (name := life.person(key)) is not None), "")


def _refuse(parts: Parts, caller: Caller, policy: Policy, reason: str) -> NoReturn:
    deny_policy(parts, caller, reason, policy)
    raise AccessDenied(
        "the policy was not activated",
        why=WHY[reason],
        remedy="Have as many of its approvers sign it now as it asks for: `privet policy sign`.",
        reason=reason,
    )
