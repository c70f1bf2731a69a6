"""The life of a policy, for who administers: what a change costs, activation, what held when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from privet.errors import PolicyError
from privet.gate import activation, approving, policies, resealing
from privet.gate.parts import Caller, Parts
from privet.gate.policies import Activation
from privet.gate.record import refused_policy
from privet.gate.resealing import Cost
from privet.policy import Policy, load
from privet.policy.approval import Approval, read
from privet.types import check_list, check_type

KEPT = "home:"


def named(parts: Parts, policy: str | Path | Policy) -> Policy:
    """The policy that is meant: compiled, at a place, or ``home:HASH``, kept in this home.

    Raises:
        PolicyError: there is none, or it does not compile.
    """
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str) and policy.startswith(KEPT):
        return policies.of_hash(parts, policy.removeprefix(KEPT))
    return load(policy)


def activate(
    parts: Parts,
    caller: Caller,
    policy: str | Path | Policy,
    approvals: Sequence[Approval | str | Path],
    *,
    loosens: bool,
    progress: Callable[[int, int], None] | None,
) -> str:
    """Make a policy the active one; see ``privet.gate.activation``.

    Raises:
        PolicyError: it does not compile, or is not there; that it was offered is recorded.
    """
    check_type(loosens, bool, "loosens", "Give True or False.")
    signed = [
        one if isinstance(one, Approval) else read(one)
        for one in check_list(approvals, "approvals")
    ]
    try:
        compiled = named(parts, policy)
    except PolicyError as error:  # a pack changed under its hash, half a file, and the like
        raise refused_policy(parts, caller, error) from None
    activation.activate(
        parts,
        caller,
        compiled,
        signed,
        loosens=loosens,
        progress=progress or (lambda _done, _of: None),
    )
    return compiled.hash


def cost(parts: Parts, caller: Caller, policy: str | Path | Policy) -> Cost:
    """What would have to be re-sealed before a policy can be activated."""
    return resealing.cost(parts, caller, named(parts, policy))


def history(parts: Parts, caller: Caller) -> list[Activation]:
    """All activations, oldest first."""
    return policies.history(parts, caller)


def place(parts: Parts, caller: Caller) -> str:
    """What an approval of now must be for."""
    return approving.place_now(parts, caller)
