# ruff: noqa: E501 (documents and look-alikes stand as an author would write them)
"""Decisions: default deny, deny overrides, explained as data, never an exception."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from privet.errors import AccessDenied
from privet.policy import Ask, Minimize, Policy


def ask(roles: str, purpose: str, action: str, *fields: str, to: str | None = None) -> Ask:
    return Ask(frozenset(roles.split()), purpose, action, frozenset(fields), to)


def test_a_permit_grants_what_it_names(small: Policy) -> None:
    decision = small.decide(ask("clerk", "suggestions", "recommend", "purchase.item"))
    assert decision.allowed
    assert decision.reason == "permit"
    assert decision.permits == ("suggest",)
    assert decision.granted == {"purchase.item"}
    assert decision.grounds == ("suggestions",)
    assert decision.minimize == Minimize(last=20, time="day")
    decision.raise_if_denied()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ask("", "orders", "read", "purchase.item"), "role.unknown"),
        (ask("boss", "orders", "read", "purchase.item"), "role.unknown"),
        (ask("clerk boss", "orders", "read", "purchase.item"), "role.unknown"),
        (ask("desk auditor", "orders", "read"), "role.separate"),
        (ask("self clerk", "privet:rights", "read"), "role.separate"),
        (ask("clerk", "spying", "read", "purchase.item"), "purpose.unknown"),
        (ask("clerk", "privet:spying", "read", "purchase.item"), "purpose.unknown"),
        (ask("clerk", "orders", "look", "purchase.item"), "action.unknown"),
        (ask("clerk", "orders", "read", "purchase.shoe"), "field.unknown"),
        (ask("clerk", "orders", "read", "purchase.*"), "field.unknown"),
        (ask("trainer", "orders", "read", "purchase.item"), "purpose.refused"),
        (ask("clerk", "orders", "train", "purchase.item"), "action.refused"),
        (ask("clerk", "suggestions", "recommend", "purchase.value"), "field.refused"),
        (
            ask("clerk", "suggestions", "recommend", "purchase.item", "purchase.value"),
            "field.refused",
        ),
        (ask("chief", "letters", "export", "profile.email"), "recipient.refused"),
        (ask("chief", "letters", "export", "profile.email", to="printer"), "recipient.refused"),
        (ask("clerk", "orders", "read", "purchase.item", to="mailer"), "recipient.refused"),
        (ask("chief", "orders", "read", "purchase.value"), "deny"),
        (ask("clerk", "privet:rights", "read", "purchase.item"), "purpose.refused"),
    ],
)
def test_what_is_not_permitted_is_refused_with_its_reason(
    small: Policy, request_: Ask, reason: str
) -> None:
    decision = small.decide(request_)
    assert not decision.allowed
    assert decision.reason == reason
    with pytest.raises(AccessDenied) as caught:
        decision.raise_if_denied()
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "request_",
    [
        None,
        7,
        (),
        Ask(["clerk"], "orders", "read"),  # type: ignore[arg-type]
        Ask(frozenset({"clerk"}), "orders", "read", ["purchase.item"]),  # type: ignore[arg-type]
        Ask(None, None, None, None),  # type: ignore[arg-type]
        Ask(frozenset({"clerk"}), "orders", {}, frozenset()),  # type: ignore[arg-type]
        Ask("clerk", "orders", "read"),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_request_is_refused_not_raised(small: Policy, request_: Any) -> None:
    assert not small.decide(request_).allowed


def test_a_refusal_says_what_would_have_been_granted(small: Policy) -> None:
    decision = small.decide(
        ask("clerk", "suggestions", "recommend", "purchase.item", "purchase.value")
    )
    assert decision.granted == {"purchase.item"}
    assert decision.refused == {"purchase.value"}


def test_a_deny_overrides_for_its_fields_alone(small: Policy) -> None:
    both = small.decide(ask("chief", "orders", "read", "purchase.item", "purchase.value"))
    assert both.deny == "no-money"
    assert both.refused == {"purchase.value"}
    assert small.decide(ask("chief", "orders", "read", "purchase.item")).allowed
    assert small.decide(ask("clerk", "orders", "read", "purchase.value")).allowed


def test_a_deny_without_fields_refuses_requests_without_fields(edited) -> None:
    policy = edited(policy=((", fields: [purchase.value]}\ntests", "}\ntests"),))
    assert policy.decide(ask("chief", "orders", "read")).reason == "deny"
    assert policy.decide(ask("chief", "orders", "collect", "purchase.item")).allowed


def test_a_role_has_what_it_inherits(small: Policy) -> None:
    assert small.decide(ask("chief", "suggestions", "recommend", "view.item")).allowed
    assert small.roles["chief"] == {"chief", "clerk"}


def test_grounds_follow_what_a_purpose_builds_on(small: Policy) -> None:
    decision = small.decide(ask("chief", "letters", "export", "profile.email", to="mailer"))
    assert decision.grounds == ("letters", "suggestions")
    assert decision.least == 50


def test_a_built_in_purpose_needs_no_ground(small: Policy) -> None:
    decision = small.decide(ask("self", "privet:rights", "erase", *small.fields))
    assert decision.allowed
    assert decision.grounds == ()


def test_a_dropped_field_is_asked_for_in_vain(small: Policy) -> None:
    decision = small.decide(ask("trainer", "suggestions", "train", "view.event_id", "view.item"))
    assert decision.allowed
    assert decision.granted == {"view.item"}
    assert decision.minimize.drop == {"view.event_id"}


def test_rules_are_told_for_the_fields_asked_for(small: Policy) -> None:
    with_value = small.decide(ask("trainer", "suggestions", "train", "purchase.value"))
    assert with_value.minimize.rules == (("purchase.value", "round", 5),)
    assert small.decide(ask("trainer", "suggestions", "train", "view.item")).minimize.rules == ()


def test_an_added_permit_never_loosens_minimization(edited) -> None:
    loose = "  - {id: more, role: clerk, for: suggestions, may: [recommend], fields: [view.item]}\n"
    policy = edited(policy=(("  - {id: learn", loose + "  - {id: learn"),))
    decision = policy.decide(ask("clerk", "suggestions", "recommend", "view.item"))
    assert decision.permits == ("more", "suggest")
    assert decision.minimize == Minimize(last=20, time="day")


def test_the_strictest_of_several_minimizations_holds(edited) -> None:
    other = (
        "  - {id: more, role: chief, for: counts, may: [derive], fields: [purchase.value, profile.age],"
        " minimize: {time: month, last: 5 events, profile.age: band(40), least: 9 people}}\n"
    )
    policy = edited(policy=(("  - {id: own", other + "  - {id: own"),))
    decision = policy.decide(ask("chief", "counts", "derive", "purchase.value", "profile.age"))
    assert decision.minimize == Minimize(last=5, time="month", rules=(("profile.age", "band", 40),))
    assert decision.least == 20


def test_an_explanation_is_plain_data(small: Policy) -> None:
    import json

    explained = small.decide(ask("chief", "orders", "read", "purchase.value")).explain()
    assert json.loads(json.dumps(explained)) == explained
    assert explained["deny"] == "no-money"
    assert explained["refused"] == ["purchase.value"]
    assert small.decide(ask("clerk", "orders", "read", "purchase.item")).explain()["allowed"]


def test_a_refusal_repeats_no_text_of_the_caller(small: Policy) -> None:
    for request_ in (
        ask("ada@example.com", "orders", "read"),
        ask("clerk", "ada@example.com", "read"),
        ask("clerk", "orders", "ada@example.com"),
        ask("clerk", "orders", "read", "ada@example.com"),
        ask("clerk", "orders", "read", to="ada@example.com"),
    ):
        decision = small.decide(request_)
        with pytest.raises(AccessDenied) as caught:
            decision.raise_if_denied()
        assert "ada@" not in f"{caught.value}{caught.value.to_json()}{decision.explain()}"


def test_roles_are_checked_when_a_principal_is_made(small: Policy) -> None:
    assert small.check_roles(["chief"]) == {"chief", "clerk"}
    for roles, reason in (
        ([], "role.unknown"),
        (["boss"], "role.unknown"),
        (["*"], "role.unknown"),
        (["сlerk"], "role.unknown"),
        (["self"], "role.reserved"),
        (["clerk", "self"], "role.reserved"),
        (["desk", "auditor"], "role.separate"),
    ):
        with pytest.raises(AccessDenied) as caught:
            small.check_roles(roles)
        assert caught.value.reason == reason


def test_a_purpose_is_checked_when_an_access_is_made(small: Policy) -> None:
    small.check_purpose("orders")
    small.check_purpose("privet:rights")
    with pytest.raises(AccessDenied) as caught:
        small.check_purpose("spying")
    assert caught.value.reason == "purpose.unknown"


def test_nobody_can_change_a_policy(small: Policy) -> None:
    with pytest.raises(TypeError):
        small.purposes["orders"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        small.items.reveals["health"].values["category"] = frozenset()  # type: ignore[index]
    with pytest.raises(AttributeError):
        small.roles = {}  # type: ignore[misc]


def test_a_policy_survives_pickling(small: Policy) -> None:
    copy = pickle.loads(pickle.dumps(small))
    assert copy == small
    assert copy.fields == small.fields
    assert copy.decide(ask("clerk", "orders", "read", "purchase.item")).allowed
    with pytest.raises(TypeError):
        copy.roles["clerk"] = frozenset()


def test_the_cache_is_bounded_and_keeps_no_refusal(small: Policy) -> None:
    small.decide(ask("clerk", "orders", "read", "purchase.item"))
    before = len(small._decided)
    for i in range(100):
        small.decide(ask("clerk", "orders", "read", f"x.{i}"))
        small.decide(ask("clerk", "orders", "read", "purchase.item", to=f"{i}"))
    assert len(small._decided) == before


def test_the_cache_is_emptied_when_full(small: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privet.policy.policy._CACHED", 2)
    for name in ("item", "order", "quantity", "value"):
        assert small.decide(ask("clerk", "orders", "read", f"purchase.{name}")).allowed
        assert len(small._decided) <= 2 or name == "item"
