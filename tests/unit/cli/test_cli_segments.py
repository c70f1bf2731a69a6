"""``privet segments`` as typed on a line."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import privet
from privet.policy import load
from privet.testing import agrees

PEOPLE = [f"+person-{n}" for n in range(20)]  # as a spreadsheet would misread it


@pytest.fixture(scope="module")
def grocer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the grocery pack with a least size of five, and twenty people."""
    place = tmp_path_factory.mktemp("grocer")
    for name, text in load("pack:grocery").documents.items():
        (place / f"{name}.yaml").write_text(text.replace("least: 50", "least: 5"))
    with privet.open(place / "home", policy=place / "policy.yaml", sync="OFF") as shop:
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": "tea", "type": "TEA"}])
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        for person in PEOPLE:
            agrees(shop, person, "orders", "segmentation", "newsletter")
            till.describe(person, email=f"{person}@example.com")
        at = datetime.now(UTC) - timedelta(days=3)
        rows = [
            (person, at - timedelta(days=b), "tea", f"{n}-{b}", 1, 2.5 + n % 2, 0, 0, "s")
            for n, person in enumerate(PEOPLE)
            for b in range(1 + 9 * (n % 2))
        ]
        names = ["subject", "at", "item", "basket", "quantity", "value", "discount", "coupon"]
        frame = pd.DataFrame(rows, columns=[*names, "store"])
        operator.purpose("orders").load("purchase", frame, columns={n: n for n in frame})
    return place / "home"


def test_segments_from_a_shell(cli, grocer: Path, tmp_path: Path) -> None:
    at = ("--home", str(grocer), "--json")
    chosen = cli("segments", "choose", "-k", "2", "-k", "3", *at).json
    assert [row["k"] for row in chosen] == [2, 3]
    trained = cli("segments", "train", "habits", "-k", "2", "--feature", "frequency", *at)
    assert trained.code == 0
    assert trained.json["subjects"] == 20
    assert not trained.json["live"]
    assert "as `nightly` (trainer) for segmentation" in trained.err
    early = cli("segments", "show", *at)
    assert (early.code, early.json["error"]["reason"]) == (1, "segments.none")
    assert cli("segments", "serve", "habits", *at).json["live"]
    shown = cli("segments", "show", *at).json
    assert [row["size"] for row in shown] == [10, 10]
    assert {row["persona"] for row in shown} == {"comes often", "comes seldom"}
    segment = shown[0]["segment"]
    out = tmp_path / "list.csv"
    asked = ("segments", "release", segment, "--field", "profile.email", "--to", "mailer")
    released = cli(*asked, "--out", str(out), *at).json
    assert (released["people"], released["withheld"]) == (10, {})
    lines = out.read_text().splitlines()
    assert lines[0] == "profile.email"
    assert all(line.startswith("'+person-") for line in lines[1:])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    again = cli(*asked, "--out", str(out), *at)
    assert (again.code, again.json["error"]["reason"]) == (2, "export.path")


def test_segments_for_people(cli, grocer: Path, tmp_path: Path) -> None:
    at = ("--home", str(grocer))
    trained = cli(
        "segments", "train", "people", "-k", "2", "--serve", "--at", "2026-01-01T00:00Z", *at
    )
    assert trained.code == 3, "nobody had bought anything then"
    assert cli("segments", "train", "people", "-k", "2", "--serve", *at).code == 0
    shown = cli("segments", "show", "--model", "people", *at)
    assert "people-1" in shown.out
    out = str(tmp_path / "list.csv")
    asked = ("people-1", "--field", "profile.email", "--to", "mailer", "--out", out)
    told = cli("segments", "release", *asked, *at)
    assert "10 people in " in told.out


def test_what_is_not_there_is_said(cli, grocer: Path) -> None:
    at = ("--home", str(grocer), "--json")
    assert cli("segments", "serve", "none", *at).json["error"]["reason"] == "segments.none"
    refused = cli("segments", "train", "x", "--role", "analyst", *at)
    assert refused.code == 3
    assert (
        cli("segments", "train", "x", "-k", "1", *at).json["error"]["reason"]
        == "segments.parameter"
    )
    assert cli("segments", "train", "x", "--at", "2026-01-01T00:00", *at).code == 2
