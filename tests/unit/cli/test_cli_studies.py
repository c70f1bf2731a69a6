"""``privet models`` as typed on a line: from training to the card, and the studies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import privet
from privet.testing import agrees

PEOPLE, ITEMS = 44, 12
CUT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=28)
AT = ("--cut", CUT.isoformat())
EVENT = ("--param", 'event="purchase"')


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in which everybody has bought before the cut and after it."""
    place = tmp_path_factory.mktemp("sold") / "home"
    with privet.open(place, policy="pack:shop", sync="OFF") as shop:
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": f"i{n}", "text": f"thing {n}"} for n in range(ITEMS)])
        for n in range(PEOPLE):
            agrees(shop, f"p{n}", "orders", "recommendations")
        rows = [
            (f"p{n}", CUT + timedelta(days=day), f"{n}/{day}", f"i{(n % 3 + step) % ITEMS}", 1)
            for n in range(PEOPLE)
            for day, step in ((-9, 0), (-5, 3), (-2, 6), (3, 0), (4, 9))
        ]
        frame = pd.DataFrame(rows, columns=["subject", "at", "order", "item", "quantity"])
        frame["value"] = 2.5
        loading = operator.purpose("orders")
        loading.load("purchase", frame, columns={name: name for name in frame})
    return place


def test_a_model_from_training_to_its_card(cli, sold: Path, tmp_path: Path) -> None:
    at = ("--home", str(sold), "--json")
    method = ("--kind", "item-item", *EVENT, "--until", CUT.isoformat())
    trained = cli("models", "train", "picks", *method, *at)
    assert trained.code == 0, trained.err
    assert trained.json["subjects"] == PEOPLE
    found = cli("evaluate", "picks", *AT, "-k", "5", *at).json
    assert found == cli("models", "evaluate", "picks", *AT, "-k", "5", *at).json
    assert set(found["measured"]["new"]) == {"model", "popularity", "personal-frequency"}
    risks = cli("models", "risk", "picks", *AT, *at).json
    assert [risk["attack"] for risk in risks] == ["scores", "lists"]
    page = tmp_path / "card.html"
    card = cli("models", "card", "picks", "--out", str(page), *at).json
    assert card["risk"][0]["auc"] == risks[0]["auc"]
    assert card["digest"] in page.read_text()
    assert cli("models", "serve", "picks", *at).json["live"]
    assert [v["state"] for v in cli("models", "list", *at).json] == ["live"]
    shown = cli("evaluate", "picks", *AT, "--home", str(sold))
    assert "personal-frequency" in shown.out
    assert "nDCG@10" in shown.out


def test_curves_and_the_frontier_are_told_and_drawn(cli, sold: Path, tmp_path: Path) -> None:
    at = ("--home", str(sold), "--json")
    svg, png = tmp_path / "curve.svg", tmp_path / "frontier.png"
    how = ("--kind", "popularity", "--param", "least=5", *EVENT, *AT)
    points = cli("models", "curve", "history", *how, "--out", str(svg), *at)
    assert points.code == 0, points.err
    assert {row["at"] for row in points.json} == {28, 56, 91, 182, 365}
    assert b"days of history kept" in svg.read_bytes()
    shares = cli("models", "curve", "consent", *how, *at).json
    assert {row["at"] for row in shares} == {0.25, 0.5, 0.75, 1.0}, "a tenth is too few"
    how = ("--kind", "item-item", "--floor", "1", "--floor", "20", *EVENT, *AT)
    found = cli("models", "frontier", *how, "--out", str(png), *at)
    assert found.code == 0, found.err
    assert [row["floor"] for row in found.json] == [1, 20]
    told = {"floor", "regularization", "new", "repeat", "scores", "lists"}
    assert set(found.json[0]) == told
    assert png.read_bytes().startswith(b"\x89PNG")
    varied = ("--regularization", "50", "--regularization", "5000", "--people", "50")
    how = ("--kind", "ease", "--floor", "5", *varied, *EVENT, *AT)
    found = cli("models", "frontier", *how, "--out", str(svg), *at)
    assert [row["regularization"] for row in found.json] == [50, 5000]
    assert b"points: regularization" in svg.read_bytes()


def test_what_cannot_be_done_is_said(cli, sold: Path) -> None:
    at = ("--home", str(sold), "--json")

    def reason(*args: str) -> str:
        ended = cli("models", *args, *at)
        assert ended.code == 2
        found: str = ended.json["error"]["reason"]
        return found

    assert reason("card", "nobody") == "models.none"
    assert reason("train", "x", "--kind", "magic") == "recommend.kind"
    assert reason("train", "x", "--kind", "ease", "--param", "by=type") == "recommend.parameter"
    assert reason("curve", "luck", "--kind", "ease", *AT) == "evaluate.curve"
    assert reason("frontier", "--kind", "popularity", *AT) == "recommend.parameter"
    refused = cli("models", "list", "--role", "auditor", *at)
    assert refused.code == 3
