# ruff: noqa: E501 (documents stand as an author would write them)
"""What stands until people opt out: how a policy says it, tests it, explains it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.policy import Ask, Circumstances, Policy
from privet.policy.trials import Given, run_tests
from privet.review import explain

Edited = Callable[..., Policy]
Faults = Callable[..., list[dict[str, str | int]]]

OLD = "basis: {legitimate-interest: LIA-1}"
NEW = "basis: {opt-out: Cal. Civ. Code 1798.120, where: [US-CA]}"
WEIGHED = ("  LIA-1: {is: legitimate-interest, text: Counts of many.}\n", "")
TESTS = """tests:
  - {name: in California it stands, given: {jurisdiction: US-CA}, as: clerk, for: counts, may: derive, fields: [purchase.value], then: allow}
  - {name: elsewhere it does not, given: {jurisdiction: US-NV}, as: clerk, for: counts, may: derive, fields: [purchase.value], then: ConsentMissing}
  - {name: somewhere in the country it does not, given: {jurisdiction: US}, as: clerk, for: counts, may: derive, fields: [purchase.value], then: ConsentMissing}
  - {name: nobody knows where it stands, given: {}, as: clerk, for: counts, may: derive, fields: [purchase.value], then: ConsentMissing}
  - {name: whoever opts out is out, given: {jurisdiction: US-CA, opted_out: [counts]}, as: clerk, for: counts, may: derive, fields: [purchase.value], then: Objected}
"""


def counting(edited: Edited, basis: str = NEW) -> Policy:
    return edited(policy=((OLD, basis), WEIGHED, ("tests:\n", TESTS)))


def test_a_policy_says_where_a_purpose_stands_until_people_opt_out(edited: Edited) -> None:
    spec = counting(edited).purposes["counts"]
    assert (spec.basis, spec.reference) == ("opt-out", "Cal. Civ. Code 1798.120")
    assert spec.where == {"US-CA"}
    stands = {place: spec.stands(place) for place in ("US-CA", "US-NV", "US", "DE", "", None)}
    assert [place for place, holds in stands.items() if holds] == ["US-CA"]


def test_its_tests_tell_places_and_who_opted_out(edited: Edited) -> None:
    assert [result for result in run_tests(counting(edited)) if not result.passed] == []


def test_who_opted_out_of_what_is_not_there_is_a_fault(faults: Faults) -> None:
    test = TESTS.replace("opted_out: [counts]", "opted_out: [count]")
    (found,) = faults(policy=((OLD, NEW), WEIGHED, ("tests:\n", test)))
    assert found["near"] == "counts"


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("[US-CA, DE]", "no law there lets a purpose stand until somebody opts out"),
        ("[EEA]", "no law there lets a purpose stand until somebody opts out"),
        ("[GB]", "no law there lets a purpose stand until somebody opts out"),
        ("[CALIFORNIA]", "`basis` is none of the accepted grounds"),
        ("[]", "`basis` is none of the accepted grounds"),
    ],
)
def test_where_it_cannot_stand_is_a_fault(faults: Faults, where: str, what: str) -> None:
    basis = NEW.replace("[US-CA]", where)
    assert what in {f["what"] for f in faults(policy=((OLD, basis), WEIGHED))}


def test_it_says_where(faults: Faults) -> None:
    basis = "basis: {opt-out: Cal. Civ. Code 1798.120}"
    found = faults(policy=((OLD, basis), WEIGHED))
    assert {fault["what"] for fault in found} == {"`basis` is none of the accepted grounds"}


def test_a_purpose_that_does_not_is_bound_as_ever(edited: Edited, small: Policy) -> None:
    changed = counting(edited)
    for name in ("orders", "suggestions", "letters"):
        assert changed.slice_hash(name) == small.slice_hash(name)
    assert changed.slice_hash("counts") != small.slice_hash("counts")
    other = counting(edited, NEW.replace("US-CA", "US-NV"))
    assert other.slice_hash("counts") != changed.slice_hash("counts")


def person(place: str | None, *opted_out: str) -> Given:
    nothing: frozenset[str] = frozenset()
    at = Circumstances(jurisdiction=place)
    return Given(nothing, nothing, nothing, nothing, False, at, frozenset(opted_out))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            person("DE"),
            "the person must be where `counts` stands, and not have opted out of it",
        ),
        (
            person("US-CA", "counts"),
            "she opted out of `counts`: only she opts in again, and is not asked for twelve months",
        ),
    ],
)
def test_what_a_person_lacks_is_explained(edited: Edited, given: Given, line: str) -> None:
    policy = counting(edited)
    ask = Ask(frozenset({"clerk"}), "counts", "derive", frozenset({"purchase.value"}))
    found = explain(policy, ask, given.circumstances, given)
    assert not found.allowed
    assert [remedy.line for remedy in found.remedies] == [line]
    assert explain(policy, ask, Circumstances(), person("US-CA")).allowed
