# ruff: noqa: E501 (documents stand as an author would write them)
"""Purposes as a tree, stricter places, decisions by machines, and warnings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.clock import micros
from privet.policy import Ask, Period, Policy

Edited = Callable[..., Policy]
Faults = Callable[..., list[dict[str, str | int]]]

PART = "  tips:\n    parent: suggestions\n    basis: consent\n"
FOLLOW = "  - {id: follow, role: clerk, for: suggestions, may: [collect], fields: [view.*]}\n"
TIP = "  - {id: tip, role: clerk, for: tips, may: [collect, recommend], fields: [view.item]}\n"


def with_part(
    edited: Edited, *more: tuple[str, str], part: str = PART, permit: str = TIP
) -> Policy:
    edits = (("  letters:\n", f"{part}  letters:\n"), (FOLLOW, f"{FOLLOW}{permit}"), *more)
    return edited(policy=edits)


def ask(purpose: str, action: str = "recommend", field: str = "view.item") -> Ask:
    return Ask(frozenset({"clerk"}), purpose, action, frozenset({field}))


def test_a_part_has_its_parents_words_and_retention_where_it_has_none(edited: Edited) -> None:
    policy = with_part(edited)
    part, whole = policy.purposes["tips"], policy.purposes["suggestions"]
    assert (part.text, part.retention) == (whole.text, whole.retention)
    assert part.parent == "suggestions"
    own = with_part(edited, part=f"{PART}    text: Give tips.\n    retention: 6mo\n").purposes[
        "tips"
    ]
    assert (own.text, own.retention) == ("Give tips.", Period(months=6))


def test_a_permit_and_a_ground_for_a_purpose_are_none_for_its_part(edited: Edited) -> None:
    policy = with_part(edited)
    assert policy.decide(ask("suggestions", "collect")).allowed
    assert not policy.decide(ask("tips", "collect", "view.event_id")).allowed
    assert policy.decide(ask("tips")).grounds == ("tips",)
    assert policy.decide(ask("suggestions")).grounds == ("suggestions",)


def test_a_permit_that_says_so_is_for_the_parts_as_well_at_any_depth(edited: Edited) -> None:
    deep = f"{PART}  hints:\n    parent: tips\n    basis: consent\n"
    policy = with_part(
        edited, ("for: suggestions, may: [collect]", "for: suggestions, children: true, may: [collect]"), part=deep, permit=""
    )  # fmt: skip
    for purpose, permit in (
        ("suggestions", "follow"),
        ("tips", "follow/tips"),
        ("hints", "follow/hints"),
    ):
        assert policy.decide(ask(purpose, "collect")).permits == (permit,)
    assert not policy.decide(ask("letters", "collect")).allowed


def test_a_deny_for_a_purpose_holds_for_its_parts(edited: Edited) -> None:
    deny = "denies:\n  - {id: no, text: No., for: [suggestions]}\n"
    policy = with_part(edited, ("denies:\n", deny))
    assert policy.decide(ask("tips")).deny == "no"
    below = with_part(edited, ("denies:\n", deny.replace("[suggestions]", "[tips]")))
    assert below.decide(ask("suggestions")).allowed


TREE_FAULTS = [
    ("parent: suggestions", "parent: suggestion", "`suggestion` is not declared", "suggestions"),
    ("parent: suggestions", "parent: tips", "`tips` is not declared", ""),
    (
        "parent: suggestions\n    basis",
        "parent: suggestions\n    retention: 14mo\n    basis",
        "longer than the retention",
        "",
    ),
    ("parent: suggestions\n    basis", "basis", "the key `retention` is missing", ""),
]


@pytest.mark.parametrize(("old", "new", "what", "near"), TREE_FAULTS)
def test_a_tree_that_does_not_hold_is_refused(
    faults: Faults, old: str, new: str, what: str, near: str
) -> None:
    part = PART.replace(old, new)
    found = faults(policy=(("  letters:\n", f"{part}  letters:\n"), (FOLLOW, FOLLOW + TIP)))
    (fault,) = [f for f in found if what in str(f["what"])]
    assert fault["near"] == near
    assert fault["why"]


def test_purposes_under_each_other_are_refused(faults: Faults) -> None:
    found = faults(
        policy=(
            ("  letters:\n", f"{PART}  letters:\n"),
            (FOLLOW, FOLLOW + TIP),
            ("    text: Suggest products.\n", "    text: Suggest products.\n    parent: tips\n"),
        )
    )
    assert sum("stand under each other" in str(f["what"]) for f in found) == 2


def test_children_of_no_family_are_refused(faults: Faults) -> None:
    found = faults(
        policy=(
            (
                "for: suggestions, may: [collect]",
                "for: suggestions, children: true, may: [collect]",
            ),
        )
    )
    assert [f["what"] for f in found] == ["no purpose stands under this one"]


def test_a_permit_for_parts_is_checked_for_each_of_them(faults: Faults) -> None:
    """The part rests on a contract, so what comes from the device may not be collected for it."""
    part = "  tips:\n    parent: suggestions\n    basis: {contract: account}\n"
    found = faults(
        policy=(
            ("  letters:\n", f"{part}  letters:\n"),
            (
                "for: suggestions, may: [collect]",
                "for: suggestions, children: true, may: [collect]",
            ),
        )
    )
    assert any("comes from the device" in str(f["what"]) for f in found)


SIGNIFICANT = [
    ("    basis: consent\n    reuses: {orders: {assessment: CA-1}}\n", "    automated_decision: significant\n", "Art. 22(1)"),
    ("    basis: {legitimate-interest: LIA-1}\n", "    automated_decision: significant\n    human_step: The desk.\n", "Art. 22(2)"),
    ("    basis: consent\n    reuses: {orders: {assessment: CA-1}}\n", "    human_step: The desk.\n", "nothing significant"),
]  # fmt: skip


@pytest.mark.parametrize(("after", "put", "what"), SIGNIFICANT)
def test_a_significant_decision_needs_a_human_and_a_ground(
    faults: Faults, after: str, put: str, what: str
) -> None:
    found = faults(policy=((after, after + put),))
    assert any(what in str(f["what"]) for f in found), found
    assert all("Art. 22" in str(f["why"]) or "consent" in str(f["why"]) for f in found)


def test_a_significant_decision_on_a_special_category_needs_one_of_two_grounds(
    faults: Faults, edited: Edited
) -> None:
    base = "    basis: consent\n    reuses: {orders: {assessment: CA-1}}\n"
    decided = "    automated_decision: significant\n    human_step: The desk decides.\n"
    research = "    special: {health: {ground: research, law: Some law}}\n"
    never = ("never: [health]", "never: []")
    found = faults(policy=((base, base + decided + research), never))
    assert any("Art. 22(4)" in str(f["what"]) for f in found)
    explicit = "    special: {health: explicit-consent}\n"
    policy = edited(policy=((base, base + decided + explicit), never))
    assert policy.purposes["suggestions"].human_step == "The desk decides."


PLACES = "    renew: 12mo\n    jurisdictions: {DE: {renew: 6mo}, EU: {retention: 12mo}, US-CA: {renew: 3mo, retention: 1mo}}\n"


def placed(edited: Edited) -> Policy:
    return edited(policy=(("    renew: 12mo\n", PLACES),))


def first(periods: list[Period]) -> Period:
    at = micros(__import__("datetime").datetime.fromisoformat("2026-03-02T00:00Z"))
    return min(periods, key=lambda p: p.after(at))


@pytest.mark.parametrize(
    ("code", "renew", "retention"),
    [
        ("CH", "12mo", "13mo"),
        ("FR", "12mo", "12mo"),
        ("DE", "6mo", "12mo"),
        ("DE-BY", "6mo", "12mo"),
        ("US-CA", "3mo", "1mo"),
        ("US-NV", "12mo", "13mo"),
        ("US", "3mo", "1mo"),  # it may be California
        ("", "3mo", "1mo"),
        (None, "3mo", "1mo"),
        ("ZZ", "3mo", "1mo"),
    ],
)
def test_a_place_may_be_stricter_and_an_unknown_one_is_the_strictest(
    edited: Edited, code: str | None, renew: str, retention: str
) -> None:
    spec = placed(edited).purposes["suggestions"]
    assert first(spec.renewals(code)) == Period.parse(renew)
    assert first(spec.retentions(code)) == Period.parse(retention)


PLACE_FAULTS = [
    ("{UK: {renew: 6mo}}", "`UK` is no country", "GB"),
    ("{DE: {}}", "nothing is said of this place", ""),
    ("{DE: {renew: 13mo}}", "longer than the purpose's own `renew`", ""),
    ("{DE: {retention: 2y}}", "longer than the purpose's own `retention`", ""),
    ("{germany: {renew: 6mo}}", "not a place", ""),
]


@pytest.mark.parametrize(("places", "what", "near"), PLACE_FAULTS)
def test_a_place_that_is_none_or_laxer_is_refused(
    faults: Faults, places: str, what: str, near: str
) -> None:
    found = faults(
        policy=(("    renew: 12mo\n", f"    renew: 12mo\n    jurisdictions: {places}\n"),)
    )
    (fault,) = [f for f in found if what in str(f["what"])]
    assert fault["near"] == near


def test_only_a_consent_is_renewed_anywhere(faults: Faults) -> None:
    found = faults(
        policy=(
            ("    retention: 2y\n", "    retention: 2y\n    jurisdictions: {DE: {renew: 1y}}\n"),
        )
    )
    assert any("only a consent is renewed" in str(f["what"]) for f in found)


def test_recommendations_on_a_contract_alone_are_a_warning(small: Policy, edited: Edited) -> None:
    assert small.warnings == ()
    policy = edited(
        policy=(
            (
                "may: [collect, read], fields: [purchase.*",
                "may: [collect, read, recommend], fields: [purchase.*",
            ),
        )
    )
    (warning,) = policy.warnings
    assert warning["what"] == "recommendations on a contract alone"
    assert "Art. 6(1)(b)" in str(warning["why"])
    assert (warning["file"], warning["line"], warning["column"]) == ("policy.yaml", 15, 5)


def test_a_hold_of_a_place_takes_the_place_of_what_holds_elsewhere(edited: Edited) -> None:
    hold = "    hold: {fields: [purchase.order, purchase.value], for: 7y, law: Tax records}\n"
    places = "    jurisdictions: {DE: {hold: {for: 10y, law: A}}, EU: {hold: {for: 9y, law: B}}, US-CA: {hold: {for: 2y, law: C}}}\n"
    spec = edited(policy=((hold, hold + places),)).purposes["orders"]
    for code, laws in (
        ("DE", {"A", "B"}),
        ("FR", {"B"}),
        ("US-CA", {"C"}),
        ("CH", {"Tax records"}),
        ("US", {"Tax records", "C"}),
        ("", {"A", "B", "C", "Tax records"}),
        (None, {"A", "B", "C", "Tax records"}),
        ("ZZ", {"A", "B", "C", "Tax records"}),
    ):
        assert {held.law for held in spec.holds(code)} == laws
    assert str(spec.longest_hold and spec.longest_hold.period) == "120mo"
    assert spec.laws == "A; B; C; Tax records"


HOLD_FAULTS = [
    ("hold: {fields: [purchase.order, purchase.value]}", "a hold needs a time"),
    ("hold: {fields: [purchase.order], for: 7y}", "a hold needs a time"),
    ("hold: {fields: [purchase.order], law: L}", "a hold needs a time"),
    ("jurisdictions: {DE: {hold: {for: 7y, law: L}}}", "holds no fields"),
]


@pytest.mark.parametrize(("said", "what"), HOLD_FAULTS)
def test_a_hold_without_a_law_or_fields_is_refused(faults: Faults, said: str, what: str) -> None:
    hold = "hold: {fields: [purchase.order, purchase.value], for: 7y, law: Tax records}"
    found = faults(policy=((hold, said),))
    assert [f for f in found if what in str(f["what"])]
