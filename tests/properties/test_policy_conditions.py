"""Decisions under conditions equal a slow oracle; what is not known never allows anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.clock import micros
from privet.policy import (
    UNREADABLE,
    Ask,
    Circumstances,
    Decision,
    Deny,
    Minimize,
    Period,
    Permit,
    Policy,
    When,
    Window,
    load,
)
from privet.policy.minimize import strictest
from privet.policy.places import COUNTRIES, PARTS

POLICY = load("pack:shop")
PURPOSE = "recommendations"
FIELDS = sorted(POLICY.fields)[:4]
ROLES = ["storefront", "trainer"]
CODES = ["DE", "FR", "US", "US-CA", "US-NV", "CA-QC", "DE-BY"]
DAY = timedelta(days=1)
BEGIN = datetime(2026, 3, 25, tzinfo=UTC)  # a change of clocks comes on the 29th

ages = st.integers(0, 90).flatmap(
    lambda low: st.tuples(st.just(low), st.none() | st.integers(low, 90))
)
moments = st.integers(0, 8 * 24 * 60).map(lambda m: micros(BEGIN + timedelta(minutes=m)))
periods = st.sampled_from([Period(days=7), Period(months=1), Period(hours=36), Period(days=30)])
windows = st.builds(
    Window,
    st.sampled_from([0, 480, 1320]),
    st.sampled_from([0, 60, 1200, 1440]),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from(["", "2026-03-26", "2026-03-29"]),
    st.sampled_from(["", "2026-03-29", "2026-03-30"]),
)


def _is_possible(when: When) -> bool:
    pairs = ((when.age_from, when.age_under), (when.people_from, when.people_under))
    return all(low is None or high is None or low < high for low, high in pairs)


bounds = st.none() | st.sampled_from([16, 18, 50])
whens = st.builds(
    When,
    places=st.frozensets(st.sampled_from(CODES), max_size=2),
    age_from=bounds,
    age_under=bounds,
    window=st.none() | windows,
    people_from=st.none() | st.integers(1, 60),
    people_under=st.none() | st.integers(1, 60),
    data_from=st.none() | periods,
    data_under=st.none() | periods,
    environment=st.sampled_from(
        [(), (("net", frozenset({"office", "vpn"})),), (("net", frozenset({"office"})),)]
    ),
).filter(_is_possible)  # the compiler refuses the others
circumstances = st.builds(
    Circumstances,
    jurisdiction=st.sampled_from([None, "ZZ", "de", "US-ZZ", "DE-BE", *CODES]),
    age=st.none() | ages,
    at=st.none() | moments,
    people=st.none() | st.integers(0, 70),
    oldest=st.none() | moments,
    environment=st.sampled_from(
        [{}, {"net": "office"}, {"net": "cafe"}, {"net": UNREADABLE}, {"other": "office"}]
    ),
    emergencies=st.frozensets(st.sampled_from(["p1", "p2", "p9"])),
)
minimizations = st.builds(
    Minimize,
    drop=st.frozensets(st.sampled_from(FIELDS), max_size=1),
    last=st.none() | st.integers(1, 9),
    rules=st.sampled_from([(), ((FIELDS[0], "round", 5),)]),
)
usual = st.builds(
    Permit,
    id=st.sampled_from(["p1", "p2", "p3", "p4", "p5"]),
    role=st.sampled_from(ROLES),
    purpose=st.just(PURPOSE),
    actions=st.frozensets(st.sampled_from(["read", "train"]), min_size=1),
    fields=st.frozensets(st.sampled_from(FIELDS), min_size=1),
    minimize=minimizations,
    least=st.integers(1, 9),
    to=st.just(frozenset()),
    when=st.none() | whens,
)
permits = usual | usual.map(
    lambda p: replace(p, when=replace(p.when or When(), emergency=p.id))
)  # for an emergency
denies = st.builds(
    Deny,
    id=st.sampled_from(["d1", "d2", "d3"]),
    text=st.just("No."),
    roles=st.none() | st.frozensets(st.sampled_from(ROLES), min_size=1),
    purposes=st.sampled_from([frozenset({PURPOSE}), frozenset(POLICY.purposes)]),
    actions=st.none() | st.frozensets(st.sampled_from(["read", "train"]), min_size=1),
    fields=st.none() | st.frozensets(st.sampled_from(FIELDS), min_size=1),
    when=st.none() | whens,
)
policies = st.builds(
    lambda some, no: replace(
        POLICY, permits={p.id: p for p in some}, denies=tuple({d.id: d for d in no}.values())
    ),
    st.lists(permits, max_size=4),
    st.lists(denies, max_size=3),
)
asks = st.builds(
    Ask,
    st.frozensets(st.sampled_from(ROLES), min_size=1),
    st.just(PURPOSE),
    st.sampled_from(["read", "train"]),
    st.frozensets(st.sampled_from(FIELDS), max_size=3),
    st.none(),
)


def local(at: int) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(at // 1_000_000, ZoneInfo(POLICY.timezone))


def is_open(window: Window, at: int) -> bool:
    """Minute by minute: was the window opened on this day or the one before?"""
    now = local(at)
    minute = now.hour * 60 + now.minute
    for back in (0, 1):
        day = now.date() - back * DAY
        wraps = window.begin >= window.end
        if back == 0:
            inside = window.begin <= minute and (wraps or minute < window.end)
        else:
            inside = wraps and minute < window.end
        right_day = day.weekday() in window.days
        within = (not window.first or day.isoformat() >= window.first) and (
            not window.last or day.isoformat() <= window.last
        )
        if inside and right_day and within:
            return True
    return False


def span(least: int | None, under: int | None, low: int, high: int) -> set[bool]:
    """Every outcome among all numbers that it may be."""
    return {
        (least is None or n >= least) and (under is None or n < under)
        for n in range(low, min(high, 200) + 1)
    }


def outcomes(when: When, known: Circumstances, named: frozenset[str]) -> set[bool]:
    """Whether it may hold, may not, or either: over everything that may be the case."""
    parts: list[set[bool]] = []
    if when.places:
        where = [known.jurisdiction]
        code = known.jurisdiction or ""
        if code[:2] not in COUNTRIES:
            where = [*CODES, "CH"]
        elif code not in PARTS | named or len(code) == 2:
            where = [code[:2] + "-ZZ", *(c for c in named if c[:2] == code[:2] and len(c) > 2)]
        parts.append({bool({c, str(c)[:2]} & when.places) for c in where})
    if when.age_from is not None or when.age_under is not None:
        low, high = known.age or (0, None)
        parts.append(span(when.age_from, when.age_under, low, 150 if high is None else high))
    if when.window is not None:
        parts.append({True, False} if known.at is None else {is_open(when.window, known.at)})
    if when.people_from is not None or when.people_under is not None:
        low, high = (0, 150) if known.people is None else (known.people, known.people)
        both = span(when.people_from, when.people_under, low, high)
        parts.append(both if known.people is not None else {True, False})
    if when.data_from is not None or when.data_under is not None:
        if known.at is None or known.oldest is None:
            parts.append({True, False})
        else:
            old = when.data_from is None or known.oldest <= when.data_from.before(known.at)
            new = when.data_under is None or known.oldest > when.data_under.before(known.at)
            parts.append({old and new})
    for name, values in when.environment:
        value = known.environment.get(name)
        parts.append({value in values} if isinstance(value, str) else {True, False})
    if when.emergency:
        parts.append({when.emergency in known.emergencies})
    if {False} in parts:
        return {False}
    return {True} if all(part == {True} for part in parts) else {True, False}


def oracle(policy: Policy, ask: Ask, known: Circumstances) -> tuple[object, ...]:
    """Allowed, permits, granted, minimize, least: every rule looked at in turn."""
    fit = [
        p
        for p in policy.permits.values()
        if p.role in ask.roles and p.purpose == ask.purpose and ask.action in p.actions
    ]
    no = [
        d
        for d in policy.denies
        if ask.purpose in d.purposes
        and (d.roles is None or d.roles & ask.roles)
        and (d.actions is None or ask.action in d.actions)
    ]
    named = frozenset().union(*(r.when.places for r in [*fit, *no] if r.when is not None))
    holding = [p for p in fit if p.when is None or outcomes(p.when, known, named) == {True}]
    against = [
        d
        for d in no
        if (d.when is None or outcomes(d.when, known, named) != {False})
        and (d.fields is None or d.fields & ask.fields)
    ]
    granting = [p for p in holding if not ask.fields or ask.fields & p.fields]
    covered = ask.fields & frozenset().union(*(p.fields for p in granting))
    allowed = bool(holding) and covered == ask.fields and not against
    if not allowed:
        return (False,)
    whole = strictest(p.minimize for p in granting)
    return (
        True,
        tuple(sorted(p.id for p in granting)),
        ask.fields - whole.drop,
        whole.drop & ask.fields,
        whole.last,
        tuple(rule for rule in whole.rules if rule[0] in ask.fields),
        max(p.least for p in granting),
    )


def told(decision: Decision) -> tuple[object, ...]:
    if not decision.allowed:
        return (False,)
    how = decision.minimize
    return (
        True,
        decision.permits,
        decision.granted,
        how.drop,
        how.last,
        how.rules,
        decision.least,
    )


@given(policies, asks, st.lists(circumstances, min_size=1, max_size=4))
@settings(max_examples=150)
def test_a_decision_equals_the_oracle(
    policy: Policy, ask: Ask, several: list[Circumstances]
) -> None:
    for known in several:  # classes of one may not be taken for another's
        assert told(policy.decide(ask, known)) == oracle(policy, ask, known)


EVERYTHING = Permit(
    "all", "trainer", PURPOSE, frozenset({"read", "train"}), frozenset(FIELDS), Minimize(), 1,
    frozenset(),
)  # fmt: skip
VARIED = {
    "jurisdiction": [None, "ZZ", "DE-BE", *CODES],
    "age": [None, (0, 15), (15, 16), (16, 16), (16, 60), (17, None), (50, 50), (18, 49)],
    "at": [None, *(micros(BEGIN + timedelta(hours=7 * i)) for i in range(20))],
    "people": [None, 0, 1, 20, 59, 60],
    "environment": [{}, {"net": "office"}, {"net": "vpn"}, {"net": "cafe"}, {"net": UNREADABLE}],
}


@given(st.lists(whens, min_size=1, max_size=3), circumstances, st.sampled_from(sorted(VARIED)))
def test_circumstances_that_differ_in_one_thing_are_told_apart_where_rules_do(
    several: list[When], known: Circumstances, what: str
) -> None:
    denies = tuple(
        Deny(f"d{i}", "No.", None, frozenset({PURPOSE}), actions, None, when)
        for i, when in enumerate(several)
        for actions in [[None, frozenset({"read", "train"}), frozenset({"read"})][i]]
    )
    policy = replace(POLICY, permits={"all": EVERYTHING}, denies=denies)
    for action in ("read", "train"):
        ask = Ask(frozenset({"trainer"}), PURPOSE, action, frozenset(FIELDS[:1]))
        for value in VARIED[what]:
            other = replace(known, **{what: value})
            assert told(policy.decide(ask, other)) == oracle(policy, ask, other)


@given(policies, asks, circumstances, circumstances)
@settings(max_examples=100)
def test_what_is_not_known_never_allows(
    policy: Policy, ask: Ask, known: Circumstances, more: Circumstances
) -> None:
    """What is allowed with less known is allowed whatever the rest turns out to be."""
    less = replace(
        known,
        jurisdiction=None if more.jurisdiction is None else known.jurisdiction,
        age=None if more.age is None else known.age,
        people=None if more.people is None else known.people,
        environment={},
    )
    if policy.decide(ask, less).allowed:
        assert policy.decide(ask, known).allowed


@given(policies, asks, circumstances)
def test_a_refusal_says_why_in_words_and_by_a_rule(
    policy: Policy, ask: Ask, known: Circumstances
) -> None:
    decision = policy.decide(ask, known)
    plain = decision.explain()
    assert plain["why"]
    if not decision.allowed:
        assert decision.reason != "permit"
        assert {rule for rule, _ in decision.unmet} <= set(policy.permits)
        kind = decision.reason.partition(".")[2]
        if decision.deny is not None:
            assert decision.reason == "deny" or kind in {"unknown", "error"}
        elif kind in {"unknown", "error"}:
            assert decision.reason in {why for _, why in decision.unmet}


@given(policies, asks, circumstances, circumstances)
def test_what_is_not_needed_changes_nothing(
    policy: Policy, ask: Ask, one: Circumstances, other: Circumstances
) -> None:
    needed = policy.needs(ask)
    same = replace(other, **{name: getattr(one, name) for name in needed})
    assert policy.decide(ask, one) == policy.decide(ask, same)
