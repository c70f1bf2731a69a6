"""Who may do what for which purpose, as a matrix: worked out by asking the policy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.review import saying, words
from privet.review.circumstances import limited
from privet.review.rectangles import rectangles
from privet.review.space import Answer, Case, answer, cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy import Policy


@dataclass(frozen=True, slots=True)
class Line:
    """Some actions that one role may do for one purpose, all alike.

    Attributes:
        actions: sorted.
        fields: in words; empty for actions without fields.
        to: the recipient of an export; empty for none.
        how: the minimization in words; empty where there is none.
        where: the circumstances in words; empty where it holds always.
    """

    actions: tuple[str, ...]
    fields: str
    to: str
    how: str
    where: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Role by purpose.

    Attributes:
        roles: the rows.
        purposes: the columns: the policy's own, then the built-in ones that are used.
        cells: role and purpose to what may be done; a pair that may do nothing has none.
    """

    roles: tuple[str, ...]
    purposes: tuple[str, ...]
    cells: Mapping[tuple[str, str], tuple[Line, ...]]


def matrix(policy: Policy) -> Matrix:
    """The matrix of a policy; what a role inherits and what denies take away is worked in."""
    found: dict[tuple[str, str], dict[tuple[str, Answer], list[Case]]] = defaultdict(dict)
    for case in cases([policy]):
        told = answer(policy, case)
        if told.allowed and len(case.roles) == 1:
            alike = found[min(case.roles), case.purpose]
            alike.setdefault((case.to or "", told), []).append(case)
    used = {purpose for _, purpose in found}
    own = [name for name in policy.purposes if name in used]
    return Matrix(
        tuple(policy.roles),
        (*own, *sorted(used.difference(own))),
        {at: tuple(_lines(policy, alike)) for at, alike in found.items()},
    )


def _lines(policy: Policy, alike: Mapping[tuple[str, Answer], list[Case]]) -> list[Line]:
    lines = []
    for (to, told), some in alike.items():
        with_fields = {(c.action, c.point) for c in some if c.field is not None}
        kept = [c for c in some if c.field is not None or (c.action, c.point) not in with_fields]
        shapes: dict[tuple[tuple[str, frozenset[str]], ...], list[Case]] = defaultdict(list)
        for case in kept:
            shapes[case.point.every].append(case)
        for every, members in shapes.items():
            points = [
                (c.action, c.field or "", *(said for _, said in c.point.told)) for c in members
            ]
            for actions, fields, *classes in rectangles(points):
                where = [words.listed(some, "or") for some in limited(classes, every).values()]
                named = frozenset(fields - {""})
                text = words.fields(named, [policy]) if named else ""
                how = saying.minimized(told)
                lines.append(Line(tuple(sorted(actions)), text, to, how, ", ".join(where)))
    # A request without a field says nothing where the same action stands with fields.
    acting = {action for line in lines if line.fields for action in line.actions}
    kept_lines = [line for line in lines if line.fields or not acting.issuperset(line.actions)]
    return sorted(kept_lines, key=lambda line: (line.actions, line.fields, line.to, line.where))
