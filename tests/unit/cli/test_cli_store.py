"""`privet store check`, and how far `privet maintain` is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import privet
from privet.cli.app import app


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with privet.open(tmp_path / "home", policy="pack:shop", sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        till = shop.principal("till", roles=["storefront"])
        for person in ("canary-a", "canary-b"):
            till.consent.begin(person, "orders")
            for n in range(6):
                till.purpose("orders").record(
                    person, "purchase", item="kettle", order=f"o{n}", quantity=1, value="2"
                )
    return tmp_path / "home"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(home)])


def test_a_whole_store_is_told_in_numbers(home: Path) -> None:
    result = run(home, "store", "check", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["ok"], told["people"], told["faults"]) == (True, 2, [])
    assert told["kept"][0].keys() == {
        "purpose", "held", "category", "rows", "oldest", "bound", "due", "late"
    }  # fmt: skip
    assert "canary" not in result.output
    shown = run(home, "store", "check").output
    assert "2 people" in shown
    assert "transaction" in shown


def test_a_broken_promise_is_named_and_ends_with_its_code(home: Path) -> None:
    with privet.open(home, sync="OFF") as shop, shop._parts.home.data.write() as tx:
        tx.run("DELETE FROM cell WHERE sno = 1")
    result = run(home, "store", "check", "--json")
    assert result.exit_code == 5
    told = json.loads(result.stdout)
    assert [(f["code"], f["state"]) for f in told["faults"]] == [("cell.missing", "fail")]
    shown = run(home, "store", "check")
    assert shown.exit_code == 5
    assert "cell.missing" in shown.output
    assert "restore the stores" in shown.output


def test_a_digest_is_written_compared_and_not_overwritten(home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "digest")
    assert run(home, "store", "check", "--digest", file).exit_code == 0
    assert run(home, "store", "check", "--against", file).exit_code == 0
    again = run(home, "store", "check", "--digest", file, "--json")
    assert again.exit_code == 2
    assert json.loads(again.stdout)["error"]["reason"] == "digest.exists"


def test_maintenance_tells_how_far_it_is(home: Path) -> None:
    result = run(home, "maintain")
    assert result.exit_code == 0
    assert "compaction: 2" in result.stderr
    quiet = run(home, "maintain", "--json")
    assert "compaction" not in quiet.stderr
