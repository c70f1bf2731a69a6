# ruff: noqa: E501 (documents and look-alikes stand as an author would write them)
"""Atoms, domains and sources follow from the rules."""

from __future__ import annotations

import pytest

from privet.errors import AccessDenied
from privet.policy import Atom, DomainSpec, Policy


def test_fields_that_no_rule_tells_apart_are_sealed_together(small: Policy) -> None:
    assert small.atoms == (
        Atom("profile", ("email",)),
        Atom("profile", ("age",)),
        Atom("purchase", ("item",)),
        Atom("purchase", ("order",)),
        Atom("purchase", ("quantity",)),
        Atom("purchase", ("value",)),
        Atom("view", ("event_id",)),
        Atom("view", ("item",)),
    )


def test_an_atom_is_as_coarse_as_the_rules_allow(edited) -> None:
    policy = edited(
        policy=(
            (", drop: [view.event_id]", ""),
            ("fields: [purchase.item, view.item]", "fields: [purchase.item, view.*]"),
        )
    )
    assert Atom("view", ("event_id", "item")) in policy.atoms


def test_a_hold_splits_an_atom(edited) -> None:
    together = (
        (
            "fields: [purchase.item, purchase.order, purchase.value, view.*], minimize: {time: week, purchase.value: round(5), ",
            "fields: [purchase.item, view.*], minimize: {time: week, ",
        ),
    )
    policy = edited(policy=together)
    assert Atom("purchase", ("order",)) in policy.atoms
    unheld = (
        *together,
        ("    hold: {fields: [purchase.order, purchase.value], for: 7y, law: Tax records}\n", ""),
    )
    assert Atom("purchase", ("order", "quantity")) in edited(policy=unheld).atoms


def test_the_atoms_of_fields_cover_them(small: Policy) -> None:
    assert small.atoms_of("purchase", ["item"]) == (Atom("purchase", ("item",)),)
    assert small.atoms_of("purchase", ["purchase.item", "order"]) == (
        Atom("purchase", ("item",)),
        Atom("purchase", ("order",)),
    )
    assert small.atoms_of("view", []) == ()


@pytest.mark.parametrize(
    ("event", "name"), [("purchase", "shoe"), ("shoe", "item"), ("view", "purchase.item")]
)
def test_the_atoms_of_an_unknown_field_are_refused(small: Policy, event: str, name: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        small.atoms_of(event, [name])
    assert caught.value.reason == "field.unknown"


def test_each_purpose_has_a_domain_a_hold_one_more_and_each_one_beside_it(small: Policy) -> None:
    assert small.domains[:4] == (
        DomainSpec("orders", "orders", ""),
        DomainSpec("orders/hold", "orders", "Tax records"),
        DomainSpec("orders/sensitive", "orders", ""),
        DomainSpec("orders/hold/sensitive", "orders", "Tax records"),
    )
    others = ["suggestions", "letters", "counts"]
    found = [d.name for d in small.domains[4:]]
    assert found == [name for n in others for name in (n, f"{n}/sensitive")]


SPECIAL = (
    ("never: [health]", "never: []"),
    (
        "    basis: consent\n    reuses: {orders: {assessment: CA-1}}",
        "    basis: consent\n    special: {health: explicit-consent}\n    reuses: {orders: {assessment: CA-1}}",
    ),
)


def test_only_a_ground_of_its_own_or_ones_own_delivery_opens_what_is_sealed_apart(
    small: Policy, edited
) -> None:
    assert small.opens_apart("privet:rights", "read")
    assert small.opens_apart("orders", "read")
    for purpose, action in (("orders", "derive"), ("suggestions", "read"), ("counts", "derive")):
        assert not small.opens_apart(purpose, action)
    granted = edited(policy=SPECIAL)
    assert granted.opens_apart("suggestions", "train")
    assert not granted.opens_apart("counts", "derive")
    assert granted.purposes["suggestions"].allowed == {"health"}
    assert granted.slice_hash("suggestions") != small.slice_hash("suggestions")


def test_what_is_special_is_hidden_from_whoever_names_no_ground(edited) -> None:
    items = edited(policy=SPECIAL).items
    assert items.never == ()
    assert items.kept_apart == ("health",)
    assert items.hidden({"category": "PILLS"})
    assert not items.hidden({"category": "PILLS"}, frozenset({"health"}))


def test_reasons_stand_with_their_values_and_change_nothing_that_is_learned(edited) -> None:
    def grouped(why: str) -> Policy:
        flat = "health: {special: true, category: [PILLS], title: [Syrup]}"
        form = (
            f"health: {{special: true, because: [{{why: {why}, category: [PILLS]}}, "
            "{why: They soothe., title: [Syrup]}]}"
        )
        return edited(data=((flat, form),))

    policy, other = grouped("They heal."), grouped("They tell.")
    rule = policy.items.reveals["health"]
    assert [(b.why, dict(b.values)) for b in rule.because] == [
        ("They heal.", {"category": ("PILLS",)}),
        ("They soothe.", {"title": ("Syrup",)}),
    ]
    assert policy.items.hidden({"category": "pills"})
    assert policy.slice_hash("suggestions") == other.slice_hash("suggestions")
    assert policy.hash != other.hash


def test_a_value_lives_where_its_fate_is(small: Policy) -> None:
    assert small.domain_of("orders", "purchase", "value") == "orders/hold"
    assert small.domain_of("orders", "purchase", "item") == "orders"
    assert small.domain_of("suggestions", "view", "item") == "suggestions"
    for purpose, event, bare in (("privet:rights", "view", "item"), ("orders", "view", "shoe")):
        with pytest.raises(AccessDenied):
            small.domain_of(purpose, event, bare)


def test_a_purpose_reads_its_own_data_and_what_it_reuses(small: Policy) -> None:
    assert small.sources("suggestions") == ("suggestions", "orders")
    assert small.sources("orders") == ("orders",)
    with pytest.raises(AccessDenied):
        small.sources("spying")


def test_what_an_item_reveals_is_found_in_any_field_and_case(small: Policy) -> None:
    assert small.items.hidden({"category": "PILLS"})
    assert small.items.hidden({"category": " pills "})
    assert small.items.hidden({"title": "SYRUP", "category": "FOOD"})
    assert not small.items.hidden({"category": "WINE"})
    assert not small.items.hidden({"unknown": "PILLS"})
    assert small.items.min_age({"category": "wine"}) == 18
    assert small.items.min_age({"category": "food"}) is None
