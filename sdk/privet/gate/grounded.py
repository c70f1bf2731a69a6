"""On which ground a record's access was allowed: for anybody who must show it (Art. 5(2))."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from privet.clock import iso
from privet.consent import Standing
from privet.errors import InvalidInput
from privet.gate import policies
from privet.gate.activation import ledger_of
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.policy import Policy
from privet.types import ACCOUNTABILITY, ADMINISTRATION, CONSENT, FORGETTING, RIGHTS

LAW: Final[Mapping[str, str]] = {
    CONSENT: "GDPR Art. 7(1), 21, 18",
    RIGHTS: "GDPR Art. 12 to 22",
    ACCOUNTABILITY: "GDPR Art. 5(2), 30",
    FORGETTING: "GDPR Art. 7(3), 17",
    ADMINISTRATION: "GDPR Art. 32",
}
"""What the built-in purposes rest on: duties of the controller, for everybody."""


def ground_of(parts: Parts, caller: Caller, sno: int, seq: int) -> dict[str, Any]:
    """On which grounds one record's access to one subject's data was allowed.

    Returns:
        ``record``, ``at``, ``kind``, ``purpose``, ``action``, ``allowed`` (whether it is
        no denial), ``permits``, ``policy`` (its hash), and ``grounds``: for the purpose and
        each that it builds on, as the ledger said it before the record, ``purpose``,
        ``basis``, ``status``, ``holds``, ``position``, ``since``, ``expires``, ``notice``.
        For a built-in purpose one ground with its ``law``.

    Raises:
        AccessDenied: no permit to prove under ``privet:accountability``.
        InvalidInput: the record is not about this subject (``record.unrelated``).
    """
    decide(parts, caller, ACCOUNTABILITY, "prove", (), about=(sno,))
    body = next((record for record in parts.log.history(sno) if record["seq"] == seq), None)
    parts.log.append(
        [entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="prove", subjects=(sno,))]
    )
    if body is None:
        raise InvalidInput(
            "no ground was looked for",
            why="the record is not about this person",
            remedy="Take `seq` from her history.",
            reason="record.unrelated",
        )
    return {
        "record": seq,
        "at": iso(int(body["ts"])),
        "kind": body.get("kind", ""),
        "purpose": body.get("purpose", ""),
        "action": body.get("action", ""),
        "allowed": body.get("kind") != "denial",
        "permits": body.get("permits", []),
        "policy": body.get("policy", ""),
        "grounds": _grounds(parts, sno, body),
    }


def _grounds(parts: Parts, sno: int, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The grounds behind a record, by the policy that it was decided under."""
    purpose, seq, at = str(body.get("purpose", "")), int(body["seq"]), int(body["ts"])
    if purpose in LAW:
        return [
            {"purpose": purpose, "basis": "legal-obligation", "law": LAW[purpose], "holds": True}
        ]
    policy = policies.kept(parts, str(body.get("policy", ""))) or parts.policy
    ledger = ledger_of(parts.home.data, parts.keys.secret("mac"), policy)
    with parts.home.data.read() as tx:
        return [
            _plain(policy, name, ledger.standing_at(tx, sno, name, seq - 1, at))
            for name in _supports(policy, purpose)
        ]


def _supports(policy: Policy, purpose: str) -> list[str]:
    """The purpose and all that it builds on; nothing where the policy does not have it."""
    found = [purpose] if purpose in policy.purposes else []
    for name in found:
        found += [n for n in policy.purposes[name].builds_on if n not in found]
    return found


def _plain(policy: Policy, purpose: str, standing: Standing) -> dict[str, Any]:
    return {
        "purpose": purpose,
        "basis": policy.purposes[purpose].basis,
        "status": standing.status,
        "holds": standing.active,
        "position": standing.seq,
        "since": None if standing.since is None else iso(standing.since),
        "expires": None if standing.expires is None else iso(standing.expires),
        "notice": standing.notice,
    }
