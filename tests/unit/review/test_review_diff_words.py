# ruff: noqa: E501 (edits stand as an author would write them)
"""What differs between two policies is said in sentences; what means the same says nothing."""

from __future__ import annotations

import dataclasses

import pytest

from privet.policy import compile_documents, load
from privet.review import diff
from privet.review.rectangles import rectangles

STORE = "fields: [purchase.value, purchase.store]\n    minimize: {time: hour, least: 20 people}"
ANALYTICS = "reuses: {orders: {assessment: CA-4}}\n    retention: 13mo"


def sentences(before, after) -> list[str]:
    return [change.sentence for change in diff(before, after).changes]


@pytest.mark.parametrize(
    ("old", "new", "kind", "sentence"),
    [
        (
            STORE,
            STORE.replace("store]", "store, purchase.coupon]"),
            "gained",
            (
                "analyst and marketer may now derive purchase.coupon for analytics "
                "(times to the hour, at least 20 people)"
            ),
        ),
        (
            STORE,
            STORE.replace("hour", "day"),
            "tighter",
            (
                "analyst and marketer may derive purchase.store and purchase.value for analytics "
                "otherwise: times to the day, at least 20 people, "
                "before times to the hour, at least 20 people"
            ),
        ),
        (
            STORE,
            STORE.replace(", least: 20 people", ""),
            "looser",
            (
                "analyst and marketer may derive purchase.store and purchase.value for analytics "
                "otherwise: times to the hour, before times to the hour, at least 20 people"
            ),
        ),
        (
            "  marketer: {inherits: [analyst]}",
            "  marketer: {}",
            "lost",
            "marketer may no longer derive purchase.store and purchase.value for analytics",
        ),
        (
            "may: [begin, end]}",
            "may: [begin]}",
            "lost",
            "storefront may no longer end for privet:consent",
        ),
        (
            "  - [trainer, marketer] ",
            "  - [trainer, operator] ",
            "gained",
            "one person may now hold both marketer and trainer",
        ),
        (
            "retention: 2y",
            "retention: 18mo",
            "changed",
            "the purpose orders is kept for 18mo, before 24mo",
        ),
        (
            "similar habits.\n    basis: consent",
            "similar habits.\n    basis: {legal-obligation: Census}",
            "changed",
            "the purpose segmentation rests on legal-obligation Census, before consent",
        ),
        (
            "    direct_marketing: true  ",
            "    direct_marketing: false  ",
            "changed",
            "the purpose newsletter is direct marketing no, before yes",
        ),
        (
            "fields: [purchase.basket, purchase.item, purchase.quantity, purchase.value]",
            "fields: [purchase.basket, purchase.item, purchase.quantity]",
            "changed",
            "the purpose orders keeps past an erasure no longer purchase.value",
        ),
        (
            "    renew: 12mo\n",
            "",
            "changed",
            "the purpose recommendations is asked again after nothing, before 12mo",
        ),
        ("  trainer: {}", "  trainer: {}\n  guest: {}", "gained", "the role guest is new"),
    ],
)
def test_an_edit_is_one_sentence_that_anybody_reads(grocery, edited, old, new, kind, sentence):
    changes = diff(grocery, edited((old, new))).changes
    assert sentence in [c.sentence for c in changes if c.kind == kind]


SAME = {
    "wildcards spelt out": (
        "    fields: [view.*, shown.*, click.*]\n  - id: load-behaviour",
        "    fields: [view.event_id, view.item, view.dwell, shown.*, click.*]\n  - id: load-behaviour",
    ),
    "another id and order of a permit": (
        "  - id: suggest\n    role: storefront",
        "  - role: storefront\n    id: propose",
    ),
    "a permit in two": (
        "    may: [derive]\n    fields: [purchase.value, purchase.store]",
        (
            "    may: [derive]\n    fields: [purchase.store]\n    minimize: {time: hour, least: 20 people}\n"
            "  - id: store-values\n    role: analyst\n    for: analytics\n    may: [derive]\n    fields: [purchase.value]"
        ),
    ),
    "copied instead of inherited": (
        "    minimize: {time: week, least: 50 people}",
        (
            "    minimize: {time: week, least: 50 people}\n"
            "  - {id: personas-2, role: marketer, for: segmentation, may: [derive], fields: [purchase.item, "
            "purchase.basket, purchase.value, profile.age, profile.income], minimize: {time: week, least: 50 people}}"
        ),
    ),
    "the same span in other words": ("retention: 2y", "retention: 24mo"),
    "a default that is written": (
        "never: [health, religion,",
        "denies: []\nnever: [religion, health,",
    ),
    "a deny of what nobody may": (
        "tests:\n",
        "denies:\n  - {id: no-mail, text: No., roles: [auditor], for: [orders], may_not: [export]}\ntests:\n",
    ),
    "fewer tests": (
        "  - {name: an order needs a running contract, ",
        "  - {name: an order wants a contract,    ",
    ),
}


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_what_means_the_same_differs_by_nothing(grocery, edited, edit):
    other = edited(edit)
    assert sentences(grocery, other) == []
    assert diff(other, grocery).same


def test_a_hierarchy_that_grants_the_same_is_the_same(grocery, edited):
    """``builds_on`` follows what it builds on; naming that too says nothing new."""
    longer = (
        "  analytics:\n",
        (
            "  letters:\n    text: T.\n    basis: consent\n    retention: 1y\n"
            "    builds_on: [newsletter]\n    reuses: {orders: {assessment: CA-4}}\n  analytics:\n"
        ),
    )
    permit = (
        "  # Analytics\n",
        "  - {id: post, role: marketer, for: letters, may: [derive], fields: [purchase.item]}\n",
    )
    short = edited(longer, permit)
    spelt = ("builds_on: [newsletter]", "builds_on: [newsletter, segmentation]")
    assert diff(short, edited((longer[0], longer[1].replace(*spelt)), permit)).same
    assert not diff(short, grocery).same


def test_a_new_purpose_is_told_with_its_ground_and_retention(grocery):
    shop = load("pack:shop")
    told = sentences(shop, grocery)
    assert any(
        s.startswith("the purpose analytics is new: rests on legitimate-interest LIA-1 (")
        and s.endswith("and is kept for 13mo")
        for s in told
    )
    assert "the purpose analytics is gone" in sentences(grocery, shop)


def test_every_difference_of_the_data_is_told(grocery, edited):
    other = edited(("behaviour: {from_device: true}", "behaviour: {}"), document="data")
    assert "the field view.item from device: no, before yes" in sentences(grocery, other)


def test_columns_that_no_longer_lie_together_are_to_be_sealed_anew(grocery, edited):
    finer = edited((STORE, STORE.replace("store]", "store, purchase.coupon]")))
    (part,) = diff(grocery, finer).resealing
    assert (part.because, part.event, part.columns) == ("atom", "purchase", ("coupon", "discount"))
    assert part.parts == (("coupon",), ("discount",))
    assert part.bears_on("purchase", frozenset({"coupon", "discount"}), "orders")
    assert not part.bears_on("purchase", frozenset({"coupon"}), "orders")
    assert diff(finer, grocery).resealing == ()  # what gets coarser may stay


def test_what_a_law_ceases_to_hold_moves_to_other_keys(grocery, edited):
    held = "fields: [purchase.basket, purchase.item, purchase.quantity, purchase.value]"
    found = diff(grocery, edited((held, held.replace(", purchase.quantity", "")))).resealing
    (moved,) = [part for part in found if part.because == "domain"]
    assert (moved.columns, moved.parts) == (("quantity",), (("orders/hold",), ("orders",)))
    assert moved.bears_on("purchase", frozenset({"quantity"}), "orders/hold")
    assert not moved.bears_on("purchase", frozenset({"quantity"}), "orders")


def test_the_order_of_what_changed_begins_with_what_widens(grocery):
    kinds = [c.kind for c in diff(load("pack:shop"), grocery).changes]
    order = ["gained", "looser", "changed", "tighter", "lost"]
    assert kinds == sorted(kinds, key=order.index)
    assert {"gained", "changed", "lost"} <= set(kinds)


def test_products_are_disjoint_and_cover_the_points():
    points = {(1, "a", True), (1, "b", True), (2, "a", True), (2, "a", False)}
    found = rectangles(points)
    spread = [(x, y, z) for xs, ys, zs in found for x in xs for y in ys for z in zs]
    assert len(spread) == len(points)
    assert set(spread) == points


def test_documents_of_another_zone_differ(grocery):
    texts = dict(grocery.documents)
    texts["data"] = texts["data"].replace("America/New_York", "Europe/Berlin")
    other = compile_documents(texts)
    assert sentences(grocery, other) == [
        "the policy timezone: Europe/Berlin, before America/New_York"
    ]


PLACES = "retention: 2y\n    jurisdictions: {DE: {retention: 6mo}, FR: {retention: 6mo}, IT: {retention: 1y}}"


def test_what_is_stricter_in_places_is_told_once_for_those_alike(grocery, edited):
    grown = edited(("retention: 2y", PLACES))
    assert sentences(grocery, grown) == [
        "the purpose orders is stricter now also in DE and FR kept for 6mo and in IT kept for 12mo"
    ]
    other = "retention: 24mo\n    jurisdictions: {IT: {retention: 12mo}, FR: {retention: 6mo}, DE: {retention: 6mo}}"
    assert sentences(grown, edited(("retention: 2y", other))) == []


def test_every_attribute_of_a_policy_is_compared(grocery):
    """A new one must be looked at: as a fact, in decisions, or as what binds nobody."""
    decided = {"roles", "separate", "duties", "permits", "denies"}
    told = {
        *("timezone", "controller", "subject", "recipients", "events", "fields", "items"),
        *("purposes", "assessments", "own_consent", "life", "after_erasure"),
    }
    binds_nobody = {"name", "hash", "documents", "trials", "warnings"}
    follows = {"atoms", "domains"}
    # What imports say stands in rules and purposes; the ages are told of themselves.
    follows |= {"imports", "protects"}
    names = {f.name for f in dataclasses.fields(grocery) if f.init}
    assert names == decided | told | binds_nobody | follows
