# ruff: noqa: E501 (documents stand as an author would write them)
"""Permits for an emergency: closed unless opened, never above a deny, two people apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.errors import InvalidInput
from privet.policy import Ask, Circumstances, Policy, run_tests
from privet.review import diff, explain, lint
from privet.review.facts import facts

Edited = Callable[..., Policy]
Faults = Callable[..., list[dict[str, str | int]]]

SAFETY = "  safety:\n    text: Warn you of what may kill.\n    basis: {vital-interests: Warning of what may kill}\n    reuses: {orders: {assessment: CA-3}}\n    retention: 2y\n"
WARN = "  - {id: warn, role: clerk, for: safety, may: [read], fields: [profile.email, purchase.value], break_glass: {minutes: 30, second: [desk]}}\n"
TEST = "  - {name: a warning, given: {emergency: [warn]}, as: clerk, for: safety, may: read, fields: [profile.email], then: allow}\n"
APART = "separate: [[desk, auditor], [clerk, desk]]"
ASKED = Ask(frozenset({"clerk"}), "safety", "read", frozenset({"profile.email"}))
OPEN = Circumstances(emergencies=frozenset({"warn"}))


def edits(
    purpose: str = SAFETY, permit: str = WARN, apart: str = APART, test: str = TEST
) -> tuple[tuple[str, str], ...]:
    return (
        ("  counts:\n", f"{purpose}  counts:\n"),
        ("  - {id: follow", f"{permit}  - {{id: follow"),
        ("separate: [[desk, auditor]]", apart),
        ("tests:\n", f"tests:\n{test}"),
    )


def test_it_grants_only_while_it_is_open(edited: Edited) -> None:
    policy = edited(policy=edits())
    assert policy.needs(ASKED) == {"emergencies"}
    closed = policy.decide(ASKED)
    assert (closed.allowed, closed.reason) == (False, "emergency.refused")
    assert closed.unmet == (("warn", "emergency.refused"),)
    other = policy.decide(ASKED, Circumstances(emergencies=frozenset({"other"})))
    assert not other.allowed
    opened = policy.decide(ASKED, OPEN)
    assert (opened.allowed, opened.permits, opened.grounds) == (True, ("warn",), ("safety",))
    assert not policy.decide(ASKED).allowed  # nothing of it was kept
    assert policy.decide_at_all(ASKED).reason == "emergency.refused"
    assert all(result.passed for result in run_tests(policy))


def test_it_opens_what_it_lists_and_nothing_else(edited: Edited) -> None:
    policy = edited(policy=edits())
    for more in ({"profile.age"}, {"profile.email", "purchase.item"}):
        assert policy.decide(ASKED._replace(fields=frozenset(more)), OPEN).reason == "field.refused"
    assert not policy.decide(ASKED._replace(action="export"), OPEN).allowed
    assert not policy.decide(ASKED._replace(roles=frozenset({"trainer"})), OPEN).allowed


def test_a_deny_and_a_condition_stand_above_it(edited: Edited) -> None:
    deny = "denies:\n  - {id: no, text: No., for: [safety]}\n"
    denied = edited(policy=(*edits(test=""), ("denies:\n", deny)))
    assert denied.decide(ASKED, OPEN).deny == "no"
    bound = WARN.replace("{minutes", "{minutes").replace(
        "break_glass", "when: {environment: {network: [office]}}, break_glass"
    )
    policy = edited(policy=edits(permit=bound, test=""))
    assert policy.decide(ASKED, OPEN).reason == "attribute.unknown"
    inside = Circumstances(environment={"network": "office"})
    assert policy.decide(ASKED, inside).reason == "emergency.refused"
    both = Circumstances(environment={"network": "office"}, emergencies=frozenset({"warn"}))
    assert policy.decide(ASKED, both).allowed


def test_a_list_or_a_text_opens_nothing() -> None:
    for value in (["warn"], "warn", {"warn"}, None):
        with pytest.raises(InvalidInput):
            Circumstances(emergencies=value)  # type: ignore[arg-type]


FAULTS = [
    (edits(apart="separate: [[desk, auditor]]"), "one person may hold `clerk` and `desk`"),
    (edits(permit=WARN.replace("[desk]", "[dusk]")), "`dusk` is not declared"),
    (edits(permit=WARN.replace("[desk]", "[clerk]")), "one person may hold `clerk` and `clerk`"),
    (edits(permit=WARN.replace("[desk]", "[self]")), "`self` is not declared"),
    (edits(permit=WARN.replace("minutes: 30", "minutes: 481")), "`minutes`"),
    (edits(permit=WARN.replace("minutes: 30", "minutes: 0")), "`minutes`"),
    (edits(permit=WARN.replace("minutes: 30, ", "")), "`minutes`"),
    (edits(permit=WARN.replace(", second: [desk]", "")), "`second`"),
    (edits(permit=WARN.replace("[read]", "[train]")), "`train` is not opened by an emergency"),
    (edits(permit=WARN.replace("[read]", "[collect]")), "`collect` is not opened by an emergency"),
    (edits(permit=WARN.replace(", break_glass: {minutes: 30, second: [desk]}", "")), "this permit always holds"),
    (edits(permit=WARN.replace("for: safety", 'for: "privet:rights"')), "what is built in is for no emergency"),
    (edits(test=TEST.replace("[warn]", "[take]")), "`take` is not declared"),
]  # fmt: skip


@pytest.mark.parametrize(("some", "what"), FAULTS)
def test_a_way_around_two_people_is_refused(
    faults: Faults, some: tuple[tuple[str, str], ...], what: str
) -> None:
    assert [f for f in faults(policy=some) if what in str(f["what"])]


def test_people_are_kept_apart_through_what_they_inherit(edited: Edited, faults: Faults) -> None:
    above = ("  desk: {}", "  desk: {}\n  boss: {inherits: [desk]}\n  intern: {inherits: [clerk]}")
    second = edits(permit=WARN.replace("second: [desk]", "second: [boss]"))
    assert edited(policy=(above, *second)).permits["warn"].break_glass is not None
    alone = ("  desk: {}", "  desk: {}\n  boss: {inherits: [auditor]}")
    found = faults(policy=(alone, *second))
    assert [f for f in found if "one person may hold `clerk` and `boss`" in str(f["what"])]


def test_an_emergency_reads_health_on_vital_interests_alone(edited: Edited, faults: Faults) -> None:
    special = (("categories: {", "categories: {illness: {special: true}, "), ("  email:", "  allergy: {type: text, category: illness, optional: true}\n  email:"))  # fmt: skip
    told = (
        "  - {id: follow",
        "  - {id: told, role: clerk, for: suggestions, may: [collect], fields: [profile.allergy]}\n  - {id: follow",
    )
    taken = (
        "fields: [purchase.*, profile.*]}",
        "fields: [purchase.*, profile.email, profile.age]}",
    )
    reuse = SAFETY.replace(
        "{orders: {assessment: CA-3}}",
        "{orders: {assessment: CA-3}, suggestions: {assessment: CA-3}}",
    )
    wanted = WARN.replace("profile.email, purchase.value", "profile.email, profile.allergy")
    assert edited(policy=(*edits(reuse, wanted, test=""), told, taken), data=special).permits[
        "warn"
    ]
    other = reuse.replace(
        "{vital-interests: Warning of what may kill}", "{legal-obligation: A law}"
    )
    found = faults(policy=(*edits(other, wanted, test=""), told, taken), data=special)
    assert [f for f in found if "special category" in str(f["what"])]


def test_the_smallest_change_is_to_open_it(edited: Edited) -> None:
    found = explain(edited(policy=edits()), ASKED)
    assert found.remedies[0].line == "it is allowed in an emergency: open it"


def test_what_differs_in_an_emergency_is_told(edited: Edited) -> None:
    mail = WARN.replace("profile.email, purchase.value", "profile.email")
    plain = edited(policy=edits(permit=mail, test=""))
    policy = edited(policy=edits())
    said = [change.sentence for change in diff(plain, policy).changes]
    assert any("in an emergency" in line and "purchase.value" in line for line in said)
    renamed = edited(policy=edits(permit=WARN.replace("warn", "alarm"), test=""))
    assert diff(policy, renamed).same
    for old, new in (("minutes: 30", "minutes: 60"), ("second: [desk]", "second: [auditor]")):
        apart = "separate: [[desk, auditor], [clerk, desk], [clerk, auditor]]"
        one, other = (
            edited(policy=edits(permit=permit, apart=apart))
            for permit in (WARN, WARN.replace(old, new))
        )
        assert len(diff(one, other).changes) == 1
    parted = WARN.replace(", purchase.value", "") + WARN.replace("id: warn", "id: wave").replace(
        "profile.email, ", ""
    )
    assert not diff(policy, edited(policy=edits(permit=parted))).same
    assert not [r for r in lint(policy) if r.name == "warn"]
    assert [key for key in facts(policy) if key[0] == "emergency"]
