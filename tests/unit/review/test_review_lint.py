# ruff: noqa: E501 (edits stand as an author would write them)
"""Each thing that looks wrong is told with its place and a fix; what is right is not."""

from __future__ import annotations

import pytest

from privet.review import coverage, lint
from privet.review.space import answer, cases

PERMIT = "  - id: store-hours\n"
DENIES = "tests:\n"


def codes(policy) -> set[tuple[str, str]]:
    return {(f.code, f.name) for f in lint(policy) if not f.code.endswith("untested")}


def told(edited, *edits: tuple[str, str]) -> set[tuple[str, str]]:
    """What an edited pack is told beyond the pack itself."""
    return codes(edited(*edits)) - codes(edited())


def permit(text: str) -> tuple[str, str]:
    return PERMIT, f"  - {text}\n{PERMIT}"


def deny(text: str) -> tuple[str, str]:
    return DENIES, f"denies:\n  - {text}\n{DENIES}"


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (
            deny("{id: no-counts, text: No., for: [analytics]}"),
            ("permit.unreachable", "store-hours"),
        ),
        (
            [
                permit(
                    "{id: never, role: analyst, for: analytics, may: [derive], fields: [purchase.coupon], when: {age_under: 16}}"
                ),
                deny("{id: minors, text: No., for: [analytics], when: {age_under: 18}}"),
            ],
            ("permit.unreachable", "never"),
        ),
        (
            deny("{id: no-coupons, text: No., for: [segmentation], fields: [purchase.coupon]}"),
            ("permit.field-denied", "group"),
        ),
        (
            permit(
                "{id: less, role: analyst, for: analytics, may: [derive], fields: [purchase.value, purchase.store], minimize: {drop: [purchase.value]}}"
            ),
            ("permit.field-dropped", "store-hours"),
        ),
        (
            permit(
                "{id: again, role: marketer, for: analytics, may: [derive], fields: [purchase.store], minimize: {time: hour, least: 20 people}}"
            ),
            ("permit.shadowed", "again"),
        ),
        (
            permit(
                "{id: lax, role: marketer, for: analytics, may: [derive], fields: [purchase.store], minimize: {least: 2 people}}"
            ),
            ("permit.shadowed", "lax"),
        ),
        (
            permit(
                "{id: wide, role: trainer, for: recommendations, may: [derive], fields: ['*']}"
            ),
            ("permit.wildcard", "wide"),
        ),
        (
            deny("{id: idle, text: No., for: [orders], may_not: [export]}"),
            ("deny.idle", "idle"),
        ),
        (
            deny(
                "{id: b-all, text: No., for: [analytics]}\n  - {id: c-some, text: No., for: [analytics], fields: [purchase.store]}"
            ),
            ("deny.idle", "c-some"),
        ),
        (("  trainer: {}", "  trainer: {}\n  guest: {}"), ("role.idle", "guest")),
        (
            permit(
                "{id: grab, role: operator, for: newsletter, may: [collect], fields: [purchase.store]}"
            ),
            ("field.unread", "grab"),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and "." in value[0] else "",
)  # fmt: skip
def test_what_looks_wrong_is_told(edited, edit, finding):
    assert finding in told(edited, *(edit if isinstance(edit, list) else [edit]))


@pytest.mark.parametrize(
    "edit",
    [
        permit("{id: stricter, role: marketer, for: analytics, may: [derive], fields: [purchase.store], minimize: {time: day}}"),
        permit("{id: other, role: trainer, for: analytics, may: [derive], fields: [purchase.store]}"),
        permit("{id: at-home, role: marketer, for: analytics, may: [derive], fields: [purchase.coupon], when: {jurisdiction: [DE]}}"),
        deny("{id: needed, text: No., for: [analytics], fields: [purchase.store], when: {jurisdiction: [DE]}}"),
    ],
)  # fmt: skip
def test_what_changes_an_answer_is_not_told(edited, edit):
    assert not told(edited, edit) - {("permit.wildcard", "take-orders")}


def test_a_role_that_all_others_inherit_is_everybody(edited):
    own, imported = ["storefront", "trainer", "analyst"], ["privacy-desk", "auditor", "operator"]
    edits = [(f"  {name}: {{}}", f"  {name}: {{inherits: [staff]}}") for name in own]
    anew = "".join(f"  {name}: {{inherits: [staff]}}\n" for name in imported)
    edits += [("recipients:\n", f"overrides: [{', '.join(imported)}]\nrecipients:\n")]
    edits += [("  storefront:", f"  staff: {{}}\n{anew}  storefront:")]
    edits += [permit("{id: all, role: staff, for: analytics, may: [derive], fields: [purchase.coupon]}")]  # fmt: skip
    assert ("permit.root", "all") in told(edited, *edits)


def test_of_two_that_say_the_same_the_later_one_is_told(edited):
    line = "{id: NAME, role: analyst, for: analytics, may: [derive], fields: [purchase.coupon], minimize: {time: day}}"
    both = permit(f"{line.replace('NAME', 'first')}\n  - {line.replace('NAME', 'second')}")
    found = {f for f in told(edited, both) if f[0] == "permit.shadowed"}
    assert found == {("permit.shadowed", "second")}


def test_without_a_shadowed_permit_every_request_is_answered_the_same(edited):
    line = "{id: again, role: marketer, for: analytics, may: [derive], fields: [purchase.store], minimize: {time: hour, least: 20 people}}"
    full, less = edited(permit(line)), edited()
    assert all(answer(full, case) == answer(less, case) for case in cases([full, less]))


def test_a_finding_stands_at_its_line_and_column(edited):
    name = "  - {name: an account is opened at the storefront,"
    without = (name, name.replace("- {", "# {"))
    policy = edited(("  trainer: {}", "  trainer: {}\n  guest: {}"), without)
    (found,) = [f for f in lint(policy) if f.code == "role.idle"]
    lines = policy.documents["policy"].splitlines()
    assert lines[found.line - 1][found.column - 1 :].startswith("guest:")
    (shadow,) = [
        f for f in lint(policy) if (f.code, f.name) == ("permit.untested", "begin-contract")
    ]
    assert "id: begin-contract" in lines[shadow.line - 1]
    assert found.fix
    assert found.file == "policy.yaml"


def test_coverage_names_what_no_test_touches(edited):
    grown = edited(
        deny("{id: no-coupons, text: No., for: [segmentation], fields: [purchase.coupon]}"),
        ("  - {name: an auditor reads nobody's data", "  # {name: an auditor reads nobody's data"),
        ("  - {name: analytics runs on a legitimate", "  # {name: analytics runs on a legitimate"),
        ("  - {name: an objection stops analytics", "  # {name: an objection stops analytics"),
        ("  - {name: a marketer inherits what an", "  # {name: a marketer inherits what an"),
    )
    found = coverage(grown)
    assert found.untouched["denies"] == ["no-coupons"]
    assert found.untouched["purposes"] == ["analytics"]
    assert "store-hours" in found.untouched["permits"]
    assert "suggest" not in found.untouched["permits"]
    names = [n for part in found.untouched.values() for n in part]
    total = len(grown.permits) + len(grown.denies) + len(grown.purposes)
    assert found.share == 1 - len(names) / total


def test_a_deny_that_refuses_in_a_test_is_touched(edited):
    test = "tests:\n  - {name: no coupons, given: {agreed: [segmentation]}, as: trainer, for: segmentation, may: derive, fields: [purchase.coupon], then: AccessDenied}\n"
    grown = edited(
        ("tests:\n", test), deny("{id: no-coupons, text: No., fields: [purchase.coupon]}")
    )
    assert coverage(grown).denies["no-coupons"]
    assert ("deny.untested", "no-coupons") not in {(f.code, f.name) for f in lint(grown)}


def test_a_permit_for_a_purpose_and_its_parts_stands_where_it_is_written(edited):
    parts = (
        ("  newsletter:\n", "  sales:\n    basis: {legitimate-interest: LIA-1}\n    parent: analytics\n    reuses: {orders: {assessment: CA-4}}\n  newsletter:\n"),
        ("    fields: [purchase.value, purchase.store]\n", "    fields: [purchase.value, purchase.store]\n    children: true\n"),
    )  # fmt: skip
    policy = edited(*parts)
    assert "store-hours/sales" in policy.permits
    (found,) = [f for f in lint(policy) if f.name == "store-hours/sales"]
    assert "id: store-hours" in policy.documents["policy"].splitlines()[found.line - 1]
