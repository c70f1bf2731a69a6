"""Hashes: equal for what means the same, different for what does not."""

from __future__ import annotations

import pytest

from privet.errors import AccessDenied
from privet.policy import Policy

SAME = [
    (("may: [collect, read]", "may: [read, collect]"),),
    (("fields: [purchase.item, view.item]", "fields: [view.item, purchase.item]"),),
    (("  trainer: {}\n  desk: {}", "  desk: {}\n  trainer: {}"),),
    (("separate: [[desk, auditor]]", "separate: [[auditor, desk]]"),),
    (("never: [health]", "never:   [health]   # a remark"),),
    (("deadline: 24h, ", ""),),
]
OTHER = [
    (("retention: 2y", "retention: 3y"),),
    (("text: Send news.", "text: Send offers."),),
    (("time: day", "time: hour"),),
    (("round(5)", "round(10)"),),
    (("name: Example,", "name: Example Ltd,"),),
]


@pytest.mark.parametrize("edits", SAME)
def test_order_and_remarks_do_not_change_the_hash(small: Policy, edited, edits) -> None:
    assert edited(policy=edits).hash == small.hash


@pytest.mark.parametrize("edits", OTHER)
def test_a_change_of_meaning_changes_the_hash(small: Policy, edited, edits) -> None:
    assert edited(policy=edits).hash != small.hash


def test_the_order_of_columns_bands_and_keys_means_something(small: Policy, edited) -> None:
    swapped = "      quantity: {type: int, category: transaction}\n"
    moved = (
        (
            "      item: {type: item, category: transaction}\n",
            swapped + "      item: {type: item, category: transaction}\n",
        ),
        (
            "      order: {type: id, category: transaction}\n" + swapped,
            "      order: {type: id, category: transaction}\n",
        ),
    )
    assert edited(data=moved).hash != small.hash
    assert edited(data=(("unique: [order, item]", "unique: [item, order]"),)).hash != small.hash


def test_the_hash_is_sixty_four_hex_digits(small: Policy) -> None:
    assert len(small.hash) == 64
    assert set(small.hash) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("edits", "changed"),
    [
        ((("retention: 2y", "retention: 3y"),), {"orders", "suggestions", "letters", "counts"}),
        ((("time: day", "time: hour"),), {"suggestions"}),
        ((("renew: 12mo", "renew: 6mo"),), {"suggestions", "letters"}),
        ((("least: 50 people", "least: 60 people"),), {"letters"}),
        ((("name: Example,", "name: Example Ltd,"),), set()),
        ((("then: ConsentMissing", "then: Objected"),), set()),
    ],
)
def test_a_slice_changes_with_what_bears_on_its_purpose(
    small: Policy, edited, edits, changed
) -> None:
    other = edited(policy=edits)
    differs = {p for p in small.purposes if small.slice_hash(p) != other.slice_hash(p)}
    assert differs == changed


def test_what_items_reveal_bears_on_every_purpose(small: Policy, edited) -> None:
    other = edited(data=(("[PILLS]", "[PILLS, SYRINGES]"),))
    assert all(small.slice_hash(p) != other.slice_hash(p) for p in small.purposes)


def test_there_is_no_slice_of_an_unknown_purpose(small: Policy) -> None:
    with pytest.raises(AccessDenied):
        small.slice_hash("spying")
