"""Rules that no request reaches, and roles that reach no rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.review import words
from privet.review.remark import Remark
from privet.review.space import Conditions, cases_of, may_be_held
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Permit, Policy


def remarks(policy: Policy) -> Iterator[Remark]:
    """Permits that never allow, fields that are asked for in vain, roles that may do nothing."""
    conditions = Conditions([policy])
    for permit in policy.permits.values():
        yield from _permit(policy, permit, conditions)
    acting = {permit.role for permit in policy.permits.values()}
    for role, closure in policy.roles.items():
        if role != SELF_ROLE and acting.isdisjoint(closure):
            what = f"the role `{role}` may do nothing: no permit names it or what it inherits"
            yield Remark("role.idle", "roles", role, what, "Give it a permit, or remove it.")


def _permit(policy: Policy, permit: Permit, conditions: Conditions) -> Iterator[Remark]:
    reached: set[str | None] = set()
    opened: set[str | None] = set()
    denies: dict[str | None, set[str]] = {}
    granted: dict[str | None, set[str]] = {}
    for case in cases_of(permit, conditions):
        decision = policy.decide(case.ask, case.point.given)
        if decision.deny is not None:
            denies.setdefault(case.field, set()).add(decision.deny)
        if decision.allowed and permit.id in decision.permits:
            reached.add(case.field)
            if case.field in decision.granted:
                opened.add(case.field)
            granted.setdefault(case.field, set()).update(decision.permits)
    if not reached:
        yield _unreachable(policy, permit, set().union(*denies.values()))
        return
    yield from _fields(permit, reached, denies)
    dropped = sorted(name for name in reached - opened - permit.minimize.drop if name)
    if dropped:
        others = {
            other
            for name in dropped
            for other in granted[name]
            if name in policy.permits[other].minimize.drop
        }
        what = f"{words.listed(dropped)} of `{permit.id}` is left out by {_named(others)}"
        fix = "Leave it out here too, or do not `drop` it there."
        yield Remark("permit.field-dropped", "permits", permit.id, what, fix)


def _unreachable(policy: Policy, permit: Permit, denies: set[str]) -> Remark:
    if not may_be_held(policy, {permit.role}):
        why = f"nobody may hold the role `{permit.role}`"
    elif denies:
        why = f"everything in it is always denied by {_named(denies)}"
    else:
        why = "its condition never holds"
    what = f"the permit `{permit.id}` allows nothing: {why}"
    return Remark("permit.unreachable", "permits", permit.id, what, "Remove it, or mend the other.")


def _fields(
    permit: Permit, reached: set[str | None], denies: dict[str | None, set[str]]
) -> Iterator[Remark]:
    dead = sorted(permit.fields - reached)
    if dead:
        by = set().union(*(denies.get(name, set()) for name in dead))
        what = f"{words.listed(dead)} of the permit `{permit.id}` is always denied by {_named(by)}"
        fix = "Take it out of the permit, or narrow the deny."
        yield Remark("permit.field-denied", "permits", permit.id, what, fix)


def _named(rules: set[str]) -> str:
    return words.listed(f"`{name}`" for name in sorted(rules)) if rules else "nothing else"
