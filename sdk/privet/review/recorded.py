"""What an audit record tells of the request behind it, and what it does not.

A record of the gate names the effective roles (with all that they inherit), the purpose, the
action, and for an access or a write the fields, the recipient and the permits. It does not tell
where a person is, how old she is, what the application told of its environment, how far back a
request reached, nor, for a refusal, the fields that were not refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from privet.policy import Ask
from privet.types import FORGETTING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy import Policy

Told = Literal["whole", "bare", "denied", "ground", "other"]
_ENGINE = ("privet",)
_NOBODY: dict[str, Any] = {}
_ACTING = frozenset({"access", "write", "ground", "admin", "model", "counted"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a record tells of a request.

    Attributes:
        told: ``"whole"``, everything; ``"bare"``, all but the fields; ``"denied"``, a refusal by
            the policy, with only what was refused; ``"ground"``, a refusal for want of a ground,
            which no rule decides; ``"other"``, no request at all.
        ask: the request, as far as it is told.
        permits: ids of the permits that were recorded.
        policy: the first 16 digits of the hash of the policy that decided.
    """

    told: Told
    ask: Ask
    permits: tuple[str, ...]
    policy: str


Key = tuple[Any, ...]


def key_of(body: Mapping[str, Any]) -> Key:
    """What two records have in common whose requests are the same; cheap to make.

    Raises:
        KeyError, TypeError: the body is no record of the gate.
    """
    get = body.get
    kind, policy = body["kind"], body["policy"]
    told = (get("ts", 0), get("n", 1), get("set", _NOBODY))
    if tuple(map(type, told)) != (int, int, dict) or type(policy) is not str:
        raise TypeError
    return (
        kind,
        tuple(body["roles"]),
        body["purpose"],
        body["action"],
        tuple(get("fields", ())),
        get("to"),
        tuple(get("permits", ())),
        get("reason"),
        tuple(get("refused", ())) if kind == "denial" else (),  # of a write, a number of rows
        policy,
    )


def request_of(key: Key, before: Policy) -> Request:
    """The request that records of a key are about.

    Roles are recorded with what they inherit; only those count that no other of them brings,
    so that a candidate with another hierarchy is not asked with roles that nobody was given.

    Args:
        key: of ``key_of``.
        before: the policy whose hierarchy the roles were recorded under.
    """
    kind, roles, purpose, action, fields, to, permits, reason, refused, policy = key
    held = frozenset(_given(roles, before))
    told: Told
    if kind == "denial" and str(reason).startswith(("approval.", "policy.")):
        return Request("other", Ask(held, purpose, action, frozenset(), to), permits, policy)
    if kind == "denial":
        ground = reason is None or reason.partition(".")[0] in {"ground", "subject", "cohort"}
        told = "ground" if ground else "denied"
        return Request(told, Ask(held, purpose, action, frozenset(refused), to), permits, policy)
    if kind not in _ACTING or roles == _ENGINE or purpose == FORGETTING:
        told, fields = "other", ()
    elif permits:
        told = "whole"
    else:  # what privet seals and reads for itself is recorded too, and is no matter of permits
        fields = ()
        asked = before.decide(Ask(held, purpose, action, frozenset(), to))
        told = "bare" if asked.permits or asked.unmet else "other"
    return Request(told, Ask(held, purpose, action, frozenset(fields), to), permits, policy)


def _given(roles: tuple[str, ...], policy: Policy) -> list[str]:
    brought = {
        inherited for role in roles for inherited in policy.roles.get(role, ()) if inherited != role
    }
    return [role for role in roles if role not in brought]
