"""Inheritance and separation of duty equal a brute-force fixpoint, over random hierarchies."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.errors import AccessDenied, PolicyError
from privet.policy import Ask, Policy, compile_documents

FIELDS = [f"f{i}" for i in range(6)]
DATA = (
    "privet: data/1\nsubject: {is: account, id: account}\ntimezone: UTC\ncategories: {c: {}}\n"
    "events:\n  visit:\n    unique: [f0]\n    fields:\n"
    + "".join(f"      {name}: {{type: int, category: c}}\n" for name in FIELDS)
)
HEAD = (
    "privet: policy/1\nname: roles\ndata: data.yaml\n"
    "controller: {name: Example, contact: privacy@example.com}\n"
    "purposes: {work: {text: Work., basis: consent, retention: 1y}}\n"
)

Parents = dict[str, list[str]]


def hierarchy(size: int, source: random.Random) -> Parents:
    """Roles with several parents each; long chains are likely; the names are shuffled."""
    order = [f"r{i}" for i in range(size)]
    source.shuffle(order)
    found: Parents = {}
    for i, name in enumerate(order):
        parents = set(order[i - 1 : i]) if source.random() < 0.9 else set()
        parents |= {source.choice(order[:i]) for _ in range(source.randrange(3)) if i}
        found[name] = sorted(parents)
    return dict(source.sample(list(found.items()), size))


def fixpoint(parents: Parents) -> dict[str, set[str]]:
    """By composing the relation with itself until nothing is added."""
    held = {name: {name, *direct} for name, direct in parents.items()}
    while True:
        grown = {
            name: set().union(known, *(held[other] for other in known))
            for name, known in held.items()
        }
        if grown == held:
            return held
        held = grown


def compiled(
    parents: Parents, grants: dict[str, set[str]], groups: list[list[str]] | None = None
) -> Policy:
    """A role for loading, and each role's own fields."""
    roles = "".join(f"  {n}: {{inherits: [{', '.join(p)}]}}\n" for n, p in parents.items())
    permits = "".join(
        f"  - {{id: p-{name}, role: {name}, for: work, may: [read], "
        f"fields: [{', '.join(f'visit.{f}' for f in sorted(fields))}]}}\n"
        for name, fields in grants.items()
        if fields
    )
    apart = f"separate: [{', '.join('[' + ', '.join(g) + ']' for g in groups)}]\n" if groups else ""
    text = (
        f"{HEAD}roles:\n  loader: {{}}\n{roles}{apart}permits:\n"
        "  - {id: load, role: loader, for: work, may: [collect, read], fields: [visit.*]}\n"
        f"{permits}"
    )
    return compile_documents({"data": DATA, "policy": text})


def asked(roles: set[str], field: str) -> Ask:
    return Ask(frozenset(roles), "work", "read", frozenset({f"visit.{field}"}))


@given(st.integers(2, 80), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_effective_permits_equal_the_fixpoint(size: int, source: random.Random) -> None:
    parents = hierarchy(size, source)
    grants = {name: set(source.sample(FIELDS, source.randrange(3))) for name in parents}
    policy = compiled(parents, grants)
    held = fixpoint(parents)
    for name in parents:
        effective = set().union(*(grants[other] for other in held[name]))
        for field in FIELDS:
            assert policy.decide(asked({name}, field)).allowed == (field in effective)
    one, other = source.choice(list(parents)), source.choice(list(parents))
    both = set().union(*(grants[r] for r in held[one] | held[other]))
    for field in FIELDS:
        assert policy.decide(asked({one, other}, field)).allowed == (field in both)


@given(st.integers(3, 60), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_separation_of_duty_holds_through_inheritance(size: int, source: random.Random) -> None:
    """Static: no role holds two of a group. Dynamic: no principal, and no request, uses two."""
    parents = hierarchy(size, source)
    if source.random() < 0.7:  # a sparse one, so that some groups can be apart
        parents = {
            name: direct[:1] if source.random() < 0.4 else [] for name, direct in parents.items()
        }
    held = fixpoint(parents)
    groups = [source.sample(list(parents), source.choice([2, 2, 3])) for _ in range(2)]
    grants = {name: {"f1"} for name in parents}

    def joins(roles: set[str]) -> bool:
        all_held = set().union(*(held[role] for role in roles))
        return any(len(all_held & set(group)) > 1 for group in groups)

    if any(joins({name}) for name in parents):
        with pytest.raises(PolicyError) as refusal:
            compiled(parents, grants, groups)
        assert all("kept apart" in str(f["what"]) for f in refusal.value.problems)
        return
    policy = compiled(parents, grants, groups)
    for _ in range(20):
        roles = set(source.sample(list(parents), 2))
        decision = policy.decide(asked(roles, "f1"))
        assert (decision.reason == "role.separate") == joins(roles)
        assert decision.allowed != joins(roles)
        if not joins(roles):
            policy.check_roles(roles)
            continue
        with pytest.raises(AccessDenied) as apart:
            policy.check_roles(roles)
        assert apart.value.reason == "role.separate"


@pytest.mark.parametrize("depth", [10, 50, 500, 1_900])
def test_a_long_chain_inherits_to_its_end(depth: int) -> None:
    """Some engines stop after ten links and deny what was granted."""
    parents = {f"r{i}": [f"r{i + 1}"] for i in range(depth)} | {f"r{depth}": []}
    policy = compiled(parents, {f"r{depth}": {"f3"}})
    assert policy.decide(asked({"r0"}, "f3")).permits == (f"p-r{depth}",)
    assert not policy.decide(asked({f"r{depth}"}, "f2")).allowed
    assert len(policy.roles["r0"]) == depth + 1


@given(st.integers(1, 60), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_a_circle_anywhere_is_refused_and_every_role_in_it_named(
    size: int, source: random.Random
) -> None:
    parents = hierarchy(size, source)
    held = fixpoint(parents)
    low = source.choice(list(parents))
    high = source.choice(sorted(held[low]))
    parents[high] = [*parents[high], low]
    looped = {n for n in parents if n in held[low] and high in held[n]} | {low, high}
    with pytest.raises(PolicyError) as refusal:
        compiled(parents, {name: {"f1"} for name in parents})
    found = [f for f in refusal.value.problems if "inherit from each other" in str(f["what"])]
    assert len(found) == len(looped)
