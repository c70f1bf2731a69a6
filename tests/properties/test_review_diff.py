"""A difference of two policies is empty exactly where brute force finds none."""

from __future__ import annotations

import dataclasses
from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.errors import AccessDenied
from privet.policy import Ask, Deny, Minimize, Permit, Policy, compile_documents
from privet.policy.checkpolicy import closures
from privet.review import diff

DATA = """\
privet: data/1
subject: {is: account, id: account}
timezone: Europe/Berlin
categories: {transaction: {}}
events:
  buy:
    unique: [a]
    fields:
      a: {type: int, category: transaction}
      b: {type: int, category: transaction}
"""
POLICY = """\
privet: policy/1
name: tiny
data: data.yaml
controller: {name: Example, contact: privacy@example.com}
recipients:
  mailer: {is: controller, country: IE, receives: [buy.a]}
purposes:
  orders: {text: Deliver., basis: consent, retention: 2y, recipients: [mailer]}
roles: {r0: {}}
permits:
  - {id: p, role: r0, for: orders, may: [collect, read], fields: [buy.*]}
"""
BASE = compile_documents({"data": DATA, "policy": POLICY})
ROLES = ["r0", "r1", "r2"]
FIELDS = ["buy.a", "buy.b"]
ACTIONS = ["read", "export"]
KINDS = ["remove", "add", "last", "time", "least", "copy", "drop", "deny", "pair"]

some_fields = st.frozensets(st.sampled_from(FIELDS), min_size=1)


@st.composite
def permits(draw: st.DrawFn, name: str) -> Permit:
    fields = draw(some_fields)
    rules = draw(st.sets(st.sampled_from(sorted(fields)), max_size=1))
    how = Minimize(
        drop=draw(st.sampled_from([frozenset(), frozenset(), fields & {"buy.b"}])),
        last=draw(st.sampled_from([None, None, 3])),
        time=draw(st.sampled_from([None, None, "day", "week"])),
        rules=tuple((field, "round", draw(st.sampled_from([5, 10]))) for field in rules),
    )
    action = draw(st.sampled_from(ACTIONS))
    to = frozenset({"mailer"}) if action == "export" and draw(st.booleans()) else frozenset()
    role = draw(st.sampled_from(ROLES))
    least = draw(st.sampled_from([1, 1, 50]))
    return Permit(name, role, "orders", frozenset({action}), fields, how, least, to)


@st.composite
def denies(draw: st.DrawFn, name: str) -> Deny:
    return Deny(
        name,
        "no",
        draw(st.none() | st.frozensets(st.sampled_from(ROLES), min_size=1, max_size=2)),
        frozenset({"orders"}),
        draw(st.none() | st.frozensets(st.sampled_from(ACTIONS), min_size=1)),
        draw(st.none() | some_fields),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    parents = {
        name: draw(st.sets(st.sampled_from(ROLES[:at]), max_size=2)) if at else ()
        for at, name in enumerate(ROLES)
    }
    declared = ROLES if draw(st.booleans()) else ROLES[:2]
    roles = closures({name: parents[name] for name in declared})
    apart = draw(st.sampled_from([(), (), *combinations(declared, 2)]))
    if any(set(apart) <= closure for closure in roles.values()):
        apart = ()
    ids = draw(st.permutations(["x", "y", "z"]))
    allowed = [draw(permits(name)) for name in ids[: draw(st.integers(0, 3))]]
    return dataclasses.replace(
        BASE,
        hash=draw(st.uuids()).hex,
        roles=roles | {"self": frozenset({"self"})},
        separate=(frozenset(apart),) if apart else (),
        permits={p.id: p for p in allowed if p.role in declared},
        denies=tuple(draw(denies(f"d{i}")) for i in range(draw(st.integers(0, 2)))),
    )


def subsets(members: list[str]) -> chain[tuple[str, ...]]:
    return chain.from_iterable(combinations(members, n) for n in range(len(members) + 1))


def everything(policy: Policy) -> dict[object, object]:
    """The answer to every request there is, and who may hold what: no seam, no pruning."""
    found: dict[object, object] = {}
    for held in map(frozenset, subsets(ROLES)):
        try:
            policy.check_roles(held)
        except AccessDenied:
            found[held] = "may not be held"
        for action in ACTIONS:
            for to in (None, "mailer"):
                for fields in map(frozenset, subsets(FIELDS)):
                    d = policy.decide(Ask(held, "orders", action, fields, to))
                    rules = [r for r in d.minimize.rules if r[0] in d.granted]
                    how = (d.granted, d.minimize.last, d.minimize.time, rules, d.least)
                    found[held, action, to, fields] = how if d.allowed else None
    return found


@settings(max_examples=60, deadline=None)
@given(policies(), policies())
def test_there_is_a_difference_exactly_where_brute_force_finds_one(a: Policy, b: Policy) -> None:
    assert diff(a, b).same == (everything(a) == everything(b))


@st.composite
def edits(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy and one edit of it: two random ones nearly always differ in many ways."""
    a = draw(policies())
    kept = dict(a.permits)
    name = draw(st.sampled_from(sorted(kept))) if kept else ""
    kind = draw(st.sampled_from(KINDS))
    b = dataclasses.replace(a, hash="b")
    if kind == "pair":
        apart = draw(st.sampled_from([(), (frozenset({"r0", "r1"}),)]))
        return a, dataclasses.replace(b, separate=apart)
    if kind == "deny":
        return a, dataclasses.replace(b, denies=(*a.denies[:-1], draw(denies("e"))))
    if kind == "add" or not name:
        more = draw(permits("more"))
        kept |= {"more": more} if more.role in a.roles else {}
    elif kind == "remove":
        del kept[name]
    elif kind == "copy":
        kept["copy"] = dataclasses.replace(kept[name], id="copy")
    elif kind == "least":
        kept[name] = dataclasses.replace(kept[name], least=draw(st.sampled_from([1, 20, 50])))
    elif kind == "drop":
        how = dataclasses.replace(kept[name].minimize, drop=frozenset({"buy.a"}))
        kept[name] = dataclasses.replace(kept[name], minimize=how)
    else:
        value = {"last": st.sampled_from([None, 3, 9]), "time": st.sampled_from([None, "day"])}
        how = dataclasses.replace(kept[name].minimize, **{kind: draw(value[kind])})
        kept[name] = dataclasses.replace(kept[name], minimize=how)
    return a, dataclasses.replace(b, permits=kept)


@settings(max_examples=200, deadline=None)
@given(edits())
def test_an_edit_is_told_exactly_where_it_matters(pair: tuple[Policy, Policy]) -> None:
    a, b = pair
    assert diff(a, b).same == (everything(a) == everything(b))


def rule(name: str, role: str) -> Permit:
    return Permit(
        name, role, "orders", frozenset({"read"}), frozenset({"buy.a"}), Minimize(), 1, frozenset()
    )


def two_roles(*, deny: bool, other: bool) -> Policy:
    """``r0`` may read; a deny may bind ``r1``, who may read nothing anyway, or may as well."""
    held = {name: frozenset({name}) for name in ("r0", "r1")}
    bound = Deny("d", "no", frozenset({"r1"}), frozenset({"orders"}), None, None)
    return dataclasses.replace(
        BASE,
        hash=f"{deny}{other}",
        roles=held,
        separate=() if other else (frozenset(held),),
        permits={"x": rule("x", "r0")},
        denies=(bound,) if deny else (),
    )


def test_a_deny_counts_where_another_role_of_the_same_person_may() -> None:
    """Neither role alone tells it: only who holds both is refused now."""
    (change,) = diff(two_roles(deny=False, other=True), two_roles(deny=True, other=True)).changes
    assert change.kind == "lost"
    assert change.sentence == "who is both r0 and r1 may no longer read buy.a for orders"
    assert diff(two_roles(deny=False, other=False), two_roles(deny=True, other=False)).same


@settings(max_examples=60, deadline=None)
@given(policies(), policies())
def test_backwards_what_was_gained_is_lost(a: Policy, b: Policy) -> None:
    def told(kind: str, one: Policy, other: Policy) -> set[str]:
        changes = diff(one, other).changes
        return {
            str({**c.detail, "before": 0, "after": 0})
            for c in changes
            if c.kind == kind and c.detail["about"] == "permission"
        }

    assert told("gained", a, b) == told("lost", b, a)
    assert told("tighter", a, b) == told("looser", b, a)
