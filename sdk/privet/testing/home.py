"""A deployment for one test, and people in it who have agreed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from privet.errors import AccessDenied, InvalidInput
from privet.types import CONSENT

if TYPE_CHECKING:
    from privet.clock import Clock
    from privet.deployment import Deployment
    from privet.policy import Policy
    from privet.subject import Subject


def deployment(
    tmp: str | os.PathLike[str], policy: str | Path = "pack:shop", *, clock: Clock | None = None
) -> Deployment:
    """Open a deployment in a directory of the test, creating it the first time.

    The stores are the real ones; only durability is given up (``sync="OFF"``). The
    environment (PRIVET_HOME, PRIVET_KEYRING) is not looked at.

    Args:
        tmp: the test's own directory; the home becomes ``tmp/home``, keys included.
        policy: as in ``privet.open``.
        clock: such as ``FakeClock``; the system's when left out.

    Raises:
        PolicyError, AccessDenied: as ``privet.open``.
    """
    from privet.deployment import open_deployment

    home = Path(tmp) / "home"
    return open_deployment(
        home, policy=policy, keyring=f"file:{home / 'keyring'}", clock=clock, sync="OFF"
    )


def agrees(d: Deployment, subject: str | int, *purposes: str) -> Subject:
    """Let a person agree: answer 'yes' herself, or begin the contract that a purpose rests on.

    Args:
        d: an open deployment.
        subject: the app's own id of her.
        *purposes: purposes of the policy that rest on consent or on a contract.

    Returns:
        The person herself.

    Raises:
        AccessDenied: a purpose is unknown, or no role may begin contracts.
        InvalidInput: a purpose rests on something that nobody agrees to.
    """
    for purpose in purposes:
        d.policy.check_purpose(purpose)
    bases = {name: _basis(d.policy, name) for name in purposes}
    for purpose in [name for name, basis in bases.items() if basis == "contract"]:
        clerk = d.principal("privet.testing", roles=[_beginner(d.policy)])
        clerk.consent.begin(subject, purpose, reference="agrees()")
    herself = d.subject(subject, proof="privet.testing")
    answers = {name: True for name, basis in bases.items() if basis == "consent"}
    if answers:
        herself.consent.answer(answers, notice="agrees()", how="privet.testing")
    return herself


def _basis(policy: Policy, purpose: str) -> str:
    basis = policy.purposes[purpose].basis if purpose in policy.purposes else "law"
    if basis not in {"consent", "contract"}:
        raise InvalidInput(
            "nobody agrees to this purpose",
            why=f"{purpose} rests on {basis}",
            remedy="Name purposes that rest on consent or on a contract.",
            reason="ground.kind",
        )
    return basis


def _beginner(policy: Policy) -> str:
    from privet.policy import Ask

    for role in sorted(policy.roles):
        if policy.decide(Ask(policy.roles[role], CONSENT, "begin", frozenset())).allowed:
            return role
    raise AccessDenied(
        "no role of this policy may begin a contract",
        remedy=f"Permit `begin` for {CONSENT} to a role.",
        reason="action.refused",
    )
