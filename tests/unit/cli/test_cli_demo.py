"""The demo from the command line, on made-up sales; and what it leaves is what is documented."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import privet.demo
from privet.cli import demosummary

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tutorial" / "demo.md"
HOUSEHOLDS = 60
KINDS = [f"TYPE {n}" for n in range(30)]


def tables(place: Path) -> None:
    """Sales of sixty households over a year, by a seed."""
    rng = np.random.default_rng(3)
    place.mkdir()
    items = pd.DataFrame({"product_id": range(100, 160)})
    for name in ("department", "product_category", "brand", "package_size"):
        items[name] = [f"{name} {n % 7}" for n in range(60)]
    items["product_type"] = [KINDS[n % 30] for n in range(60)]
    rows = HOUSEHOLDS * 60
    household = np.repeat(np.arange(1, HOUSEHOLDS + 1), 60)
    sales = pd.DataFrame(
        {
            "household_id": household,
            "transaction_timestamp": pd.Timestamp("2017-01-01")
            + pd.to_timedelta(rng.integers(0, 364 * 24 * 60, rows), unit="min"),
            "product_id": rng.integers(100, 160, rows),
            "basket_id": np.arange(rows),
            "quantity": 1,
            "sales_value": rng.integers(1, 500, rows) / 100,
            "retail_disc": 0.0,
            "coupon_disc": 0.0,
            "coupon_match_disc": 0.0,
            "store_id": 1,
        }
    )
    people = pd.DataFrame({"household_id": [1, 2], "age": ["25-34", "35-44"]})
    for name in ("income", "home_ownership", "marital_status"):
        people[name] = None
    for name in ("household_size", "household_comp", "kids_count"):
        people[name] = None
    for name, frame in {"transactions": sales, "products": items, "demographics": people}.items():
        frame.to_parquet(place / f"{name}.parquet")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The demo as a process of its own; its directory, and the process."""
    place = tmp_path_factory.mktemp("demo")
    tables(place / "data")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from privet.cli import main; main()"),
            *("demo", "--json", "--out", "out", "--data", "data", "--seed", "11"),
        ],
        cwd=place,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr.decode()
    return place, done


def test_the_demo_prints_one_json_object_and_nothing_else(ran):
    _, done = ran
    assert done.stdout.count(b"\n") == 1
    facts = json.loads(done.stdout, parse_constant=pytest.fail)
    assert facts["households"] == HOUSEHOLDS
    assert facts["rows"]["in"] == facts["rows"]["sealed"] + facts["rows"]["refused"] == 3600
    assert set(facts["quality"]) == {"new", "repeat"}
    assert facts["audit"]["ok"] is True
    assert facts["audit"]["forged"]["ok"] is False
    assert facts["erasure"]["certificate_ok"] is True


def test_every_key_of_the_object_is_documented(ran):
    _, done = ran
    section = PAGE.read_text(encoding="utf-8").partition("{ #json }")[2]
    named = set(re.findall(r"`([\w@]+)`", section))
    assert set(json.loads(done.stdout)) <= named


def test_every_file_of_the_demo_is_documented_and_there(ran):
    place, _ = ran
    section = PAGE.read_text(encoding="utf-8").partition("## Its files")[2].partition("## ")[0]
    named = set(re.findall(r"^\| `([\w./-]+?)/?` ", section, re.MULTILINE))
    assert {p.name for p in (place / "out").iterdir()} == named


def test_the_lists_and_grounds_have_the_documented_columns(ran):
    place, _ = ran
    lists = pd.read_parquet(place / "out" / "lists.parquet")
    assert list(lists.columns) == ["household", "task", "model", "rank", "item"]
    grounds = pd.read_parquet(place / "out" / "grounds.parquet")
    assert list(grounds.columns) == ["household", "purpose", "eligible"]


def test_the_three_commands_to_try_next_work_on_what_it_left(ran, cli, monkeypatch):
    place, _ = ran
    monkeypatch.chdir(place)
    commands = demosummary.commands("out")
    assert len(commands) == 3
    for command in commands:
        assert cli(*command.split()[1:]).code == 0, command


def test_the_documented_commands_are_those_that_the_demo_names():
    page = PAGE.read_text(encoding="utf-8")
    for command in demosummary.commands("privet-demo"):
        assert command in page


def test_people_see_a_summary_of_all_of_it(ran, cli, monkeypatch):
    _, done = ran
    facts = json.loads(done.stdout)
    asked = []
    monkeypatch.setattr(privet.demo, "run", lambda options, stage: asked.append(options) or facts)
    shown = cli("demo", "--households", "9", "--all-consents", "--seed", "3").out
    for text in (
        *("as `the demo` (", "3,600", "nDCG@10", "privacy tax", "peak memory", "because"),
        *("withdrew", "Keeping of tax records", "a forged copy: found at record", "Try next"),
    ):
        assert text in shown
    (options,) = asked
    assert (options.households, options.all_consents, options.seed) == (9, True, 3)
    assert str(options.out) == "privet-demo"


def test_a_number_that_does_not_exist_is_null_for_programs_and_words_for_people(
    ran, cli, monkeypatch
):
    _, done = ran
    facts = {**json.loads(done.stdout), "tax": math.nan}
    monkeypatch.setattr(privet.demo, "run", lambda options, stage: facts)
    assert cli("demo", "--json").json["tax"] is None
    assert "not measured" in cli("demo").out


def test_data_that_is_not_there_is_bad_input(cli):
    ended = cli("demo", "--data", "nowhere", "--json")
    assert (ended.code, ended.json["error"]["reason"]) == (2, "demo.data")
