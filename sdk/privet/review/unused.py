"""Permits and fields that nobody used: evidence for minimization (GDPR Art. 5(1)(c)).

What a record does not tell counts as used, so that what is named unused was used by no recorded
request. Answers that are not recorded one by one (counts of fallbacks) count as use too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.policy.rules import FIELD_ACTIONS
from privet.review.recorded import Key, key_of, request_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from privet.policy import Permit, Policy
    from privet.review.recorded import Request


@dataclass(frozen=True, slots=True)
class Unused:
    """What no recorded request used.

    Attributes:
        requests: how many records were looked at.
        permits: ids, in the document's order.
        fields: permit that was used to the fields of it that were not, sorted; only permits of
            the policy's own purposes, since a person's rights reach all of her data.
        first: UTC microseconds of the oldest record that was looked at; None for none.
    """

    requests: int
    permits: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    first: int | None


def unused(records: Iterable[tuple[int, Mapping[str, Any]]], policy: Policy) -> Unused:
    """Look for what nobody used.

    Args:
        records: index and decoded body, as the audit log has them.
        policy: whose permits; a record of another policy counts by role, purpose and action.
    """
    seen: set[Key] = set()
    requests, first = 0, None
    for _, body in records:
        try:
            key = key_of(body)
            seen.add(key)
        except (KeyError, TypeError):
            continue
        requests += 1
        ts = body.get("ts")
        first = ts if first is None else first
    # What is for an emergency is there to be unused.
    known = {name: p for name, p in policy.permits.items() if p.break_glass is None}
    used: dict[str, set[str]] = {}
    for key in seen:
        request = request_of(key, policy)
        if request.told in {"whole", "bare"}:
            for permit in _used(request, frozenset(key[1]), policy):
                used.setdefault(permit.id, set()).update(request.ask.fields & permit.fields)
    fields = {
        name: tuple(sorted(policy.permits[name].fields - used[name]))
        for name in known
        if name in used
        and policy.permits[name].purpose in policy.purposes
        and not FIELD_ACTIONS.isdisjoint(policy.permits[name].actions)
    }
    return Unused(
        requests,
        tuple(name for name in known if name not in used),
        {name: names for name, names in fields.items() if names},
        first,
    )


def _used(request: Request, roles: frozenset[str], policy: Policy) -> list[Permit]:
    """The permits of a request: those recorded, and where none is known, all that fit."""
    same = request.policy == policy.hash[: len(request.policy)]
    named = [policy.permits[name] for name in request.permits if name in policy.permits]
    if same and named:
        return named
    fitting = [
        permit
        for permit in policy.permits.values()
        if permit.role in roles
        and permit.purpose == request.ask.purpose
        and request.ask.action in permit.actions
    ]
    return list(dict.fromkeys([*named, *fitting]))
