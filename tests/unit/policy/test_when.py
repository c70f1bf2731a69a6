# ruff: noqa: E501 (documents stand as an author would write them)
"""Conditions: what holds, what does not, and what nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from privet.clock import micros
from privet.errors import InvalidInput
from privet.policy import UNKNOWN, UNREADABLE, Ask, Circumstances, Policy, compile_documents
from privet.policy.places import COUNTRIES, GROUPS, PARTS

BUY = Ask(
    frozenset({"clerk"}), "suggestions", "recommend", frozenset({"purchase.item", "view.item"})
)
COUNT = Ask(frozenset({"clerk"}), "counts", "derive", frozenset({"purchase.value"}))
Edited = Callable[..., Policy]


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def denying(edited: Edited, when: str) -> Policy:
    return edited(
        policy=(("denies:\n", f"denies:\n  - {{id: no, text: No., when: {{{when}}}}}\n"),)
    )


def permitting(edited: Edited, when: str) -> Policy:
    return edited(
        policy=(("id: count, role: clerk,", f"id: count, role: clerk, when: {{{when}}},"),)
    )


CASES = [
    ("jurisdiction: [DE]", {"jurisdiction": "DE"}, {"jurisdiction": "FR"}, {}, "place"),
    ("jurisdiction: [EU]", {"jurisdiction": "IE"}, {"jurisdiction": "GB"}, {}, "place"),
    ("jurisdiction: [EEA]", {"jurisdiction": "NO"}, {"jurisdiction": "CH"}, {}, "place"),
    ("jurisdiction: [US]", {"jurisdiction": "US-CA"}, {"jurisdiction": "CA"}, {}, "place"),
    (
        "jurisdiction: [US-CA]",
        {"jurisdiction": "US-CA"},
        {"jurisdiction": "US-NV"},
        {"jurisdiction": "US"},
        "place",
    ),
    (
        "jurisdiction: [DE-BY]",
        {"jurisdiction": "DE-BY"},
        {"jurisdiction": "AT"},
        {"jurisdiction": "DE-XX"},
        "place",
    ),
    ("jurisdiction: [DE]", {"jurisdiction": "DE-BY"}, {"jurisdiction": "FR"}, {"jurisdiction": "ZZ"}, "place"),
    ("jurisdiction: [DE]", {"jurisdiction": "DE"}, {"jurisdiction": "FR"}, {"jurisdiction": "de"}, "place"),
    ("age_under: 16", {"age": (15, 15)}, {"age": (16, 16)}, {"age": (15, 16)}, "age"),
    ("age_from: 16", {"age": (16, None)}, {"age": (0, 15)}, {"age": (15, None)}, "age"),
    ("age_from: 16, age_under: 18", {"age": (16, 17)}, {"age": (18, 99)}, {"age": (10, 17)}, "age"),
    ("people_from: 50 people", {"people": 50}, {"people": 49}, {}, "people"),
    ("people_under: 50 people", {"people": 49}, {"people": 50}, {}, "people"),
    (
        "environment: {net: [office, vpn]}",
        {"environment": {"net": "vpn"}},
        {"environment": {"net": "cafe"}},
        {"environment": {"other": "vpn"}},
        "attribute",
    ),
    (
        "data_under: 1mo",
        {"at": at("2026-03-31T00:00Z"), "oldest": at("2026-03-01T00:00Z")},
        {"at": at("2026-03-31T00:00Z"), "oldest": at("2026-02-28T00:00Z")},
        {"oldest": at("2026-03-01T00:00Z")},
        "data",
    ),
    (
        "data_from: 30d",
        {"at": at("2026-03-31T00:00Z"), "oldest": at("2026-03-01T00:00Z")},
        {"at": at("2026-03-31T00:00Z"), "oldest": at("2026-03-02T00:00Z")},
        {"at": at("2026-03-31T00:00Z")},
        "data",
    ),
    # Berlin is two hours ahead in summer, one in winter.
    ("hours: 08:00-20:00", {"at": at("2026-07-01T06:00Z")}, {"at": at("2026-07-01T18:00Z")}, {}, "time"),
    ("hours: 08:00-20:00", {"at": at("2026-12-01T18:59Z")}, {"at": at("2026-12-01T06:00Z")}, {}, "time"),
    ("hours: 22:00-24:00", {"at": at("2026-12-01T22:59Z")}, {"at": at("2026-12-01T23:00Z")}, {}, "time"),
    (
        "hours: 22:00-06:00, days: [fri]",  # the 28th is a Saturday
        {"at": at("2026-11-28T04:59Z")},
        {"at": at("2026-11-27T04:59Z")},
        {},
        "time",
    ),
    (
        "from: 2026-11-28, until: 2026-11-28",
        {"at": at("2026-11-28T22:59Z")},
        {"at": at("2026-11-28T23:00Z")},
        {},
        "time",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("when", "yes", "no", "unsure", "kind"), CASES)
def test_a_permit_grants_only_where_its_condition_is_known_to_hold(
    edited: Edited, when: str, yes: dict, no: dict, unsure: dict, kind: str
) -> None:
    policy = permitting(edited, when)
    assert policy.decide(COUNT, Circumstances(**yes)).allowed
    for known, reason in ((no, f"{kind}.refused"), (unsure, f"{kind}.unknown")):
        decision = policy.decide(COUNT, Circumstances(**known))
        assert not decision.allowed
        assert (decision.reason, decision.deny) == (reason, None)
        assert decision.unmet == (("count", reason),)
        assert not decision.granted


@pytest.mark.parametrize(("when", "yes", "no", "unsure", "kind"), CASES)
def test_a_deny_denies_unless_its_condition_is_known_not_to_hold(
    edited: Edited, when: str, yes: dict, no: dict, unsure: dict, kind: str
) -> None:
    policy = denying(edited, when)
    assert policy.decide(BUY, Circumstances(**no)).allowed
    for known, reason in ((yes, "deny"), (unsure, f"{kind}.unknown")):
        decision = policy.decide(BUY, Circumstances(**known))
        assert (decision.allowed, decision.reason, decision.deny) == (False, reason, "no")
        assert decision.refused == BUY.fields


def test_an_attribute_that_cannot_be_read_is_told_apart(edited: Edited) -> None:
    for broken in (UNREADABLE, 7, ["office"]):
        known = Circumstances(environment={"net": broken})
        for policy, ask in (
            (permitting(edited, "environment: {net: [office]}"), COUNT),
            (denying(edited, "environment: {net: [cafe]}"), BUY),
        ):
            decision = policy.decide(ask, known)
            assert (decision.allowed, decision.reason) == (False, "attribute.error")


def test_one_part_that_does_not_hold_settles_the_whole(edited: Edited) -> None:
    policy = denying(edited, "jurisdiction: [DE], age_under: 16")
    assert policy.decide(BUY, Circumstances(jurisdiction="FR")).allowed
    assert policy.decide(BUY, Circumstances(age=(20, 20))).allowed
    assert not policy.decide(BUY, Circumstances(jurisdiction="DE")).allowed


def test_of_an_unknown_place_every_deny_of_every_place_holds(edited: Edited) -> None:
    policy = edited(
        policy=(
            (
                "denies:\n",
                (
                    "denies:\n  - {id: a, text: No., when: {jurisdiction: [DE]}, fields: [purchase.item]}\n"
                    "  - {id: b, text: No., when: {jurisdiction: [US-CA]}, fields: [view.item]}\n"
                ),
            ),
        )
    )
    assert policy.decide(BUY, UNKNOWN).refused == BUY.fields
    assert policy.decide(BUY, Circumstances("DE")).refused == {"purchase.item"}
    assert policy.decide(BUY, Circumstances("US-CA")).refused == {"view.item"}
    assert policy.decide(BUY, Circumstances("US")).refused == {"view.item"}
    assert policy.decide(BUY, Circumstances("FR")).allowed


def test_a_deny_that_holds_is_named_before_one_that_cannot_be_told(edited: Edited) -> None:
    policy = edited(
        policy=(
            (
                "denies:\n",
                "denies:\n  - {id: a, text: No., when: {age_under: 16}}\n  - {id: z, text: No., for: [suggestions]}\n",
            ),
        )
    )
    decision = policy.decide(BUY)
    assert (decision.reason, decision.deny) == ("deny", "z")


def test_another_permit_may_still_grant(edited: Edited) -> None:
    policy = edited(
        policy=(
            (
                "  - {id: count, role: clerk,",
                (
                    "  - {id: always, role: clerk, for: counts, may: [derive], fields: [purchase.value]}\n"
                    "  - {id: count, role: clerk, when: {age_from: 18},"
                ),
            ),
        )
    )
    assert policy.decide(COUNT).permits == ("always",)
    both = COUNT._replace(fields=frozenset({"purchase.value", "profile.age"}))
    assert policy.decide(both).reason == "age.unknown"
    assert policy.decide(both, Circumstances(age=(30, 30))).permits == ("always", "count")
    # Nobody at all could read this one: no age would help.
    more = both._replace(fields=both.fields | {"purchase.order"})
    assert policy.decide(more).reason == "field.refused"


def test_whether_anything_could_be_allowed_at_all_is_told_without_a_person(edited: Edited) -> None:
    moment = Circumstances(at=at("2026-07-01T06:00Z"))
    night = Circumstances(at=at("2026-07-01T00:00Z"))
    policy = permitting(edited, "age_from: 18, people_from: 9 people, hours: 08:00-20:00")
    assert not policy.decide(COUNT, moment).allowed
    assert policy.decide_at_all(COUNT, moment).permits == ("count",)
    assert policy.decide_at_all(COUNT, night).reason == "time.refused"
    assert policy.decide_at_all(COUNT).reason == "time.unknown"
    policy = denying(edited, "age_under: 16, hours: 08:00-20:00")
    assert policy.decide_at_all(BUY, moment).allowed
    policy = denying(edited, "hours: 08:00-20:00")
    assert policy.decide_at_all(BUY, moment).deny == "no"
    assert policy.decide_at_all(BUY._replace(purpose="spying")).reason == "purpose.unknown"


def test_what_an_answer_depends_on_can_be_asked(edited: Edited) -> None:
    policy = permitting(edited, "data_under: 7d, jurisdiction: [DE]")
    assert policy.needs(COUNT) == {"jurisdiction", "oldest", "at"}
    assert policy.needs(BUY) == frozenset()
    assert policy.needs(COUNT._replace(purpose="spying")) == frozenset()


@pytest.mark.parametrize(
    "known",
    [
        {"age": 15},
        {"age": (16, 15)},
        {"age": (True, 20)},
        {"age": (-1, 20)},
        {"at": "now"},
        {"people": 5.0},
        {"oldest": True},
        {"environment": [("net", "office")]},
    ],
)
def test_circumstances_of_another_form_are_refused(known: dict) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Circumstances(**known)
    assert refusal.value.reason == "circumstances.type"


@pytest.mark.parametrize("junk", [None, 7, "DE", object()])
def test_junk_in_place_of_circumstances_denies(edited: Edited, junk: object) -> None:
    policy = denying(edited, "age_under: 16")
    assert policy.decide(BUY, junk).reason == "ask.malformed"  # type: ignore[arg-type]


def test_a_moment_outside_of_the_calendar_denies(edited: Edited) -> None:
    for when in ("hours: 08:00-20:00", "data_from: 7d"):
        policy = denying(edited, when)
        for moment in (2**62, -(2**62)):
            decision = policy.decide(BUY, Circumstances(at=moment, oldest=0))
            assert not decision.allowed


def test_a_test_of_a_policy_tells_circumstances(texts: dict[str, str]) -> None:
    from privet.policy import run_tests

    policy = texts["policy"].replace(
        "denies:\n",
        "denies:\n  - {id: no, text: No., for: [suggestions], when: {age_under: 16, hours: 08:00-20:00, "
        "environment: {net: [shop]}, jurisdiction: [DE]}}\n",
    )
    asked = "as: clerk, for: suggestions, may: recommend, fields: [purchase.item]"
    known = (
        "agreed: [suggestions], jurisdiction: DE, at: '2026-07-01T10:00Z', environment: {net: shop}"
    )
    tests = (
        f"  - {{name: a, given: {{{known}, age: 15}}, {asked}, then: AccessDenied}}\n"
        f"  - {{name: b, given: {{{known}, age: 16-17}}, {asked}, then: allow}}\n"
        f"  - {{name: c, given: {{{known}}}, {asked}, then: AccessDenied}}\n"
        f"  - {{name: d, given: {{agreed: [suggestions], jurisdiction: FR}}, {asked}, then: allow}}\n"
    )
    compiled = compile_documents(texts | {"policy": policy + tests})
    results = {r.name: r for r in run_tests(compiled)}
    assert all(results[name].passed for name in "abcd"), results
    assert results["c"].reason == "age.unknown"


def test_a_condition_changes_the_hash_and_the_slice_of_its_purpose_alone(
    small: Policy, edited: Edited
) -> None:
    other = permitting(edited, "age_from: 18")
    assert other.hash != small.hash
    differs = {p for p in small.purposes if small.slice_hash(p) != other.slice_hash(p)}
    assert differs == {"counts"}


def test_documents_without_conditions_keep_their_hashes(small: Policy) -> None:
    """As they were before there were conditions: deployments open, models stay bound."""
    assert small.hash == "5ad0aded55c4c10e7672e470337de82d356fbba001694510e35d5f94d2f737c3"
    assert {name: small.slice_hash(name)[:16] for name in small.purposes} == {
        "orders": "3152df547b4d2652",
        "suggestions": "d137ff07979cdf71",
        "letters": "fca2a72778dd2be4",
        "counts": "c3b46476c42d27a5",
    }


def test_the_lists_of_places_are_whole() -> None:
    assert len(COUNTRIES) == 249
    assert [len(GROUPS[name]) for name in ("EU", "EEA")] == [27, 30]
    assert all(group <= COUNTRIES for group in GROUPS.values())
    assert {code[:2] for code in PARTS} == {"US", "CA"}
    assert len([c for c in PARTS if c[:2] == "US"]) == 51
    assert len([c for c in PARTS if c[:2] == "CA"]) == 13
