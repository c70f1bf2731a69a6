"""The scripts under ``examples/`` run as they stand."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.testing import FakeClock, agrees, scan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime.now(UTC)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name))


def test_every_script_has_a_test() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "campaign.py",
        "data_scientist.py",
        "erasure.py",
        "nightly.py",
        "policy_change.py",
        "shop.py",
    }


def printed(name: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_shop_recommends(tmp_path: Path) -> None:
    assert printed("shop.py", str(tmp_path / "shop")) == [
        "ada True [('steel teapot', 'because you looked at steel kettle')]",
        "bob False [('desk lamp', 'in the catalogue')]",
    ]


def test_an_erasure_is_planned_done_and_certified(tmp_path: Path) -> None:
    planned = [
        "plan: data evidence/evidence: destroyed ",
        "plan: data identity/subject: held Keeping of tax records",
        "plan: data orders/hold/purchase: held Keeping of tax records",
        "plan: data recommendations/view: destroyed ",
        "plan: model recommendations/popular: subtracted ",
        "plan: grounds ledger: destroyed ",
    ]
    told = printed("erasure.py", str(tmp_path))
    assert told[: len(planned)] == planned
    assert told[-2:] == ["models without her: popular", "held; certificate verifies: True"]
    assert "recommendations" in told[-4]
    assert "Keeping of tax records until" in told[-3]
    assert scan(tmp_path / "certificate.json", "kettle") == []
    with privet.open(tmp_path / "other", policy="pack:shop", sync="OFF") as shop:
        foreign = shop.principal("carl", roles=["auditor"]).audit.verifier_key
    assert script("erasure.py")["verifies"](tmp_path / "certificate.json", foreign) is False


def test_a_campaign_goes_to_those_who_agreed_to_both(tmp_path: Path) -> None:
    told = printed("campaign.py", str(tmp_path))
    assert told[-2:] == [
        "released: 60; withheld: {'no consent to newsletter': 60}",
        "lines in the file: 61",
    ]
    heading, *lines = (tmp_path / "campaign.csv").read_text().splitlines()
    assert heading == "profile.email"
    agreed = {f"person-{n}@example.com" for n in range(240) if n % 4 == 3}
    assert set(lines) == agreed  # 3: comes often, and agreed to both
    assert (tmp_path / "campaign.csv").stat().st_mode & 0o777 == 0o600


def test_a_data_scientist_comes_from_features_to_a_model_that_serves(tmp_path: Path) -> None:
    told = printed("data_scientist.py", str(tmp_path))
    assert told[0] == "features: 120 people"
    ndcg = {line.split()[1].rstrip(":"): float(line.split()[2]) for line in told if "@10" in line}
    assert set(ndcg) == {"model", "popularity", "personal-frequency"}
    assert ndcg["model"] > max(ndcg["popularity"], ndcg["personal-frequency"])
    assert "days that are enough: 40" in told
    card = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "next-basket" in card
    assert scan(tmp_path / "card.html", "person-1") == []
    with privet.open(tmp_path / "home", sync="OFF") as shop:
        models = shop.principal("n", roles=["trainer"]).purpose("recommendations").models
        assert [(v.name, v.state) for v in models.list()] == [("picks", "live")]


def test_a_policy_changes_after_last_week_was_tried_on_it_and_two_people_signed(
    tmp_path: Path,
) -> None:
    told = printed("policy_change.py", str(tmp_path))
    lost, better = told.index("# careful"), told.index("# better")
    assert told[lost + 1] == (
        "lost: storefront may no longer recommend view.item for recommendations"
    )
    assert told[lost + 3].startswith("refused: storefront, recommend view.item")
    assert "6 requests about 6 people would be refused (field.refused)" in told[lost + 3]
    assert told[better + 1].startswith("tighter: ")
    assert told[better + 1].endswith("times to the week, before times to the day")
    assert not [line for line in told[better:] if line.startswith("refused")]
    assert told[-5:] == [
        "one signature: approval.missing",
        "re-sealed first: 0 cells",
        "activated: True",
        "approved by: head-of-it, privacy-officer",
        "still suggested: steel pot because you looked at steel kettle",
    ]


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A home in which two dozen people buy the same again and again, each her own."""
    where, clock = str(tmp_path / "home"), FakeClock(NOW)
    with privet.open(where, policy="pack:shop", clock=clock, sync="OFF") as shop:
        names = [f"tea {i}" for i in range(24)]
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": name} for name in ["milk", *names]])
        till = shop.principal("till", roles=["storefront"]).purpose("orders")
        for i, name in enumerate(names):
            agrees(shop, f"p{i}", "orders", "recommendations")
            for weeks in (8, 6, 1):
                at = NOW - timedelta(weeks=weeks)
                order = {"order": f"{i}-{weeks}", "quantity": 1, "value": "3.00"}
                till.record(f"p{i}", "purchase", at=at, item=name, **order)
        for i in range(20):
            order = {"order": f"{i}-8", "quantity": 1, "value": "1.00"}
            till.record(f"p{i}", "purchase", at=NOW - timedelta(weeks=8), item="milk", **order)
    return where


def test_a_night_serves_what_is_worth_it(home: str) -> None:
    assert script("nightly.py")["main"](home) == 0
    with privet.open(home, sync="OFF") as shop:
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        assert web.recommend("p3", k=1)[0].item == "tea 3"
        assert [pick.item for pick in web.recommend("nobody")] == ["milk"]
        models = shop.principal("n", roles=["trainer"]).purpose("recommendations").models
        assert {(v.name, v.state) for v in models.list()} == {
            ("popular", "live"),
            ("habits", "live"),
        }
    assert script("nightly.py")["main"](home) == 0  # the next night


def test_a_night_without_people_says_so(tmp_path: Path) -> None:
    where = str(tmp_path / "home")
    privet.open(where, policy="pack:shop", sync="OFF").close()
    assert script("nightly.py")["main"](where) == 1
