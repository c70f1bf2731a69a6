"""What evaluations, attacks and cards refuse and withhold, on both databases."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput
from privet.recommend import ContentTFIDF, ItemItem, Popularity
from privet.testing import agrees

PURPOSE = "recommendations"
ITEMS = [f"thing-{n:02d}" for n in range(12)]
PEOPLE = 14
METHOD = Popularity(event="view", least=5)
DAYS = timedelta(days=20)


def person(n: int) -> str:
    return f"person-{n}"


def stocked(where: str, tmp_path: Path, clock: Any, people: int) -> Deployment:
    """A shop whose people look at three things before the cut and at two after it."""
    keys = f"file:{tmp_path / 'keys'}"
    shop = open_deployment(where, policy="pack:shop", keyring=keys, clock=clock, sync="OFF")
    operator = shop.principal("ops", roles=["operator"])
    operator.admin.load_items([{"item": item, "text": f"a {item}"} for item in ITEMS])
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for n in range(people):
        agrees(shop, person(n), PURPOSE)
        look(web, n, (n % 4, n % 3 + 4, 7), "early")
    clock.advance(DAYS)
    return shop


def look(web: Any, n: int, things: tuple[int, ...], when: str) -> None:
    for thing in things:
        web.record(person(n), "view", event_id=f"{n}-{thing}-{when}", item=ITEMS[thing])


def later(shop: Deployment, clock: Any, people: int) -> Any:
    """What they look at after the cut, which is returned."""
    cut = clock.now()
    clock.advance(timedelta(days=1))
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for n in range(people):
        look(web, n, (7, 8 + n % 3), "late")
    clock.advance(timedelta(days=1))
    return cut


def models_of(shop: Deployment, role: str = "trainer") -> Any:
    return shop.principal("nightly", roles=[role]).purpose(PURPOSE).models


@pytest.fixture
def quiet(where: str, tmp_path: Path, clock: Any) -> Any:
    """Fewer people than the policy's least cohort of five."""
    with stocked(where, tmp_path, clock, 4) as shop:
        yield shop, later(shop, clock, 4)


@pytest.fixture
def crowded(where: str, tmp_path: Path, clock: Any) -> Any:
    with stocked(where, tmp_path, clock, PEOPLE) as shop:
        yield shop, later(shop, clock, PEOPLE)


def test_what_came_after_the_cut_moves_no_list(crowded: Any) -> None:
    """Popularity beside a model is that of before: what everybody had later is not in it."""
    shop, cut = crowded
    models = models_of(shop)
    version = models.train("picks", METHOD, until=cut)
    found = models.evaluate(version, cut=cut, k=3)
    # Things 8 to 10 were looked at only later, by all: who peeked would list them.
    assert found.measured["new"]["popularity"].quality.recall == 0
    late = models.train("late", METHOD)
    with pytest.raises(InvalidInput) as refused:
        models.evaluate(late, cut=cut)
    assert refused.value.reason == "evaluate.peeking"
    with pytest.raises(InvalidInput) as refused:
        models.risk(late, cut=cut)
    assert refused.value.reason == "evaluate.peeking"


def test_of_few_people_only_means_are_told_and_none_leaves_on_a_card(quiet: Any) -> None:
    shop, cut = quiet
    models = models_of(shop)
    version = models.train("picks", METHOD, until=cut)
    found = models.evaluate(version, cut=cut)
    for task in ("new", "repeat"):
        for one in found.measured[task].values():
            assert one.worst_decile is None
            assert one.cold is None
            assert one.intervals == {}
            assert all(math.isnan(value) for value in asdict(one.beyond).values())
    assert models.risk(version, cut=cut) == ()
    assert models.curve("history", METHOD, cut=cut).empty
    (study,) = models.frontier(ItemItem(event="view"), floors=[1], cut=cut)
    assert study.risks == ()
    assert all(math.isnan(value) for value in study.ndcg.values())
    card = models.card(version).data
    assert card["figures"] is None
    json.dumps(card, allow_nan=False)


def test_a_study_needs_the_permits_of_training_and_of_evaluating(quiet: Any) -> None:
    shop, cut = quiet
    version = models_of(shop).train("picks", METHOD, until=cut)
    denied = models_of(shop, "storefront")
    for ask in (
        lambda: denied.risk(version, cut=cut),
        lambda: denied.card(version),
        lambda: denied.curve("consent", METHOD, cut=cut),
        lambda: denied.frontier(ItemItem(event="view"), floors=[1], cut=cut),
    ):
        with pytest.raises(AccessDenied):
            ask()


def test_a_card_tells_no_exact_number_of_people(crowded: Any) -> None:
    """One person more or less must not show, in whatever part of the card."""
    shop, cut = crowded
    models = models_of(shop)
    version = models.train("picks", METHOD, until=cut)
    models.evaluate(version, cut=cut)
    data = models.card(version).data
    assert data["subjects"]["at_least"] == data["figures"]["subjects"] == 10
    assert data["figures"]["new"]["people"] == 10
    assert str(PEOPLE) not in re.findall(r"\d+", json.dumps({**data, "digest": "", "policy": ""}))


def test_a_card_shows_markup_in_names_as_text(quiet: Any) -> None:
    shop, cut = quiet
    models = models_of(shop)
    version = models.train("<script>alert(1)</script>", METHOD, until=cut)
    page = models.card(version).html()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_card_of_what_learns_from_nobody_says_so(quiet: Any) -> None:
    shop, cut = quiet
    models = models_of(shop)
    version = models.train("text", ContentTFIDF(event="view", text=("text",)), until=cut)
    assert models.risk(version, cut=cut) == ()
    assert models.card(version).data["forgetting"]["how"] == "nothing"
