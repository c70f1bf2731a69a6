"""A policy that may have been cut short is not activated unless somebody has seen what is gone.

A file that was half written when it was read compiles where it ends between two rules, and what
stood at its end may have been the denies. Documents that mark their end are refused when they
are read; of the others this asks for a word where a restriction of the policy in force is gone.
"""

from __future__ import annotations

from privet.errors import PolicyError
from privet.gate.parts import Caller, Parts
from privet.gate.record import deny_policy
from privet.policy import Policy

TOLD = 5


def check(parts: Parts, caller: Caller, policy: Policy) -> None:
    """Refuse a policy whose documents do not mark their end where a restriction is gone.

    Raises:
        PolicyError: reason ``policy.cut``; left a record.
    """
    if policy.life.marked:
        return
    from privet.review.dropped import dropped  # a reviewer's tool: no open pays for it

    gone = dropped(parts.policy, policy)
    if not gone:
        return
    deny_policy(parts, caller, "policy.cut", policy)
    more = f" and {len(gone) - TOLD} more" if len(gone) > TOLD else ""
    raise PolicyError(
        "the policy was not activated: its documents may have been cut short",
        why=f"they do not mark their end, and gone is {', '.join(gone[:TOLD])}{more}",
        remedy="If that is meant, say so (`--loosens`); better, write `end: marked` into both "
        "documents and `...` as their last line, so that a cut is noticed when they are read.",
        reason="policy.cut",
    )
