"""Evaluations, risk, curves and cards through the gate, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import privet
from privet.recommend import EASE, ContentTFIDF, ItemItem, NextBasket, Popularity
from privet.testing import agrees

PEOPLE = 70
ITEMS = 30
AGREED = {"recommendations", "orders"}


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[privet.Deployment]:
    opened = privet.open(
        where, policy="pack:grocery", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    )
    with opened as deployment:
        deployment.principal("ops", roles=["operator"]).admin.load_items(
            [{"item": f"i{n}", "type": f"type {n:02}"} for n in range(ITEMS)]
        )
        for person in range(PEOPLE):
            agrees(deployment, f"canary-{person}", "orders", "recommendations")
        start = clock.now()
        clock.advance(timedelta(days=60))
        sell(deployment, sales(start))
        yield deployment


def sales(start: Any, people: range = range(PEOPLE)) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for person in people:
        likes = rng.choice(ITEMS, 8, replace=False)
        for visit in range(8):
            for item in rng.choice(likes, 3, replace=False):
                at = start + timedelta(days=6 * visit, minutes=person)
                rows.append((f"canary-{person}", at, f"{person}-{visit}", f"i{item}"))
    frame = pd.DataFrame(rows, columns=["subject", "at", "basket", "item"])
    return frame.assign(quantity=1, value=1.5, discount=0, coupon=0, store="s")


def sell(shop: privet.Deployment, frame: pd.DataFrame) -> None:
    columns = {name: name for name in frame.columns}
    report = (
        shop.principal("ops", roles=["operator"])
        .purpose("orders")
        .load("purchase", frame, columns=columns)
    )
    assert not len(report.refused)


def trainer(shop: privet.Deployment) -> privet.Models:
    return shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models


def cut_of(clock: Any) -> Any:
    return clock.now() - timedelta(days=60) + timedelta(days=28)


def test_an_evaluation_stands_beside_its_baselines_and_stays_with_the_version(
    shop: privet.Deployment, clock: Any
) -> None:
    models, cut = trainer(shop), cut_of(clock)
    version = models.train("picks", NextBasket(by="type"), until=cut)
    found = models.evaluate(version, cut=cut, k=5)
    assert (found.k, found.subjects) == (5, PEOPLE)
    for task in ("new", "repeat"):
        measured = found.measured[task]
        assert list(measured) == ["model", "popularity", "personal-frequency"]
        assert measured["model"].quality == found.quality[task]
        low, high = measured["model"].intervals["ndcg"]
        assert low < measured["model"].quality.ndcg < high
        assert measured["model"].worst_decile is None  # 7 people are fewer than 20
    (kept,) = models.list()
    assert kept.report["repeat"]["ndcg"] == found.quality["repeat"].ndcg
    assert models.evaluate(version, cut=cut, k=5) == found  # the same bits again


def test_a_baseline_is_what_the_same_method_makes_of_the_same_people(
    shop: privet.Deployment, clock: Any
) -> None:
    models, cut = trainer(shop), cut_of(clock)
    beside = models.evaluate(models.train("a", NextBasket(by="type"), until=cut), cut=cut)
    alone = models.evaluate(models.train("b", Popularity(by="type"), until=cut), cut=cut)
    assert beside.measured["new"]["popularity"].quality == alone.quality["new"]


def test_a_list_of_no_length_is_refused(shop: privet.Deployment, clock: Any) -> None:
    models, cut = trainer(shop), cut_of(clock)
    version = models.train("a", Popularity(by="type"), until=cut)
    for k in (0, 101, True):
        with pytest.raises(privet.InvalidInput) as refused:
            models.evaluate(version, cut=cut, k=k)
        assert refused.value.reason == "k.range"


def test_the_card_tells_how_it_forgets_and_names_nobody(
    shop: privet.Deployment, clock: Any
) -> None:
    models, cut = trainer(shop), cut_of(clock)
    version = models.train("picks", ItemItem(by="type"), until=cut)
    assert models.card(version).data["risk"] is None
    risks = models.risk(version, cut=cut)
    assert [r.attack for r in risks] == ["scores", "lists"]
    models.evaluate(version, cut=cut)  # and the risk stays
    card = models.card(version)
    assert card.data["forgetting"]["how"] == "subtract"
    assert [r["auc"] for r in card.data["risk"]] == [r.auc for r in risks]
    assert card.data["subjects"] == {"at_least": PEOPLE}
    assert card.data["figures"]["measured"]["new"]["popularity"]["quality"]["people"] > 0
    told = json.dumps(card.data, allow_nan=False) + card.html()
    assert "canary" not in told
    assert well_formed(card.html())


def well_formed(page: str) -> bool:
    opened: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert not {"src", "href"} & dict(attrs).keys()
            if tag != "meta":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Checker().feed(page)
    return not opened


def test_studies_keep_nothing_but_figures(shop: privet.Deployment, clock: Any) -> None:
    models, cut = trainer(shop), cut_of(clock)
    curve = models.curve("history", NextBasket(by="type"), cut=cut, at=[7, 28])
    assert curve["at"].tolist() == [7, 7, 28, 28]
    assert curve.attrs["smallest_window"] in (7, 28)
    shares = models.curve("consent", Popularity(by="type"), cut=cut, at=[0.1, 0.5, 1.0])
    assert sorted(set(shares["at"])) == [0.5, 1.0]  # 7 people are fewer than 20
    assert set(shares[shares["at"] == 1.0]["people"]) == set(shares[shares["at"] == 0.5]["people"])
    found = models.frontier(ItemItem(by="type"), floors=[1, 30], cut=cut)
    assert [f.floor for f in found] == [1, 30]
    (alone,) = models.frontier(ItemItem(by="type"), floors=[30], cut=cut)
    assert alone == found[1]
    ease = EASE(by="type")
    found = models.frontier(ease, floors=[20], regularizations=[10, 9000], people=45, cut=cut)
    assert [f.regularization for f in found] == [10, 9000]
    assert {risk.people for one in found for risk in one.risks} == {45}
    assert models.list() == []


def test_studies_need_both_permits_and_a_known_curve(shop: privet.Deployment, clock: Any) -> None:
    cut = cut_of(clock)
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations").models
    with pytest.raises(privet.AccessDenied):
        web.curve("consent", Popularity(by="type"), cut=cut)
    with pytest.raises(privet.InvalidInput) as refused:
        trainer(shop).curve("luck", Popularity(by="type"), cut=cut)  # type: ignore[arg-type]
    assert refused.value.reason == "evaluate.curve"
    with pytest.raises(privet.InvalidInput) as refused:
        trainer(shop).frontier(ContentTFIDF(text=("type",), by="type"), floors=[1], cut=cut)
    assert refused.value.reason == "recommend.parameter"
    with pytest.raises(privet.InvalidInput) as refused:
        item = ItemItem(by="type")
        trainer(shop).frontier(item, floors=[1], regularizations=[1], cut=cut)
    assert refused.value.reason == "recommend.parameter"
    with pytest.raises(privet.InvalidInput) as refused:
        trainer(shop).curve("history", Popularity(least=1, by="type"), cut=cut)
    assert refused.value.reason == "recommend.floor"


def test_those_without_a_ground_move_no_figure(shop: privet.Deployment, clock: Any) -> None:
    models, cut = trainer(shop), cut_of(clock)

    def figures() -> str:
        version = models.train("picks", ItemItem(by="type"), until=cut)
        evaluation = models.evaluate(version, cut=cut)
        curve = models.curve("consent", ItemItem(by="type"), cut=cut, at=[0.5, 1.0])
        return repr((evaluation, models.risk(version, cut=cut), curve.to_csv()))

    before = figures()
    for person in range(PEOPLE, PEOPLE + 10):
        agrees(shop, f"canary-{person}", "orders")
    sell(shop, sales(clock.now() - timedelta(days=60), range(PEOPLE, PEOPLE + 10)))
    assert figures() == before
