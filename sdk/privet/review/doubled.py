"""Rules without which every request would be answered the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from privet.review import words
from privet.review.remark import Remark
from privet.review.space import REFUSED, Conditions, answer, cases, cases_of, reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from privet.policy import Deny, Permit, Policy


def remarks(policy: Policy) -> Iterator[Remark]:
    """Permits that others cover wholly, and denies that take nothing away.

    Where two say the same, the later one is told: each is looked at beside those that stay.
    """
    staying: dict[tuple[str, str], list[Permit]] = defaultdict(list)
    for permit in policy.permits.values():
        staying[permit.role, permit.purpose].append(permit)
    for permit in reversed(list(policy.permits.values())):
        others = _beside(policy, staying, permit)
        if _covered(permit, others) and _same_without(policy, permit, others):
            staying[permit.role, permit.purpose].remove(permit)
            by = words.listed(f"`{name}`" for name in sorted(o.id for o in others.values()))
            what = f"the permit `{permit.id}` adds nothing to {by}"
            yield Remark("permit.shadowed", "permits", permit.id, what, "Remove it.")
    for deny in policy.denies:
        yield from _deny(policy, deny)


def _beside(
    policy: Policy, staying: Mapping[tuple[str, str], list[Permit]], permit: Permit
) -> dict[str, Permit]:
    """Other permits, inherited ones too, that bear on some of the same requests."""
    held = sorted(reach(policy, {permit.role}))
    return {
        other.id: other
        for role in held
        for other in staying.get((role, permit.purpose), ())
        if other.id != permit.id
        and not other.actions.isdisjoint(permit.actions)
        and (not permit.fields or not other.fields.isdisjoint(permit.fields))
    }


def _covered(permit: Permit, others: Mapping[str, Permit]) -> bool:
    """Whether others grant everything, conditions aside: quick to tell, and mostly not so."""
    return all(
        any(
            action in other.actions and (name is None or name in other.fields)
            for other in others.values()
        )
        for action in permit.actions
        for name in (permit.fields or (None,))
    )


def _same_without(policy: Policy, permit: Permit, others: Mapping[str, Permit]) -> bool:
    without = replace(policy, hash=f"{policy.hash}-", permits=others)
    beside = replace(policy, hash=f"{policy.hash}+", permits={**others, permit.id: permit})
    points = cases_of(permit, Conditions([beside]))
    return all(answer(beside, case) == answer(without, case) for case in points)


def _deny(policy: Policy, deny: Deny) -> Iterator[Remark]:
    """A deny that takes away nothing, or nothing that another deny leaves."""
    about = {
        name: permit
        for name, permit in policy.permits.items()
        if permit.purpose in deny.purposes
        and (deny.actions is None or not deny.actions.isdisjoint(permit.actions))
        and (deny.fields is None or not deny.fields.isdisjoint(permit.fields))
    }
    without = replace(
        policy,
        hash=f"{policy.hash}-{deny.id}",
        permits=about,
        denies=tuple(other for other in policy.denies if other.id != deny.id),
    )
    beside = replace(policy, hash=f"{policy.hash}+{deny.id}", permits=about)
    taken = [c for c in cases([without, beside]) if answer(without, c) != answer(beside, c)]
    if taken:
        return
    alone = replace(without, hash=f"{policy.hash}={deny.id}", denies=())
    idle = all(
        answer(replace(alone, hash="one", denies=(deny,)), case) != REFUSED
        for case in cases([alone])
        if answer(alone, case) != REFUSED
    )
    what = (
        f"the deny `{deny.id}` takes away nothing that a permit allows"
        if idle
        else f"the deny `{deny.id}` takes away nothing that other denies leave"
    )
    yield Remark("deny.idle", "denies", deny.id, what, "Keep it as a safeguard, or remove it.")
