"""The circumstances that are looked at stand for all that there are."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.clock import micros
from privet.policy import Ask, Deny, Minimize, Period, Permit, Policy, load
from privet.policy.when import UNREADABLE, Circumstances, When, Window
from privet.review import diff
from privet.review.circumstances import points

BASE = load("pack:shop")
PLACES = ["DE", "FR", "US", "US-CA", "BR", "DE-BY"]
START = micros(datetime(2026, 1, 1, tzinfo=UTC))
PERIODS = [Period(days=1), Period(days=30), Period(months=13)]

windows = st.builds(
    Window,
    st.sampled_from([0, 487, 540, 1320]),
    st.sampled_from([0, 490, 1080, 360]),
    st.sampled_from([frozenset(range(7)), frozenset(range(5)), frozenset({6})]),
    st.sampled_from(["", "2026-02-01"]),
    st.sampled_from(["", "2026-02-01", "2026-03-31"]),
)
bounds = st.none() | st.sampled_from([13, 16, 18])
whens = st.builds(
    When,
    st.frozensets(st.sampled_from(PLACES), max_size=2),
    bounds,
    bounds,
    st.none() | st.none() | windows,
    st.none() | st.sampled_from([20, 50]),
    st.none() | st.sampled_from([20, 50]),
    st.none() | st.sampled_from(PERIODS),
    st.none() | st.sampled_from(PERIODS),
    st.sampled_from([(), (("network", frozenset({"office"})),)]),
)
ages = st.integers(0, 30).flatmap(
    lambda low: st.tuples(st.just(low), st.none() | st.integers(low, low + 8))
)
circumstances = st.builds(
    lambda place, age, at, people, days, environment: Circumstances(
        place, age, at, people, None if at is None or days is None else at - days, environment
    ),
    st.none() | st.sampled_from([*PLACES, "US-NY", "JP", "DE-HH", "nowhere", "XX"]),
    st.none() | ages,
    st.none() | st.integers(0, 150 * 24 * 60).map(lambda minute: START + minute * 60_000_000),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 500).map(lambda days: days * 86_400_000_000),
    st.dictionaries(
        st.just("network"), st.sampled_from(["office", "home", UNREADABLE]), max_size=1
    ),
)


def with_rules(permits: list[When | None], denies: list[When | None], name: str) -> Policy:
    """Clerks may read what a customer bought, on these conditions."""
    some = [
        Permit(
            f"p{n}",
            "storefront",
            "orders",
            frozenset({"read"}),
            frozenset({"purchase.item"}),
            Minimize(),
            1,
            frozenset(),
            when=when,
        )
        for n, when in enumerate(permits)
    ]
    refused = [
        Deny(f"d{n}", "no", None, frozenset({"orders"}), None, None, when)
        for n, when in enumerate(denies)
    ]
    return dataclasses.replace(
        BASE, hash=name, permits={p.id: p for p in some}, denies=tuple(refused)
    )


ASK = Ask(frozenset({"storefront"}), "orders", "read", frozenset({"purchase.item"}))


@settings(max_examples=40, deadline=None)
@given(st.lists(whens, min_size=1, max_size=3), st.lists(circumstances, max_size=20))
def test_every_circumstance_has_one_that_stands_for_it(
    conditions: list[When], some: list[Circumstances]
) -> None:
    policy = with_rules(list(conditions), [], "a")
    named = frozenset[str]().union(*(when.places for when in conditions))

    def told(known: Circumstances) -> tuple[str, ...]:
        return tuple(w.told(known, named, policy.timezone) for w in conditions)

    standing = {told(point.given) for point in points(conditions, [policy.timezone])}
    assert {told(known) for known in some} <= standing


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | whens, min_size=1, max_size=2),
    st.lists(whens, max_size=1),
    st.lists(st.none() | whens, max_size=2),
    st.lists(circumstances, max_size=20),
)
def test_what_differs_in_some_circumstances_is_a_difference(
    permits: list[When | None],
    denies: list[When | None],
    more: list[When | None],
    some: list[Circumstances],
) -> None:
    a, b = with_rules(permits, denies, "a"), with_rules([*permits, *more], denies, "b")
    differs = any(a.decide(ASK, known).allowed != b.decide(ASK, known).allowed for known in some)
    assert not (differs and diff(a, b).same)


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        (
            When(places=frozenset({"BR"})),
            "storefront may now read purchase.item for orders (in BR)",
        ),
        (
            When(age_from=18),
            "storefront may now read purchase.item for orders (aged 18 or more)",
        ),
        (
            When(window=Window(540, 1080, frozenset(range(5)))),
            (
                "storefront may now read purchase.item for orders "
                "(within mon, tue, wed, thu and fri 09:00 to 18:00)"
            ),
        ),
        (
            When(data_under=Period(days=30), people_from=20),
            (
                "storefront may now read purchase.item for orders "
                "(about 20 people or more, reaching back less than 30d)"
            ),
        ),
        (
            When(environment=(("network", frozenset({"office"})),)),
            "storefront may now read purchase.item for orders (with network office)",
        ),
    ],
    ids=["place", "age", "window", "data", "attribute"],
)
def test_where_a_change_holds_is_said(when: When, sentence: str) -> None:
    (change,) = diff(with_rules([], [], "a"), with_rules([when], [], "b")).changes
    assert change.sentence == sentence


def test_conditions_that_join_to_the_same_differ_by_nothing() -> None:
    young = [When(places=frozenset({"DE"})), When(places=frozenset({"FR"}))]
    one = [When(places=frozenset({"DE", "FR"}))]
    assert diff(with_rules(young, [], "a"), with_rules(one, [], "b")).same


def test_a_condition_that_covers_everything_known_still_refuses_the_unknown() -> None:
    split = [When(age_under=18), When(age_from=18)]
    (change,) = diff(with_rules([None], [], "a"), with_rules(split, [], "b")).changes
    assert change.kind == "lost"
    assert "of unknown age" in change.sentence
