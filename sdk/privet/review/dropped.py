"""Restrictions of one policy that another does not have any more, by name.

A document that was cut short is still a document: it has lost what stood at its end, and what
restricts may stand there. Whatever was added is no sign of that; what is gone may be.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Minimize, Permit, Policy, PurposeSpec


def dropped(before: Policy, after: Policy) -> tuple[str, ...]:
    """What restricts in ``before`` and is gone from ``after``, in words, sorted."""
    ways = (_rules, _permits, _purposes, _data, _life)
    return tuple(sorted(chain.from_iterable(way(before, after) for way in ways)))


def _rules(before: Policy, after: Policy) -> Iterator[str]:
    left = {deny.id for deny in after.denies}
    yield from (f"the deny {deny.id}" for deny in before.denies if deny.id not in left)
    for group in before.separate:
        there = group & after.roles.keys()
        if len(there) > 1 and not any(there <= other for other in after.separate):
            yield f"the separation of {' and '.join(sorted(there))}"
    for duty in before.duties:
        if duty not in after.duties and len(duty.roles & after.roles.keys()) > 1:
            yield f"the separation of {' and '.join(sorted(duty.roles))} within {duty.within}"


def _permits(before: Policy, after: Policy) -> Iterator[str]:
    for name in before.permits.keys() & after.permits.keys():
        one, other = before.permits[name], after.permits[name]
        yield from (f"{what} of the permit {name}" for what in _loosened(one, other))


def _loosened(one: Permit, other: Permit) -> Iterator[str]:
    if one.when is not None and other.when is None:
        yield "the condition"
    if one.to and not other.to:
        yield "the recipients"
    if one.least > 1 and other.least == 1:
        yield "the least number of people"
    if _kept_back(one.minimize, one.fields & other.fields) - _kept_back(other.minimize, one.fields):
        yield "the minimization"


def _kept_back(minimize: Minimize, fields: frozenset[str]) -> set[str]:
    """What is made less of, whatever by: some of these fields, and times and events."""
    said = minimize.drop | {rule[0] for rule in minimize.rules}
    whole = {"last": minimize.last, "time": minimize.time}
    return {*(said & fields), *(name for name, value in whole.items() if value is not None)}


def _purposes(before: Policy, after: Policy) -> Iterator[str]:
    for name in before.purposes.keys() & after.purposes.keys():
        one, other = before.purposes[name], after.purposes[name]
        yield from (f"{what} of the purpose {name}" for what in _lighter(one, other))


def _lighter(one: PurposeSpec, other: PurposeSpec) -> Iterator[str]:
    said = {
        "the hold": (one.hold, other.hold),
        "the renewal": (one.renew, other.renew),
        "direct_marketing": (one.direct_marketing, other.direct_marketing),
        "the human step": (one.human_step, other.human_step),
        "what is stricter in places": (one.jurisdictions, other.jurisdictions),
        "builds_on": (frozenset(one.builds_on) - frozenset(other.builds_on), ()),
    }
    yield from (what for what, (was, now) in said.items() if was and not now)
    was, now = one.models, other.models
    if was.least > now.least or was.co_count_floor > now.co_count_floor:
        yield "the rules of the models"


def _data(before: Policy, after: Policy) -> Iterator[str]:
    yield from (f"never {name}" for name in set(before.items.never) - set(after.items.never))
    for name, rule in before.items.reveals.items():
        now = after.items.reveals.get(name)
        if now is None or (rule.special and not now.special) or (rule.min_age and not now.min_age):
            yield f"what reveals {name}"
    for name in before.fields.keys() & after.fields.keys():
        was, is_now = before.fields[name], after.fields[name]
        if (was.special and not is_now.special) or (was.from_device and not is_now.from_device):
            yield f"the category of {name}"


def _life(before: Policy, after: Policy) -> Iterator[str]:
    packs = {pack.name for pack in before.imports} - {pack.name for pack in after.imports}
    yield from (f"the import of {name}" for name in packs)
    if before.life.needed > after.life.needed:
        yield "the approvals"
