"""``recommend``, ``similar`` and ``features`` as typed on a line."""

from __future__ import annotations

import csv
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import privet
from privet.cli import recommend
from privet.recommend import ContentTFIDF, Popularity
from privet.testing import agrees

TYPES = ("APPLES", "BANANAS", "CIGARETTES", "COLA", "LAXATIVES")
CATEGORIES = ("FRUIT", "FRUIT", "CIGARETTES", "SOFT DRINKS", "LAXATIVES")
PEOPLE = [f"=p{n}" for n in range(60)]  # as a spreadsheet would misread it


@pytest.fixture(scope="module")
def grocer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the grocery pack with sixty people, five items, and a model that serves."""
    place = tmp_path_factory.mktemp("grocer") / "home"
    with privet.open(place, policy="pack:grocery", sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items(
            [
                {"item": t.lower(), "type": t, "category": c}
                for t, c in zip(TYPES, CATEGORIES, strict=True)
            ]
        )
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        at = datetime.now(UTC) - timedelta(days=3)
        for n, person in enumerate(PEOPLE):
            agrees(shop, person, "orders", "recommendations", "segmentation")
            for item in ("cola", "apples", "cigarettes", "laxatives"):
                till.record(
                    person,
                    "purchase",
                    at=at,
                    item=item,
                    basket=str(n),
                    quantity=1,
                    value="2.50",
                    discount="0.50",
                    coupon="0",
                    store="7",
                )
        models = shop.principal("t", roles=["trainer"]).purpose("recommendations").models
        for name, spec in (
            ("words", ContentTFIDF(by="type", text=("category",))),
            ("popular", Popularity(by="type")),
        ):
            models.serve(models.train(name, spec))
    return place


def items(told) -> list[str]:
    return [pick["item"] for pick in told["picks"]]


@pytest.fixture
def at_grocer(cli, grocer, monkeypatch):
    monkeypatch.setenv("PRIVET_HOME", str(grocer))
    return cli


def test_recommend_takes_every_filter(at_grocer):
    ask = ("recommend", "=p1", "--json")
    assert items(at_grocer(*ask).json) == ["APPLES", "COLA"]
    assert items(at_grocer(*ask, "--age", "21").json) == ["APPLES", "CIGARETTES", "COLA"]
    assert items(at_grocer(*ask, "--age", "20").json) == ["APPLES", "COLA"]
    assert items(at_grocer(*ask, "--among", "COLA", "--among", "LAXATIVES").json) == ["COLA"]
    assert items(at_grocer(*ask, "--exclude", "COLA").json) == ["APPLES"]
    assert items(at_grocer(*ask, "--stock", "cola").json) == ["COLA"]
    assert items(at_grocer(*ask, "--unseen").json) == []
    assert items(at_grocer(*ask, "--diversity", "0.8", "-k", "1").json) == ["APPLES"]
    assert items(at_grocer(*ask, "--model", "words", "--unseen").json) == ["BANANAS"]


def test_recommend_refuses_what_no_list_can_satisfy(at_grocer):
    for given, reason in (
        (("--diversity", "2"), "diversity.range"),
        (("--age", "-1"), "age.range"),
        (("-k", "0"), "k.range"),
    ):
        ended = at_grocer("recommend", "=p1", *given, "--json")
        assert (ended.code, ended.json["error"]["reason"]) == (2, reason)


def test_similar_tells_what_goes_with_an_item_and_is_not_personal(at_grocer):
    told = at_grocer("similar", "apples", "--json").json
    assert (told["personal"], told["record"]) == (False, -1)
    assert items(told) == ["bananas"]
    assert "bananas" in at_grocer("similar", "apples").out
    hidden = at_grocer("similar", "laxatives", "--json")
    assert (hidden.code, hidden.json["error"]["reason"]) == (3, "item.hidden")
    assert recommend.ROLE == "storefront"


def test_features_are_described_without_a_home(cli):
    told = {f["name"]: f for f in cli("features", "describe", "--json").json}
    assert told["recency"]["needs"] == ["purchase.basket"]
    assert told["recency"]["unit"] == "days"
    assert all(f["unit"] and f["meaning"] and f["needs"] for f in told.values())
    (one,) = cli("features", "describe", "share:department", "--json").json
    assert one["needs"] == ["purchase.item"]
    assert "days_between_visits" in cli("features", "describe").out
    assert cli("features", "describe", "age_of_dog").code == 2


@pytest.mark.parametrize("name", ["f.csv", "f.parquet"])
def test_features_are_computed_into_a_file_of_ones_own(at_grocer, name):
    ask = ("features", "compute", "monetary", "share:category", "--to", name, "--json")
    told = at_grocer(*ask).json
    assert (told["file"], told["rows"]) == (name, len(PEOPLE))
    columns = {c["name"]: c for c in told["columns"]}
    assert columns["monetary"] == {"name": "monetary", "type": "float64", "missing": 0}
    assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
    again = at_grocer(*ask)
    assert (again.code, again.json["error"]["reason"]) == (2, "export.path")


def test_named_people_keep_their_ids_and_no_spreadsheet_takes_them_for_formulas(at_grocer):
    people = [arg for person in PEOPLE for arg in ("--subject", person)]
    ended = at_grocer("features", "compute", "frequency", "--to", "f.csv", *people)
    assert ended.code == 0
    with Path("f.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["subject"] for row in rows} == {f"'{person}" for person in PEOPLE}
    assert {row["frequency"] for row in rows} == {"1"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("monetary", "--to", "f.xlsx"), "file.kind"),
        (("monetary", "--to", "nowhere/f.csv"), "export.path"),
        (("age_of_dog", "--to", "f.csv"), "features.unknown"),
        (("monetary", "--to", "f.csv", "--at", "yesterday"), "time.form"),
        (("monetary", "--to", "f.csv", "--at", "2026-03-01"), "time.naive"),
        (("profile:email", "--to", "f.csv"), "field.refused"),
    ],
)
def test_features_refuse_before_a_file_is_made(at_grocer, given, reason):
    ended = at_grocer("features", "compute", *given, "--json")
    assert ended.json["error"]["reason"] == reason
    assert not list(Path().glob("f.*"))


def test_features_need_the_permit(at_grocer):
    asked = ("features", "compute", "monetary", "--to", "f.csv", "--role", "storefront")
    assert at_grocer(*asked).code == 3
    assert not Path("f.csv").exists()
