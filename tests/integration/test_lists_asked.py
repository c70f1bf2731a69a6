"""What a list may be asked for, and what goes with an item, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.errors import AccessDenied, InvalidInput
from privet.recommend import ContentTFIDF, ItemItem, Popularity
from privet.recommend.mapping import QUARANTINED

PURPOSE = "recommendations"
TYPES = {
    "APPLES": "FRUIT",
    "BANANAS": "FRUIT",
    "CIGARETTES": "CIGARETTES",
    "COLA": "SOFT DRINKS",
    "LAXATIVES": "LAXATIVES",
    "LEMONADE": "SOFT DRINKS",
    "PEARS": "FRUIT",
    "TONIC": "SOFT DRINKS",
}
ITEMS = [
    {"item": f"{name.lower()}-{n}", "type": name, "category": category}
    for name, category in TYPES.items()
    for n in (1, 2)
]
PEOPLE = [f"p{n}" for n in range(22)]
BASKET = ("apples-1", "bananas-1", "cigarettes-1", "cola-2", "laxatives-1", "lemonade-1", "pears-2")


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[privet.Deployment]:
    with privet.open(
        where, policy="pack:grocery", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    ) as deployment:
        deployment.principal("ops", roles=["operator"]).admin.load_items(ITEMS)
        for person in PEOPLE:
            look(deployment, person)
        yield deployment


def look(shop: privet.Deployment, person: str) -> None:
    shop.subject(person, proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
    for n, item in enumerate(BASKET):
        web(shop).record(person, "view", event_id=f"{person}-{n}", item=item)


def web(shop: privet.Deployment) -> privet.Access:
    return shop.principal("web", roles=["storefront"]).purpose(PURPOSE)


def serve(shop: privet.Deployment, name: str, spec: Any) -> privet.Version:
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    version = models.train(name, spec)
    models.serve(version)
    return version


def names(picks: privet.Picks) -> set[str]:
    return {pick.item for pick in picks}


def reason_of(call: Any) -> str:
    with pytest.raises(privet.PrivetError) as refused:
        call()
    return str(refused.value.reason)


def test_filters_hold_in_every_list(shop: privet.Deployment) -> None:
    serve(shop, "popular", Popularity(event="view", by="type"))
    ask = web(shop)
    shown = {"APPLES", "BANANAS", "COLA", "LEMONADE", "PEARS"}
    for who in ("p0", "a stranger"):
        assert names(ask.recommend(who, 20)) == shown
        assert names(ask.recommend(who, 20, age=20)) == shown
        assert names(ask.recommend(who, 20, age=21)) == shown | {"CIGARETTES"}
        assert names(ask.recommend(who, 20, exclude=["COLA"])) == shown - {"COLA"}
        assert names(ask.recommend(who, 20, stock=["cola-1", "cigarettes-1"])) == {"COLA"}
        assert names(ask.recommend(who, 20, stock=["cola-1", "cigarettes-1"], age=30)) == {
            "COLA",
            "CIGARETTES",
        }
        assert names(ask.recommend(who, 20, among=["PEARS", "LAXATIVES"])) == {"PEARS"}
    many = ask.recommend_many(["p0", "p1", "a stranger"], 20, stock=["pears-1"])
    assert [names(picks) for picks in many.values()] == [{"PEARS"}] * 3


def test_filters_hold_in_the_catalogues_own_order(shop: privet.Deployment) -> None:
    """No model serves: the fallback knows the items alone."""
    listed = names(web(shop).recommend("p0", 100))
    assert listed == {i["item"] for i in ITEMS if i["type"] not in {"LAXATIVES", "CIGARETTES"}}
    assert "cigarettes-1" in names(web(shop).recommend("p0", 100, age=40))
    assert names(web(shop).recommend("p0", 100, stock=["pears-1", "laxatives-1"])) == {"pears-1"}
    assert "pears-1" not in names(web(shop).recommend("p0", 100, exclude=["pears-1"]))


def test_a_diverse_list_is_the_same_each_time_and_for_one_as_for_many(
    shop: privet.Deployment,
) -> None:
    serve(shop, "popular", Popularity(event="view", by="type"))
    ask = web(shop)
    plain, varied = ask.recommend("p0", 3), ask.recommend("p0", 3, diversity=0.9)
    assert names(plain) == {"APPLES", "BANANAS", "COLA"}
    assert varied[0].item == "APPLES"
    assert varied[1].item in {"COLA", "LEMONADE"}
    again = ask.recommend_many(["p1", "p0", "a stranger"], 3, diversity=0.9)
    for picks in again.values():
        assert [p.item for p in picks] == [p.item for p in varied]
    assert ask.recommend("p0", 3, diversity=0).picks[0].score == plain[0].score


def test_what_goes_with_an_item_is_said_by_a_model_that_may(shop: privet.Deployment) -> None:
    version = serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    serve(shop, "popular", Popularity(event="view", by="type"))  # can say nothing of one entry
    ask = web(shop)
    for asked in ("cola-1", "COLA"):
        picks = ask.similar(asked, 20)
        assert not picks.personal
        assert (picks.record, picks.version) == (-1, version.version)
        assert names(picks) == {"APPLES", "BANANAS", "LEMONADE", "PEARS"}
        assert {p.because for p in picks} == {"often found together with COLA"}
        assert {p.score for p in picks} == {1.0}
    assert "CIGARETTES" in names(ask.similar("COLA", 20, age=21))
    assert names(ask.similar("COLA", 20, stock=["pears-1"])) == {"PEARS"}
    assert names(ask.similar("COLA", 2, exclude=["APPLES"])) == {"BANANAS", "LEMONADE"}


def test_nobody_is_named_where_an_item_is_asked_about(shop: privet.Deployment) -> None:
    serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    size = shop._parts.log.size()
    web(shop).similar("COLA")
    ((_, body),) = shop._parts.log.leaves(size, 10)
    assert (body["kind"], body["n"]) == ("counted", 1)
    assert "set" not in body


def test_pairs_that_too_few_people_share_are_not_told(shop: privet.Deployment) -> None:
    for n in range(9):
        web(shop).record(f"p{n}", "view", event_id=f"late-{n}", item="tonic-1")
    serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    assert "TONIC" not in names(web(shop).similar("COLA", 20))
    assert not web(shop).similar("TONIC", 20).picks
    web(shop).record("p9", "view", event_id="late-9", item="tonic-1")
    serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    assert "TONIC" in names(web(shop).similar("COLA", 20))


@pytest.mark.parametrize("served", [True, False])
def test_a_hidden_item_is_in_no_such_list_nor_asked_about(
    shop: privet.Deployment, served: bool
) -> None:
    if served:
        serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
        assert reason_of(lambda: web(shop).similar("LAXATIVES")) == "item.hidden"
    assert reason_of(lambda: web(shop).similar("laxatives-1")) == "item.hidden"
    for item in ("cola-1", "apples-2"):
        assert not names(web(shop).similar(item, 100)) & {"LAXATIVES", "laxatives-1", "laxatives-2"}


def test_without_such_a_model_the_words_of_the_catalogue_answer(shop: privet.Deployment) -> None:
    picks = web(shop).similar("cola-1", 20)
    assert (picks.personal, picks.record, picks.version) == (False, -1, 0)
    assert picks[0].item == "cola-2"
    assert {p.item.partition("-")[0] for p in picks} == {"cola", "lemonade", "tonic"}
    assert picks[0].because == "like cola-1"
    serve(shop, "words", ContentTFIDF(event="view", by="type", text=("category",)))
    assert names(web(shop).similar("COLA")) == {"LEMONADE", "TONIC"}


def test_a_quarantined_purpose_answers_from_words(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    monkeypatch.setattr("privet.recommend.general.quarantined", lambda *_: True)
    monkeypatch.setattr("privet.recommend.serving.quarantined", lambda *_: True)
    assert web(shop).recommend("p0").why == QUARANTINED
    picks = web(shop).similar("cola-1")
    assert picks.version == 0
    assert names(picks) == {"cola-2", "lemonade-1", "lemonade-2", "tonic-1", "tonic-2"}


def test_asking_about_an_item_needs_the_permit_and_an_item(shop: privet.Deployment) -> None:
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    with pytest.raises(AccessDenied):
        trainer.similar("cola-1")
    with pytest.raises(InvalidInput) as refused:
        web(shop).similar("a secret id")
    assert refused.value.reason == "item.unknown"
    assert "secret" not in str(refused.value)
    assert reason_of(lambda: web(shop).similar(5)) == "argument.type"  # type: ignore[arg-type]
    assert reason_of(lambda: web(shop).similar("cola-1", 0)) == "k.range"
    assert reason_of(lambda: web(shop).recommend("p0", age=-3)) == "age.range"
    assert reason_of(lambda: web(shop).recommend("p0", diversity=2)) == "diversity.range"
    assert reason_of(lambda: web(shop).recommend("p0", stock="cola-1")) == "stock.type"
    assert reason_of(lambda: web(shop).recommend("p0", exclude="COLA")) == "exclude.type"


def test_an_erased_person_is_out_of_what_goes_with_an_item(shop: privet.Deployment) -> None:
    for n in range(10):
        web(shop).record(f"p{n}", "view", event_id=f"late-{n}", item="tonic-1")
    first = serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    assert "TONIC" in names(web(shop).similar("COLA", 20))
    shop.subject("p9", proof="t").rights.erase()
    picks = web(shop).similar("COLA", 20)
    assert picks.version > first.version
    assert "TONIC" not in names(picks)


@pytest.fixture
def other(
    shop: privet.Deployment, where: str, tmp_path: Path, clock: Any
) -> Iterator[privet.Deployment]:
    """The same home as another process has it open."""
    with privet.open(where, keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF") as opened:
        yield opened


def test_what_another_process_serves_or_loads_holds_at_the_next_list(
    shop: privet.Deployment, other: privet.Deployment
) -> None:
    words = serve(shop, "words", ContentTFIDF(event="view", by="type", text=("category",)))
    ask = web(shop)
    assert ask.recommend("p0").version == words.version
    popular = serve(other, "popular", Popularity(event="view", by="type"))
    assert ask.recommend("p0").version == popular.version
    assert ask.recommend("p0", model="words").version == words.version
    ops = other.principal("ops", roles=["operator"]).admin
    gone = {"type": "LAXATIVES", "category": "LAXATIVES"}
    ops.load_items([{"item": "cola-1", **gone}, {"item": "cola-2", **gone}])
    for model in ("popular", "words"):
        assert "COLA" not in names(ask.recommend("p0", 20, model=model))


def test_a_read_stops_before_its_record_where_the_model_has_moved(
    shop: privet.Deployment, other: privet.Deployment
) -> None:
    serve(shop, "popular", Popularity(event="view", by="type"))
    web(shop).recommend("p0")
    serve(other, "popular", Popularity(event="view", by="type"))
    size = shop._parts.log.size()
    assert web(shop).recommend("p0").personal
    (_, body), *more = shop._parts.log.leaves(size, 10)
    assert (body["kind"], body["action"], more) == ("access", "recommend", [])


def test_no_model_that_somebody_left_is_held_in_memory_by_what_was_asked_last(
    shop: privet.Deployment,
) -> None:
    serve(shop, "pairs", ItemItem(event="view", by="type", floor=10))
    web(shop).recommend("p0")
    shop.subject("p9", proof="t").rights.erase()
    held = [key for key, value in shop._parts.cache.items() if "Serving" in type(value).__name__]
    assert held == []
    assert web(shop).recommend("p0").personal
