"""The finite space that a policy decides over, and what it answers at each point of it.

Two facts about decisions keep it small, and both are checked against brute force over every set
of roles and fields (``tests/properties/test_review_diff.py``):

- A request for several fields is answered as its fields are, one by one, and their
  minimizations add up: no permit looks at two fields together.
- For a set of roles nothing else counts than for its members alone, save two things that may
  hold between two of them: a ``separate:`` group, and a deny that binds one and takes away what
  the other may. So pairs suffice, and only with roles that a deny names.

Circumstances that conditions depend on are classes (``circumstances.points``). Another dimension
of requests belongs there or into ``Case``, ``cases`` and ``answer``, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from privet.errors import AccessDenied
from privet.policy import Ask
from privet.review.circumstances import ANY, Point, points
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from privet.policy import Permit, Policy
    from privet.policy.minimize import Coarseness
    from privet.policy.when import When


Request = tuple[str, str, str | None]
"""Purpose, action and recipient."""


@dataclass(frozen=True, slots=True)
class Case:
    """One point of the space.

    Attributes:
        roles: what one person holds at a time: one role, or two.
        purpose: why.
        action: what.
        to: the recipient of an export.
        field: a full name; None for a request that names no field.
        point: in which circumstances.
    """

    roles: frozenset[str]
    purpose: str
    action: str
    to: str | None
    field: str | None
    point: Point = ANY

    @property
    def ask(self) -> Ask:
        """The request itself."""
        named = frozenset[str]() if self.field is None else frozenset({self.field})
        return Ask(self.roles, self.purpose, self.action, named, self.to)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy says at one point, without the names of its rules.

    Attributes:
        allowed: whether it is permitted.
        open: whether the field is opened; not where ``drop`` leaves it out.
        last: only so many of a person's newest events, if so.
        time: instants are cut to this unit, if so.
        rules: operation and width for the field, sorted.
        least: fewest people a release may be about.
    """

    allowed: bool
    open: bool = False
    last: int | None = None
    time: Coarseness | None = None
    rules: tuple[tuple[str, int], ...] = ()
    least: int = 1


REFUSED = Answer(allowed=False)


def answer(policy: Policy, case: Case) -> Answer:
    """What the policy answers at a point of the space."""
    decision = policy.decide(case.ask, case.point.given)
    if not decision.allowed:
        return REFUSED
    how = decision.minimize
    opened = case.field is None or case.field in decision.granted
    return Answer(
        allowed=True,
        open=opened,
        last=how.last,
        time=how.time,
        rules=tuple((operation, wide) for _, operation, wide in how.rules) if opened else (),
        least=decision.least,
    )


class Conditions:
    """The conditions of all rules, by the requests that they bear on."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._zones = list(dict.fromkeys(policy.timezone for policy in policies))
        self._permits: dict[Request, list[When]] = {}
        self._denies: dict[tuple[str, str | None], list[When]] = {}
        for policy in policies:
            for permit in policy.permits.values():
                if permit.when is not None:
                    for action, to in product(permit.actions, permit.to or (None,)):
                        key = (permit.purpose, action, to)
                        self._permits.setdefault(key, []).append(permit.when)
            for deny in policy.denies:
                if deny.when is not None:
                    for about in product(deny.purposes, deny.actions or (None,)):
                        self._denies.setdefault(about, []).append(deny.when)

    def points(self, purpose: str, action: str, to: str | None) -> list[Point]:
        """The circumstances that rules about a request tell apart, whoever makes it."""
        bearing = [
            *self._permits.get((purpose, action, to), ()),
            *self._denies.get((purpose, action), ()),
            *self._denies.get((purpose, None), ()),
        ]
        return points(list(dict.fromkeys(bearing)), self._zones)


def cases(policies: Sequence[Policy]) -> Iterator[Case]:
    """Every point at which one of the policies may permit something; all others are refused."""
    conditions = Conditions(policies)
    known: dict[Request, list[Point]] = {}
    for roles, purpose, action, to, fields in requests(policies):
        request = (purpose, action, to)
        if request not in known:
            known[request] = conditions.points(*request)
        for point in known[request]:
            for name in (None, *fields):
                yield Case(roles, purpose, action, to, name, point)


def cases_of(permit: Permit, conditions: Conditions) -> Iterator[Case]:
    """Every point that one permit is about, for its own role alone."""
    recipients: list[str | None] = [*sorted(permit.to)] or [None]
    fields: list[str | None] = [*sorted(permit.fields)] or [None]
    for action, to in product(sorted(permit.actions), recipients):
        for point in conditions.points(permit.purpose, action, to):
            for name in fields:
                yield Case(frozenset({permit.role}), permit.purpose, action, to, name, point)


def requests(
    policies: Sequence[Policy],
) -> Iterator[tuple[frozenset[str], str, str, str | None, list[str]]]:
    """Roles, purpose, action, recipient and fields of all that some permit is about."""
    index = [_by_request(policy) for policy in policies]
    wanted = sorted({key for found in index for key in found}, key=str)
    for roles in role_sets(policies):
        held = [reach(policy, roles) for policy in policies]
        for key in wanted:
            bearing = [
                permit
                for found, names in zip(index, held, strict=True)
                for permit in found.get(key, ())
                if permit.role in names
            ]
            if bearing:
                fields = frozenset[str]().union(*(permit.fields for permit in bearing))
                yield roles, *key, sorted(fields)


def reach(policy: Policy, roles: Iterable[str]) -> frozenset[str]:
    """Roles with all that they inherit; one that is not declared brings nothing."""
    return frozenset[str]().union(*(policy.roles.get(role, ()) for role in roles))


def _by_request(policy: Policy) -> dict[Request, list[Permit]]:
    """The permits by purpose, action and recipient."""
    found: dict[Request, list[Permit]] = {}
    for permit in policy.permits.values():
        for action, to in product(permit.actions, permit.to or (None,)):
            found.setdefault((permit.purpose, action, to), []).append(permit)
    return found


def role_sets(policies: Sequence[Policy]) -> list[frozenset[str]]:
    """The sets of roles that tell policies apart: each role, and pairs that a deny can tell."""
    roles = sorted({role for policy in policies for role in policy.roles})
    singles = [frozenset({role}) for role in roles]
    bound = sorted({role for policy in policies for role in _bound(policy)})
    pairs = {frozenset({one, other}) for one in bound for other in roles if one != other}
    return singles + sorted(
        (pair for pair in pairs if any(may_be_held(p, pair) for p in policies)), key=sorted
    )


def may_be_held(policy: Policy, roles: Iterable[str]) -> bool:
    """Whether one person may hold these roles at a time."""
    held = frozenset(roles)
    if held == {SELF_ROLE}:
        return True
    try:
        policy.check_roles(held)
    except AccessDenied:
        return False
    return True


def _bound(policy: Policy) -> Iterator[str]:
    """The roles that a deny with ``roles`` binds, by themselves or by what they inherit."""
    named = frozenset[str]().union(*(deny.roles or () for deny in policy.denies))
    return (role for role, closure in policy.roles.items() if not named.isdisjoint(closure))
