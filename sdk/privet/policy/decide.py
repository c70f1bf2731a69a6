"""The decision: pure, total, explainable as data.

The rules, in order:

1. What is not known (role, purpose, action, field) is refused.
2. Roles that ``separate:`` keeps apart, and the subject's own role beside any other,
   are refused.
3. Every field asked for must be granted by a permit for one of the roles, the purpose,
   the action and the recipient; nothing is granted by default.
4. A deny overrides every permit.
5. A condition that cannot be told never allows: its permit does not grant, its deny denies.
6. The minimization of all permits that grant a field asked for applies, strictest first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from privet.errors import AccessDenied
from privet.policy.minimize import NOTHING, Minimize
from privet.policy.when import WHY_NOT

_WHY = {
    "ask.malformed": "the request is not of the form that decisions take",
    "role.unknown": "a role is not in the policy, or none was given",
    "role.separate": "the policy keeps two of these roles apart",
    "purpose.unknown": "the purpose is not in the policy",
    "role.together": "the policy lets nobody use two of these roles at a time",
    "action.unknown": "there is no such action",
    "field.unknown": "a field is not in the data document",
    "purpose.refused": "no permit lets these roles act for this purpose",
    "action.refused": "no permit lets these roles do this for this purpose",
    "recipient.refused": "no permit names this recipient, or one was left out",
    "field.refused": "no permit covers every field asked for",
    "deny": "a deny of the policy overrides",
    **WHY_NOT,
}


class Ask(NamedTuple):
    """One request, as the policy sees it. Hashed often, hence a tuple.

    Attributes:
        roles: the principal's roles; the policy adds what they inherit.
        purpose: a purpose of the policy or a built-in one.
        action: one of ``privet.types.Action``.
        fields: full names, such as ``"purchase.item"``; empty for actions without fields.
        to: the recipient of an export.
    """

    roles: frozenset[str]
    purpose: str
    action: str
    fields: frozenset[str] = frozenset()
    to: str | None = None


class Decision(NamedTuple):
    """What the policy answers. Made for every request, hence a tuple.

    Attributes:
        allowed: whether all that was asked for is permitted.
        reason: ``"permit"``, or a stable code of the refusal.
        permits: ids of the permits that granted something, sorted.
        deny: id of the deny that overrode them, if one did.
        granted: fields that may be opened; on a refusal, what would have been.
        refused: fields asked for that no permit grants or a deny takes away.
        minimize: what to do with values before release.
        grounds: purposes whose ground must hold for the subject, the asked one first;
            empty for built-in purposes.
        least: fewest people a release may be about.
        purpose: the purpose asked about, where it is known; empty otherwise.
        unmet: of a refusal, ids of permits that would have granted something, each with why
            its condition does not hold or cannot be told.
    """

    allowed: bool
    reason: str
    permits: tuple[str, ...] = ()
    deny: str | None = None
    granted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    minimize: Minimize = NOTHING
    grounds: tuple[str, ...] = ()
    least: int = 1
    purpose: str = ""
    unmet: tuple[tuple[str, str], ...] = ()

    def raise_if_denied(self) -> None:
        """Turn a refusal into an error that says why, free of anybody's data.

        Raises:
            AccessDenied: with the decision's reason.
        """
        if self.allowed:
            return
        why = _WHY[self.reason]
        if self.refused:
            why = f"{why} ({', '.join(sorted(self.refused))})"
        if self.deny is not None:
            why = f"{why} ({self.deny})"
        purpose = f" for {self.purpose}" if self.purpose else ""
        raise AccessDenied(f"the policy refuses this{purpose}", why=why, reason=self.reason)

    def explain(self) -> dict[str, Any]:
        """The decision as plain data, stable enough to compare and to store."""
        return {
            "allowed": self.allowed,
            "reason": self.reason,
            "why": _WHY.get(self.reason, "permits cover all that was asked for"),
            "purpose": self.purpose,
            "permits": list(self.permits),
            "deny": self.deny,
            "granted": sorted(self.granted),
            "refused": sorted(self.refused),
            "minimize": self.minimize.to_dict(),
            "grounds": list(self.grounds),
            "least": self.least,
            "unmet": [list(pair) for pair in self.unmet],
        }


def refuse(reason: str, purpose: str = "") -> Decision:
    """A refusal that grants nothing."""
    return Decision(allowed=False, reason=reason, purpose=purpose)
