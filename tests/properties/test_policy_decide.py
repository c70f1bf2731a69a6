"""Decisions equal a slow oracle; more rules never widen what they should not."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.policy import Ask, Decision, Period, Policy, load
from privet.policy.hierarchy import circular, closures
from privet.policy.layout import atoms
from privet.policy.minimize import COARSENESS, Minimize, strictest

POLICY = load("pack:grocery")
ROLES = sorted(POLICY.roles)
PURPOSES = [*POLICY.purposes, "privet:rights", "privet:consent", "privet:accountability"]
ACTIONS = ["collect", "read", "recommend", "train", "derive", "export", "answer", "erase", "prove"]
FIELDS = sorted(POLICY.fields)

asks = st.builds(
    Ask,
    st.frozensets(st.sampled_from([*ROLES, "stranger"]), max_size=3),
    st.sampled_from([*PURPOSES, "spying"]),
    st.sampled_from([*ACTIONS, "look"]),
    st.frozensets(st.sampled_from([*FIELDS, "purchase.shoe"]), max_size=5),
    st.sampled_from([None, None, "mailer", "printer"]),
)
fitting = st.sampled_from(sorted(POLICY.permits.values(), key=lambda p: p.id)).flatmap(
    lambda p: st.builds(
        Ask,
        st.just(frozenset({p.role})),
        st.just(p.purpose),
        st.sampled_from(sorted(p.actions)),
        st.frozensets(st.sampled_from(FIELDS if not p.fields else sorted(p.fields)), max_size=4)
        if p.fields
        else st.just(frozenset()),
        st.sampled_from(sorted(p.to)) if p.to else st.none(),
    )
)


def oracle(policy: Policy, ask: Ask) -> bool:
    """Straight from the rules, without index, cache or closure of the compiler."""
    if not ask.roles or not ask.roles <= set(policy.roles) or not ask.fields <= set(policy.fields):
        return False
    held = set(ask.roles)
    if ask.roles & {"marketer"}:
        held.add("analyst")
    if {"privacy-desk", "auditor"} <= held or {"trainer", "marketer"} <= held:
        return False
    if "self" in held and len(held) > 1:
        return False
    fit = [
        p
        for p in policy.permits.values()
        if p.role in held
        and p.purpose == ask.purpose
        and ask.action in p.actions
        and (ask.to in p.to if p.to else ask.to is None)
    ]
    return bool(fit) and all(any(name in p.fields for p in fit) for name in ask.fields)


@given(st.one_of(asks, fitting))
def test_a_decision_equals_the_oracle(ask: Ask) -> None:
    assert POLICY.decide(ask).allowed == oracle(POLICY, ask)


@given(fitting)
def test_what_a_permit_names_is_allowed(ask: Ask) -> None:
    assert POLICY.decide(ask).allowed


@given(st.one_of(asks, fitting))
def test_a_decision_is_the_same_again_and_parts_what_was_asked(ask: Ask) -> None:
    first: Decision = POLICY.decide(ask)
    assert POLICY.decide(ask) == first
    assert first.granted <= ask.fields
    assert first.refused <= ask.fields
    assert not first.granted & first.refused
    assert not first.allowed or not first.refused


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.frozensets(st.text(max_size=3), max_size=2),
    max_leaves=4,
)


@given(st.tuples(anything, anything, anything, anything, anything))
def test_whatever_is_asked_there_is_an_answer(parts: tuple[object, ...]) -> None:
    assert not POLICY.decide(Ask(*parts)).allowed  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_inheritance_is_the_least_fixpoint(parents: dict[str, list[str]]) -> None:
    def reach(name: str, seen: frozenset[str]) -> set[str]:
        onward = [p for p in parents[name] if p in parents and p not in seen]
        return {name}.union(*(reach(p, seen | {name}) for p in onward))

    known = closures(parents)
    for name in parents:
        walked = set(chain.from_iterable(reach(p, frozenset()) for p in [name]))
        assert known[name] & set(parents) == walked
    looped = {
        name
        for name, direct in parents.items()
        if any(name in reach(parent, frozenset()) for parent in direct if parent in parents)
    }
    assert set(circular(parents)) == looped


minimizations = st.builds(
    Minimize,
    st.frozensets(st.sampled_from(["a.b", "a.c"])),
    st.none() | st.integers(1, 50),
    st.none() | st.sampled_from(COARSENESS),
    st.dictionaries(
        st.tuples(st.sampled_from(["a.b", "a.c"]), st.sampled_from(["band", "round"])),
        st.integers(1, 9),
    ).map(lambda d: tuple(sorted((*k, v) for k, v in d.items()))),
)


@given(st.lists(minimizations, max_size=4), minimizations)
def test_the_strictest_minimization_is_a_meet(parts: list[Minimize], one: Minimize) -> None:
    meet = strictest(parts)
    assert strictest([*parts, meet]) == meet
    assert strictest(reversed(parts)) == meet
    tighter = strictest([*parts, one])
    assert tighter.drop >= meet.drop
    assert meet.last is None or (tighter.last is not None and tighter.last <= meet.last)
    assert {r[:2] for r in tighter.rules} >= {r[:2] for r in meet.rules}
    assert strictest([one]) == one


@pytest.mark.parametrize("pack", ["grocery", "media", "news", "shop"])
def test_atoms_are_the_coarsest_partition_that_rules_are_unions_of(pack: str) -> None:
    policy = load(f"pack:{pack}")
    parts = [{f"{a.event}.{b}" for b in a.fields} for a in policy.atoms]
    assert sorted(chain.from_iterable(parts)) == sorted(policy.fields)
    sets = [p.fields for p in policy.permits.values()]
    sets += [p.hold.fields for p in policy.purposes.values() if p.hold]
    for names in sets:
        assert all(part <= names or not part & names for part in parts)
    for i, one in enumerate(policy.atoms):
        for two in policy.atoms[i + 1 :]:
            if one.event == two.event:
                x, y = f"{one.event}.{one.fields[0]}", f"{two.event}.{two.fields[0]}"
                assert any((x in names) != (y in names) for names in sets)


@given(st.lists(st.frozensets(st.sampled_from(FIELDS)), max_size=5))
def test_any_set_of_permits_is_made_of_whole_atoms(sets: list[frozenset[str]]) -> None:
    template = POLICY.permits["learn"]
    from dataclasses import replace

    permits = [replace(template, fields=names, minimize=Minimize()) for names in sets]
    parts = [{f"{a.event}.{b}" for b in a.fields} for a in atoms(POLICY.fields, permits, ())]
    for names in sets:
        assert frozenset().union(*(p for p in parts if p <= names)) == names


periods = st.builds(Period, st.integers(0, 60), st.integers(0, 400), st.integers(0, 48))
times = st.integers(0, 4_000_000_000_000_000)


@given(periods, times, times)
def test_a_period_keeps_the_order_of_times(period: Period, one: int, two: int) -> None:
    first, second = sorted((one, two))
    assert period.after(first) <= period.after(second)
    assert period.before(first) <= period.before(second)
    assert period.before(first) <= first <= period.after(first)


@given(st.integers(0, 400), st.integers(0, 48), times)
def test_days_and_hours_there_and_back_are_nothing(days: int, hours: int, us: int) -> None:
    span = Period(days=days, hours=hours)
    assert span.before(span.after(us)) == us
