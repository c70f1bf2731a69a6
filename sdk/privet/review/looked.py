"""The rules that bear on one request, each with what it says to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.review import words
from privet.review.space import reach

if TYPE_CHECKING:
    from privet.policy import Ask, Decision, Permit, Policy

Branch = tuple[str, list[str]]


def looked_at(policy: Policy, ask: Ask, decision: Decision) -> list[Branch]:
    """Branches of a tree: the roles, the permits for the purpose, the denies, the outcome."""
    held = reach(policy, ask.roles)
    unmet = dict(decision.unmet)
    permits = [p for p in policy.permits.values() if p.role in held and p.purpose == ask.purpose]
    inherited = sorted(held - ask.roles)
    roles = sorted(ask.roles)
    roles += [f"{name}, inherited" for name in inherited]
    return [
        ("roles", roles),
        (
            "permits of these roles for this purpose",
            [
                f"{p.id}{words.origin(policy, p.id)}: {_says(policy, ask, p, unmet)}"
                for p in permits
            ],
        ),
        (
            "denies for this purpose",
            [
                f"{deny.id}{words.origin(policy, deny.id)}: "
                f"{'refuses' if deny.id == decision.deny else 'does not decide here'}"
                f" ({deny.text})"
                for deny in policy.denies
                if ask.purpose in deny.purposes
            ],
        ),
        ("opens", sorted(decision.granted) if decision.allowed else []),
        ("refuses", sorted(decision.refused)),
    ]


def _says(policy: Policy, ask: Ask, permit: Permit, unmet: dict[str, str]) -> str:
    if ask.action not in permit.actions:
        return f"is not for {ask.action}, only for {words.listed(sorted(permit.actions))}"
    if (ask.to not in permit.to) if permit.to else ask.to is not None:
        named = words.listed(sorted(permit.to)) if permit.to else "nobody"
        return f"is for another recipient: {named}"
    if permit.id in unmet:
        return f"its condition: {unmet[permit.id]}"
    granted = ask.fields & permit.fields
    if ask.fields and not granted:
        return "grants none of the fields"
    return f"grants {words.fields(granted, [policy])}" if granted else "grants it"
