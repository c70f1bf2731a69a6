# ruff: noqa: E501 (edits stand as an author would write them)
"""Recorded requests under a candidate; what nobody used. Nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.clock import micros
from privet.policy import Ask, load
from privet.review import replay, unused

GROCERY = load("pack:grocery")
NOON = micros(datetime(2026, 3, 2, 17, tzinfo=UTC))  # noon in New York, a Monday
MIDNIGHT = micros(datetime(2026, 3, 2, 5, tzinfo=UTC))


def record(policy, *roles, kind="access", purpose="analytics", action="derive", fields=("purchase.store",), snos=(1,), ts=NOON, **more):  # fmt: skip
    """A record as the gate writes it: roles with all that they inherit."""
    closure = frozenset[str]().union(*(policy.roles[r] for r in roles))
    body = {
        "kind": kind,
        "who": "p1",
        "roles": sorted(closure),
        "purpose": purpose,
        "action": action,
        "policy": policy.hash[:16],
        "ts": ts,
        **more,
    }
    if kind in {"access", "write"} and fields:
        decision = policy.decide(Ask(closure, purpose, action, frozenset(fields), more.get("to")))
        body |= {"fields": sorted(fields), "decision": "permit", "permits": list(decision.permits)}
    if snos:
        body["set"] = {"n": len(snos), "snos": list(snos)}
    return body


def played(candidate, *bodies, before=GROCERY, members=None):
    return replay(enumerate(bodies), before, candidate, members)


STORE = "fields: [purchase.value, purchase.store]\n    minimize: {time: hour, least: 20 people}"


def test_under_the_same_policy_nothing_changes(grocery):
    found = played(grocery, record(grocery, "analyst"), record(grocery, "marketer"))
    assert (found.requests, found.same, found.changes, found.compared) == (2, 2, (), 2)


def test_requests_that_would_be_refused_are_counted_with_their_people(grocery, edited):
    candidate = edited((STORE, STORE.replace(", purchase.store", "")))
    bodies = [record(grocery, "analyst", snos=(1, 2)), record(grocery, "analyst", snos=(2, 3))]
    found = played(candidate, *bodies, record(grocery, "analyst", fields=("purchase.value",)))
    (change,) = found.changes
    assert (change.outcome, change.reason) == ("refused", "field.refused")
    assert (change.requests, change.people, found.same) == (2, 3, 1)
    assert (
        change.sentence
        == "analyst, derive purchase.store for analytics: 2 requests about 3 people would be refused (field.refused)"
    )


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ((STORE, STORE.replace("hour", "day")), "minimization"),
        ((STORE, STORE.replace("20", "30")), "least people"),
        (("    retention: 13mo\n\n# Art. 9(1)", "    builds_on: [segmentation]\n    retention: 13mo\n\n# Art. 9(1)"), "grounds"),
    ],
)  # fmt: skip
def test_what_is_allowed_otherwise_is_told(grocery, edited, edit, what):
    (change,) = played(edited(edit), record(grocery, "analyst")).changes
    assert (change.outcome, change.reason) == ("otherwise", what)


def test_another_policys_minimization_is_not_compared(grocery, edited):
    strict = edited((STORE, STORE.replace("hour", "day")))
    body = record(grocery, "analyst") | {"policy": "0" * 16}
    found = played(strict, body)
    assert (found.changes, found.compared, found.requests) == ((), 0, 1)


def test_a_candidate_without_inheritance_is_not_asked_with_inherited_roles(grocery, edited):
    candidate = edited(("  marketer: {inherits: [analyst]}", "  marketer: {}"))
    body = record(grocery, "marketer")
    assert body["roles"] == ["analyst", "marketer"]
    (change,) = played(candidate, body).changes
    assert change.ask.roles == {"marketer"}
    assert change.outcome == "refused"


def conditioned(edited, when: str):
    return edited((STORE, f"{STORE}\n    when: {when}"))


@pytest.mark.parametrize(
    "when",
    ["{jurisdiction: [DE]}", "{age_from: 18}", "{environment: {network: [office]}}", "{data_under: 30d}"],
)  # fmt: skip
def test_what_no_record_tells_is_refused_and_said_to_be_untold(grocery, edited, when):
    (change,) = played(conditioned(edited, when), record(grocery, "analyst")).changes
    assert change.outcome == "untold"
    assert change.reason.endswith(".unknown")


def test_time_and_number_of_people_are_told_by_the_record(grocery, edited):
    day = conditioned(edited, '{hours: "09:00-18:00"}')
    found = played(day, record(grocery, "analyst"), record(grocery, "analyst", ts=MIDNIGHT))
    assert [(c.outcome, c.reason, c.requests) for c in found.changes] == [
        ("refused", "time.refused", 1)
    ]
    many = conditioned(edited, "{people_from: 2 people}")
    found = played(many, record(grocery, "analyst", snos=(1, 2)), record(grocery, "analyst"))
    assert [(c.outcome, c.reason, c.requests) for c in found.changes] == [
        ("refused", "people.refused", 1)
    ]


def denial(policy, reason, refused=()):
    return record(policy, "analyst", kind="denial", fields=(), snos=(), reason=reason, refused=list(refused))  # fmt: skip


def test_a_refusal_may_be_allowed_only_as_far_as_it_is_told(grocery, edited):
    candidate = edited((STORE, STORE.replace("store]", "store, purchase.coupon]")))
    found = played(candidate, denial(grocery, "field.refused", ["purchase.coupon"]))
    assert [(c.outcome, c.ask.fields) for c in found.changes] == [("perhaps", {"purchase.coupon"})]
    still = played(candidate, denial(grocery, "field.refused", ["purchase.discount"]))
    assert (still.changes, still.same) == ((), 1)


def test_what_no_rule_decides_is_left_out_and_counted(grocery):
    own = record(grocery, "analyst", kind="access", purpose="privet:forgetting", action="erase", fields=())  # fmt: skip
    found = played(
        grocery,
        denial(grocery, "ground.missing"),
        denial(grocery, "cohort.small"),
        own,
        {"kind": "checkpoint"},
        {"kind": "access", "roles": 3},
    )
    assert found.requests == 0
    assert found.not_replayed == {"ground": 2, "other": 1, "unreadable": 2}


def test_counted_answers_weigh_as_many_as_they_are(grocery, edited):
    counted = record(grocery, "storefront", kind="counted", purpose="recommendations", action="recommend", fields=(), snos=(), n=40)  # fmt: skip
    candidate = edited(("    may: [recommend]\n", "    may: [derive]\n"))
    (change,) = played(candidate, counted).changes
    assert (change.outcome, change.requests, change.people) == ("refused", 40, 0)


def test_people_of_a_large_set_are_those_that_the_log_names(grocery, edited):
    candidate = edited((STORE, STORE.replace(", purchase.store", "")))
    body = record(grocery, "analyst", snos=()) | {"set": {"n": 70, "chunks": [0], "root": "00"}}
    (change,) = played(candidate, body, members=lambda seq: range(70)).changes
    assert change.people == 70
    (unknown,) = played(candidate, body).changes
    assert unknown.people == 0


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["kind", "roles", "purpose", "action", "policy", "fields", "set", "n"]),
            st.none()
            | st.integers(0, 3)
            | st.text(max_size=3)
            | st.lists(st.text(max_size=3), max_size=2)
            | st.builds(lambda n: {"n": n, "snos": [n]}, st.integers(0, 5)),
        ),
        max_size=5,
    )
)
def test_records_of_any_form_are_replayed_or_counted(bodies):
    found = played(GROCERY, *bodies)
    assert found.requests + sum(found.not_replayed.values()) == len(bodies)
    unused(enumerate(bodies), GROCERY)


def test_permits_and_fields_that_nobody_used_are_named(grocery):
    found = unused(enumerate([record(grocery, "marketer")]), grocery)
    assert "store-hours" not in found.permits
    assert {"learn", "campaign", "own-rights"} <= set(found.permits)
    assert found.fields == {"store-hours": ("purchase.value",)}
    assert (found.requests, found.first) == (1, NOON)


def test_what_is_not_told_counts_as_used(grocery):
    """A record without permits uses every permit that fits; of another policy, by name too."""
    bare = record(grocery, "trainer", kind="model", purpose="recommendations", action="serve", fields=())  # fmt: skip
    assert "learn" not in unused(enumerate([bare]), grocery).permits
    other = record(grocery, "analyst") | {"policy": "0" * 16, "permits": ["an-older-name"]}
    assert "store-hours" not in unused(enumerate([other]), grocery).permits


def test_a_refusal_uses_nothing(grocery):
    found = unused(enumerate([denial(grocery, "field.refused", ["purchase.coupon"])]), grocery)
    assert set(found.permits) == set(grocery.permits)
