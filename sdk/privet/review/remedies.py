"""What would allow a refused request, in one line each, the smallest first.

Every line was tried: with it the request is allowed, and what it would allow beside is counted.
A deny is never lifted: it is named with its reason, for whoever answers for the policy.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import chain, combinations, count
from typing import TYPE_CHECKING, NamedTuple, get_args

from privet.policy.rules import FIELD_ACTIONS
from privet.review import words
from privet.review.circumstances import limited
from privet.review.edits import Edit, tried
from privet.review.places import written
from privet.review.rectangles import rectangles
from privet.review.space import Conditions, may_be_held, reach
from privet.types import BUILT_IN_PURPOSES, SELF_ROLE, Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from privet.policy import Ask, Deny, Permit, Policy
    from privet.policy.when import Circumstances

_ROLE_SIZE = 1
_MOST_SAID = 3
_ACTIONS = get_args(Action)


class Remedy(NamedTuple):
    """One change that would allow a request.

    Attributes:
        kind: ``"ask"`` (ask otherwise), ``"tell"`` (circumstances), ``"role"``, ``"permit"``
            (a policy's permit), ``"person"`` (a ground), ``"deny"`` (none: a deny forbids it).
        line: the change in words.
        size: how many names it writes.
        beside: how many other things it would permit to who asks, denies and conditions aside.
    """

    kind: str
    line: str
    size: int = 0
    beside: int = 0


def remedies(policy: Policy, ask: Ask, given: Circumstances) -> tuple[Remedy, ...]:
    """Changes after which a refused request is allowed, the smallest first."""
    corrected, said = _corrected(policy, ask)
    if corrected is None:
        return ()
    if said:
        if policy.decide(corrected, given).allowed:
            return (Remedy("ask", f"ask {said}"),)
        more = remedies(policy, corrected, given)
        return tuple(r._replace(line=f"ask {said}, and {r.line}") for r in more)
    decision = policy.decide(ask, given)
    found = [*_circumstances(policy, ask, given), *_fewer(policy, ask, given)]
    if decision.deny is not None:
        found.append(_forbidden(policy, decision.deny))
    else:
        found += [*_roles(policy, ask, given), *_permits(policy, ask, given)]
    return tuple(sorted(set(found), key=lambda r: (r.kind == "deny", r.size, r.beside, r.line)))


def _corrected(policy: Policy, ask: Ask) -> tuple[Ask | None, str]:
    """The request with each unknown name replaced by the nearest, and how that is said."""
    said: list[str] = []

    def near(names: Iterable[str], known: Iterable[str], word: str) -> frozenset[str] | None:
        right: list[str] = []
        declared = list(known)
        for name in sorted(names):
            best = [name] if name in declared else get_close_matches(name, declared, 1)
            if not best:
                return None
            right += best
            if best != [name]:
                said.append(f"{word} `{best[0]}` instead of `{name}`")
        return frozenset(right)

    roles = near(ask.roles, policy.roles, "as")
    purpose = near({ask.purpose}, [*policy.purposes, *sorted(BUILT_IN_PURPOSES)], "for")
    action = near({ask.action}, _ACTIONS, "to")
    fields = near(ask.fields, policy.fields, "for the field")
    if roles is None or purpose is None or action is None or fields is None:
        return None, ""
    right = ask._replace(roles=roles, purpose=min(purpose), action=min(action), fields=fields)
    return right, words.listed(said) if said else ""


def _circumstances(policy: Policy, ask: Ask, given: Circumstances) -> Iterator[Remedy]:
    """In which circumstances the same request is allowed."""
    if not policy.needs(ask):
        return
    every = Conditions([policy]).points(ask.purpose, ask.action, ask.to)
    allowed = [point for point in every if policy.decide(ask, point.given).allowed]
    products = rectangles(tuple(said for _, said in point.told) for point in allowed)
    for some in products[:_MOST_SAID]:
        told = [words.listed(part, "or") for part in limited(some, every[0].every).values()]
        if told:
            how = "open it" if "in an emergency" in told else "tell what is known of that"
            yield Remedy("tell", f"it is allowed {', '.join(told)}: {how}")


def _fewer(policy: Policy, ask: Ask, given: Circumstances) -> Iterator[Remedy]:
    """Fewer roles, the recipient, or without what a deny takes."""
    decision = policy.decide(ask, given)
    for held in combinations(sorted(ask.roles), max(1, len(ask.roles) - 1)):
        fewer = ask._replace(roles=frozenset(held))
        if fewer != ask and policy.decide(fewer, given).allowed:
            yield Remedy("ask", f"ask as {words.listed(f'`{r}`' for r in held)} alone")
    named = sorted(chain.from_iterable(p.to for p in policy.permits.values()))
    for to in dict.fromkeys([None, *named]):
        other = ask._replace(to=to)
        if other != ask and policy.decide(other, given).allowed:
            how = f"name the recipient: `{to}`" if to else "name no recipient"
            yield Remedy("ask", how)
    rest = ask.fields - decision.refused
    if decision.deny is not None and rest and rest != ask.fields:
        without = ask._replace(fields=rest)
        if policy.decide(without, given).allowed:
            left = words.listed(f"`{name}`" for name in sorted(decision.refused))
            yield Remedy("ask", f"leave out {left}: the rest is allowed")


def _forbidden(policy: Policy, name: str) -> Remedy:
    deny: Deny = next(deny for deny in policy.denies if deny.id == name)
    text = deny.text.rstrip(".")
    line = f"the deny `{name}` forbids this ({text}): ask whoever answers for the policy"
    return Remedy("deny", line)


def _roles(policy: Policy, ask: Ask, given: Circumstances) -> Iterator[Remedy]:
    """Roles that may do it, beside those held or, where they are kept apart, of somebody else."""
    for role in sorted(policy.roles.keys() - {SELF_ROLE}):
        both = ask.roles | {role}
        if role in reach(policy, ask.roles):
            continue
        if may_be_held(policy, both) and policy.decide(ask._replace(roles=both), given).allowed:
            more = _allowed(policy, both) - _allowed(policy, ask.roles) - _asked(ask)
            yield Remedy("role", f"give the role `{role}`", _ROLE_SIZE, len(more))
        elif policy.decide(ask._replace(roles=frozenset({role})), given).allowed:
            others = words.listed(f"`{name}`" for name in sorted(ask.roles)) if ask.roles else ""
            apart = f"; nobody may hold it together with {others}" if others else ""
            line = f"let somebody with the role `{role}` do it{apart}"
            more = _allowed(policy, {role}) - _asked(ask)
            yield Remedy("role", line, _ROLE_SIZE, len(more))


Cell = tuple[str, str, str | None, str]
"""Purpose, action, recipient and field of a permission."""


def _asked(ask: Ask) -> set[Cell]:
    return {(ask.purpose, ask.action, ask.to, name) for name in (ask.fields or ("",))}


def _allowed(policy: Policy, roles: Iterable[str]) -> set[Cell]:
    """What roles may do by their permits, denies and conditions aside: a measure of power."""
    held = reach(policy, roles)
    return {
        (p.purpose, action, to, name)
        for p in policy.permits.values()
        if p.role in held
        for action in p.actions
        for to in (p.to or (None,))
        for name in (p.fields or ("",))
    }


def _permits(policy: Policy, ask: Ask, given: Circumstances) -> Iterator[Remedy]:
    """What to write into a permit of these roles for this purpose, or a permit to add."""
    held = reach(policy, ask.roles)
    for permit in policy.permits.values():
        if permit.role in held and permit.purpose == ask.purpose:
            yield from _tried(policy, ask, given, _addition(policy, ask, permit))
    if ask.roles and ask.roles <= policy.roles.keys():
        role = min(ask.roles)
        missing = policy.decide(ask, given).refused or ask.fields
        fields = tuple(sorted(missing)) if ask.action in FIELD_ACTIONS else ()
        to = (ask.to,) if ask.to else ()
        new = Edit(_unused(policy), role, ask.purpose, (ask.action,), fields, to)
        yield from _tried(policy, ask, given, new)


def _unused(policy: Policy) -> str:
    """An id that no permit has."""
    return next(name for n in count(1) if (name := f"new-{n}") not in policy.permits)


def _addition(policy: Policy, ask: Ask, permit: Permit) -> Edit:
    missing = ask.fields - permit.fields
    if ask.action in permit.actions:  # another permit may grant some of them already
        missing &= policy.decide(ask).refused or missing
    return Edit(
        permit.id,
        "",
        ask.purpose,
        () if ask.action in permit.actions else (ask.action,),
        tuple(sorted(missing)),
        (ask.to,) if ask.to and ask.to not in permit.to else (),
    )


def _tried(policy: Policy, ask: Ask, given: Circumstances, edit: Edit) -> Iterator[Remedy]:
    after = tried(policy, edit)
    if after is None and ask.purpose in policy.purposes:
        edit = _with_reuse(policy, edit)
        after = tried(policy, edit) if edit.reuses else None
    if after is None:
        return
    decision = after.decide(ask, given)
    if decision.allowed:
        more = _allowed(after, ask.roles) - _allowed(policy, ask.roles) - _asked(ask)
        yield Remedy("permit", _said(policy, edit), edit.size, len(more))
    elif decision.deny is not None:
        yield _forbidden(policy, decision.deny)


def _with_reuse(policy: Policy, edit: Edit) -> Edit:
    """The same, with the purposes that collect what its own purpose does not (Art. 6(4))."""
    near = {edit.purpose, *policy.purposes[edit.purpose].reuses}
    collected: dict[str, set[str]] = {}
    for permit in policy.permits.values():
        if "collect" in permit.actions:
            collected.setdefault(permit.purpose, set()).update(permit.fields)
    open_ = set(edit.fields) - set().union(*(collected.get(name, set()) for name in near))
    sources = []
    for name in sorted(collected.keys() - near, key=lambda n: -len(collected[n] & open_)):
        if collected[name] & open_:
            sources.append(name)
            open_ -= collected[name]
    return Edit(
        edit.permit, edit.role, edit.purpose, edit.actions, edit.fields, edit.to, tuple(sources)
    )


def _said(policy: Policy, edit: Edit) -> str:
    fields = f" {words.fields(edit.fields, [policy])}" if edit.fields else ""
    if edit.role:
        to = f" to {words.listed(edit.to)}" if edit.to else ""
        line = f"add a permit: `{edit.role}` may {edit.actions[0]}{fields} for {edit.purpose}{to}"
    else:
        named = [f"`{name}`" for name in (*edit.actions, *edit.fields, *edit.to)]
        line = f"add {words.listed(named)} to the permit `{written(edit.permit)}`"
    if edit.reuses:
        sources = words.listed(f"`{name}`" for name in edit.reuses)
        line += f", and let `{edit.purpose}` reuse {sources} with a written assessment (Art. 6(4))"
    return line
