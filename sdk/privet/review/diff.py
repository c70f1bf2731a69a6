"""What differs between two policies, by what they mean and not by how they are written.

Both are asked everything that can be asked of either, so that rules in another order, wildcards
spelt out or a permit inherited instead of copied are no difference. There is none if and only if
no request is answered otherwise and nothing else that binds is said otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from privet.policy.minimize import COARSENESS, Coarseness
from privet.review import saying
from privet.review.circumstances import limited
from privet.review.facts import Key, Value, facts
from privet.review.rectangles import rectangles
from privet.review.resealing import Resealing, resealing
from privet.review.space import Answer, Case, answer, cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from privet.policy import Policy

Kind = Literal["gained", "looser", "changed", "tighter", "lost"]
ORDER: tuple[Kind, ...] = ("gained", "looser", "changed", "tighter", "lost")
"""What widens comes first: it is what a reviewer looks for."""


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: what becomes of it: a permission is gained or lost, its minimization looser,
            tighter or otherwise changed; what else is said is changed.
        sentence: the difference in words.
        detail: the same as plain data.
    """

    kind: Kind
    sentence: str
    detail: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Difference:
    """Everything that differs.

    Attributes:
        changes: what widens first; empty if and only if both mean the same.
        resealing: what is stored and must be sealed anew before the second takes effect.
    """

    changes: tuple[Change, ...]
    resealing: tuple[Resealing, ...]

    @property
    def same(self) -> bool:
        """Whether both policies mean the same."""
        return not self.changes


Pair = tuple[Answer, Answer]
Dimensions = tuple[tuple[str, frozenset[str]], ...]


def diff(before: Policy, after: Policy) -> Difference:
    """What changes for whom where ``after`` takes the place of ``before``."""
    both = (before, after)
    changes = [*_permissions(both, _differing(both)), *_facts(both)]
    ranked = sorted(changes, key=lambda c: (ORDER.index(c.kind), c.sentence))
    return Difference(tuple(ranked), resealing(before, after))


def _differing(both: Sequence[Policy]) -> dict[Case, Pair]:
    """The points at which the answers differ, each said once.

    A pair of roles is left out where one of the two alone tells the difference, a request
    without a field where one with a field does.
    """
    found: dict[Case, Pair] = {}
    for case in cases(both):
        before, after = (answer(policy, case) for policy in both)
        if before != after:
            found[case] = before, after
    with_field = {_without_field(case) for case in found if case.field is not None}
    return {
        case: pair
        for case, pair in found.items()
        if not any(_alone(case, role) in found for role in case.roles if len(case.roles) > 1)
        and not (case.field is None and case in with_field)
    }


def _without_field(case: Case) -> Case:
    return replace(case, field=None)


def _alone(case: Case, role: str) -> Case:
    return replace(case, roles=frozenset({role}))


def _permissions(both: Sequence[Policy], differing: Mapping[Case, Pair]) -> Iterator[Change]:
    groups: dict[tuple[str, str | None, Dimensions, Pair], list[Case]] = defaultdict(list)
    for case, pair in differing.items():
        groups[case.purpose, case.to, case.point.every, pair].append(case)
    for (purpose, to, every, pair), members in groups.items():
        for roles, actions, fields, *classes in rectangles(map(_coordinates, members)):
            where = limited(classes, every)
            told = sorted(roles, key=sorted), sorted(actions), sorted(fields - {""})
            sentence = saying.permission(both, *told, purpose, to, where, pair)
            detail = {
                "about": "permission",
                "roles": [sorted(held) for held in told[0]],
                "actions": told[1],
                "fields": told[2],
                "purpose": purpose,
                "to": to,
                "where": where,
                "before": pair[0],
                "after": pair[1],
            }
            yield Change(_kind(*pair), sentence, detail)


def _coordinates(case: Case) -> tuple[frozenset[str] | str, ...]:
    return (case.roles, case.action, case.field or "", *(said for _, said in case.point.told))


def _kind(before: Answer, after: Answer) -> Kind:
    if not before.allowed:
        return "gained"
    if not after.allowed:
        return "lost"
    tighter, looser = _tighter(before, after), _tighter(after, before)
    if tighter and looser:
        return "changed"
    return "tighter" if tighter else "looser"


def _tighter(one: Answer, other: Answer) -> bool:
    """Whether ``other`` is stricter than ``one`` in some respect."""
    fewer = other.last is not None and (one.last is None or other.last < one.last)
    coarser = _grain(other.time) > _grain(one.time)
    wider = dict(one.rules)
    narrowed = any(wide > wider.get(operation, 0) for operation, wide in other.rules)
    return fewer or coarser or narrowed or other.least > one.least or (one.open and not other.open)


def _grain(time: Coarseness | None) -> int:
    return -1 if time is None else COARSENESS.index(time)


def _facts(both: Sequence[Policy]) -> Iterator[Change]:
    before, after = (facts(policy) for policy in both)
    things = [{key[:2] for key in told} for told in (before, after)]
    for about, name in sorted(things[0] ^ things[1]):
        new = (about, name) in things[1]
        if about == "pair":
            # Of a role that is new or gone, that says it all.
            if all(("role", role) in things[0] & things[1] for role in name.split(" and ")):
                yield _pair(name, apart=new)
            continue
        if about == "duty":  # who is bound anew may do less
            verb = "no longer" if new else "now"
            detail = {"about": about, "name": name, "key": ["used"]}
            line = f"one person may {verb} use both {name}"
            yield Change("lost" if new else "gained", line, detail)
            continue
        sentence = saying.thing(about, name, after if new else {}, new=new)
        detail = {"about": about, "name": name, "key": []}
        yield Change("gained" if new else "lost", sentence, detail)
    for key in sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k)):
        if key[:2] in things[0] & things[1]:
            yield _said_otherwise(key, before.get(key), after.get(key))


def _said_otherwise(key: Key, before: Value | None, after: Value | None) -> Change:
    about, name, *said = key
    told = {"before": _plain(before), "after": _plain(after)}
    detail = {"about": about, "name": name, "key": said, **told}
    return Change("changed", saying.fact(key, before, after), detail)


def _pair(name: str, *, apart: bool) -> Change:
    """Two roles that one person may hold at a time, or no longer."""
    detail = {"about": "pair", "name": name, "key": ["held"]}
    detail |= {"before": "yes" if apart else "no", "after": "no" if apart else "yes"}
    sentence = f"one person may {'no longer' if apart else 'now'} hold both {name}"
    return Change("lost" if apart else "gained", sentence, detail)


def _plain(value: Value | None) -> str | list[str] | None:
    return sorted(value) if isinstance(value, frozenset) else value
