"""Permits that allow more than anybody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.review import words
from privet.review.remark import Remark
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Permit, Policy
    from privet.review.places import Places

_SHARE = 0.5
_FEW_ROLES = 3


def remarks(policy: Policy, places: Places) -> Iterator[Remark]:
    """Wildcards of which little is used, permits of everybody's role, fields nobody reads."""
    root = _root(policy)
    asked = _asked(policy)
    for permit in policy.permits.values():
        if permit.purpose not in policy.purposes:
            continue  # a person's rights reach all of her data
        if permit.role in root:
            what = f"the permit `{permit.id}` is of `{permit.role}`, which every role inherits"
            fix = "Name the role that needs it."
            yield Remark("permit.root", "permits", permit.id, what, fix)
        for pattern in places.patterns(permit.id):
            yield from _wildcard(policy, permit, pattern, asked.get(permit.id, frozenset()))
    for name in policy.purposes:
        yield from _unread(policy, name)


def _root(policy: Policy) -> frozenset[str]:
    """Roles that all others inherit; none where there are too few to speak of a hierarchy."""
    closures = [closure for role, closure in policy.roles.items() if role != SELF_ROLE]
    if len(closures) < _FEW_ROLES:
        return frozenset()
    return frozenset.intersection(*closures)


def _asked(policy: Policy) -> dict[str, frozenset[str]]:
    """The fields that tests ask for and get, by the permit that grants them."""
    found: dict[str, frozenset[str]] = {}
    for trial in policy.trials:
        decision = policy.decide(trial.ask, trial.given.circumstances)
        for name in decision.permits if decision.allowed else ():
            fields = policy.permits[name].fields & trial.ask.fields
            found[name] = found.get(name, frozenset()) | fields
    return found


def _wildcard(
    policy: Policy, permit: Permit, pattern: str, asked: frozenset[str]
) -> Iterator[Remark]:
    if not pattern.endswith("*") or permit.actions == {"collect"}:
        return
    meant = {name for name in policy.fields if name.startswith(pattern.removesuffix("*"))}
    used = asked & meant
    few = len(meant) > 1 and asked and len(used) < _SHARE * len(meant)
    if pattern == "*" or few:
        what = (
            f"the permit `{permit.id}` names `{pattern}`, {len(meant)} fields and any added later;"
            f" tests use {len(used)} of them"
        )
        fix = f"Name the fields: {', '.join(sorted(used) or sorted(meant))}."
        yield Remark("permit.wildcard", "permits", permit.id, what, fix)


def _unread(policy: Policy, purpose: str) -> Iterator[Remark]:
    """Fields that are collected for a purpose though no purpose that may read them does."""
    readers = {purpose, *(n for n, spec in policy.purposes.items() if purpose in spec.reuses)}
    permits = policy.permits.values()
    read = frozenset[str]().union(
        *(p.fields for p in permits if p.purpose in readers and p.actions != {"collect"})
    )
    keys = {f"{name}.{bare}" for name, event in policy.events.items() for bare in event.unique}
    for permit in permits:
        if permit.purpose == purpose and "collect" in permit.actions:
            unread = sorted(permit.fields - read - keys)
            if unread:
                what = f"`{permit.id}` collects {words.listed(unread)} for {purpose}, unread by all"
                fix = "Do not collect it for this purpose (GDPR Art. 5(1)(c)), or permit its use."
                yield Remark("field.unread", "permits", permit.id, what, fix)
