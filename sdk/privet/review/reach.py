"""An incident in numbers: what a credential reached, and what it could have reached.

A record is written before anything is opened, so that what is recorded is an upper bound of what
went through privet. What a thief might have asked for and did not is told by the policies of
then.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap64

from privet.review.tallies import REFUSED, weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from privet.policy import Policy

    Members = Callable[[int], Iterable[int]]
    """Index of a record to the ordinals of whom it is about."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Requests of one purpose and action that were recorded.

    Attributes:
        purpose: why.
        action: what was done.
        requests: how many.
        people: how many different people they were about.
        fields: which fields, sorted.
        to: recipients of exports, sorted.
    """

    purpose: str
    action: str
    requests: int
    people: int
    fields: tuple[str, ...]
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a permit of then let these roles do, whether it was done or not.

    Attributes:
        permit: its id.
        policy: the first 16 digits of the version's hash.
        role: whose it is.
        purpose: why.
        actions: what, sorted.
        fields: which fields, sorted.
        emergency: whether it opens only in an emergency.
    """

    permit: str
    policy: str
    role: str
    purpose: str
    actions: tuple[str, ...]
    fields: tuple[str, ...]
    emergency: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """What a credential reached in a period, and what it could have reached.

    Attributes:
        records: of this credential, refusals included.
        refused: refusals by reason.
        people: how many different people all requests together were about.
        reached: by purpose and action.
        categories: categories of data of the fields that were opened, to how many people.
        roles: acted in, sorted.
        principals: pseudonyms that acted, sorted.
        permitted: what the policies of then would have let these roles do.
        people_at_most: how many people there were to reach.
        first: UTC microseconds of the first record; None for none.
        last: of the last.
    """

    records: int
    refused: Mapping[str, int]
    people: int
    reached: tuple[Reached, ...]
    categories: Mapping[str, int]
    roles: tuple[str, ...]
    principals: tuple[str, ...]
    permitted: tuple[Permitted, ...]
    people_at_most: int
    first: int | None
    last: int | None


@dataclass(slots=True)
class _One:
    requests: int = 0
    people: BitMap64 = field(default_factory=BitMap64)
    fields: set[str] = field(default_factory=set)
    to: set[str] = field(default_factory=set)


def scope(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    policies: Sequence[Policy],
    roles: frozenset[str],
    members: Members,
    people_at_most: int,
) -> Scope:
    """Count what records of a credential are about.

    Args:
        records: index and decoded body, of this credential alone.
        policies: those that were in force at any time in the period.
        roles: it is known to have had, beside those that the records name.
        members: whom a record with a large set is about.
        people_at_most: how many people there were to reach.
    """
    found: dict[tuple[str, str], _One] = {}
    refused: Counter[str] = Counter()
    categories: dict[str, BitMap64] = {}
    acted, who = set(roles), set()
    category = {name: f.category for policy in policies for name, f in policy.fields.items()}
    total, first, last = 0, None, None
    for seq, body in records:
        ts = int(body["ts"])
        total, first, last = total + 1, ts if first is None else first, ts
        acted.update(body.get("roles", ()))
        who.add(str(body.get("who", "")))
        if body.get("kind") == REFUSED:
            refused[str(body.get("reason", ""))] += 1
            continue
        one = found.setdefault((str(body.get("purpose", "")), str(body.get("action", ""))), _One())
        people = _people(seq, body, members)
        one.requests += weight(body)
        one.people |= people
        names = body.get("fields", ())
        one.fields.update(names)
        if "to" in body:
            one.to.add(str(body["to"]))
        for told in {category.get(name, "other") for name in names}:
            categories[told] = categories.get(told, BitMap64()) | people
    everybody = BitMap64.union(*(one.people for one in found.values())) if found else BitMap64()
    return Scope(
        total,
        dict(sorted(refused.items())),
        len(everybody),
        _told(found),
        {name: len(people) for name, people in sorted(categories.items())},
        tuple(sorted(acted)),
        tuple(sorted(who)),
        tuple(p for policy in policies for p in permitted(policy, frozenset(acted))),
        people_at_most,
        first,
        last,
    )


def permitted(policy: Policy, roles: frozenset[str]) -> list[Permitted]:
    """What a policy lets somebody do in any of these roles, conditions taken as fulfilled."""
    held = {inherited for role in roles for inherited in (role, *policy.roles.get(role, ()))}
    return [
        Permitted(
            permit.id,
            policy.hash[:16],
            permit.role,
            permit.purpose,
            tuple(sorted(permit.actions)),
            tuple(sorted(permit.fields)),
            permit.break_glass is not None,
        )
        for permit in policy.permits.values()
        if permit.role in held
    ]


def _people(seq: int, body: Mapping[str, Any], members: Members) -> BitMap64:
    about = body.get("set") or {}
    if "snos" in about:
        return BitMap64(about["snos"])
    return BitMap64(members(seq)) if about else BitMap64()


def _told(found: Mapping[tuple[str, str], _One]) -> tuple[Reached, ...]:
    rows = [
        Reached(purpose, action, one.requests, len(one.people), tuple(sorted(one.fields)),
                tuple(sorted(one.to)))
        for (purpose, action), one in found.items()
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (-r.people, -r.requests, r.purpose, r.action)))
