"""The demo on tables of our own: what it says must not depend on what it may not see.

Small tables in the demo's form: non-interference and no peeking compare the bytes of
``lists.parquet``; a run that is killed while it seals and started again has every row once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from privet.demo import Options, run
from privet.demo.answers import PURPOSES
from privet.deployment import open_deployment
from privet.testing import FakeClock

HOUSEHOLDS = range(1, 41)
PRODUCTS = range(1000, 1060)
END = pd.Timestamp("2017-12-31 20:00")
WINDOW = pd.Timedelta(days=28)


def products() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": list(PRODUCTS),
            "department": [f"DEPARTMENT {n % 4}" for n in PRODUCTS],
            "product_category": [f"CATEGORY {n % 9}" for n in PRODUCTS],
            "product_type": [f"TYPE {n % 25}" for n in PRODUCTS],
            "brand": ["Private" if n % 3 else "National" for n in PRODUCTS],
            "package_size": ["1 LB"] * len(PRODUCTS),
        }
    )


def people() -> pd.DataFrame:
    half = list(HOUSEHOLDS)[::2]
    return pd.DataFrame(
        {
            "household_id": half,
            "age": ["35-44"] * len(half),
            "income": [f"{n}0-{n}9K" for n in range(len(half))],
            "home_ownership": ["Homeowner"] * len(half),
            "marital_status": ["Married"] * len(half),
            "household_size": ["2"] * len(half),
            "household_comp": ["2 Adults No Kids"] * len(half),
            "kids_count": ["0"] * len(half),
        }
    )


def sales(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for household in HOUSEHOLDS:
        likes = rng.choice(PRODUCTS, 20, replace=False)
        for visit in range(26):
            at = END - pd.Timedelta(minutes=int(rng.integers(0, 525_000)))
            for product in rng.choice(likes, 4, replace=False):
                rows.append((household, at, f"{household:03}{visit:04}", int(product)))
    frame = pd.DataFrame(
        rows, columns=["household_id", "transaction_timestamp", "basket_id", "product_id"]
    )
    return priced(frame)


def priced(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        quantity=1 + frame["product_id"] % 3,
        sales_value=(frame["product_id"] % 90) / 10,
        retail_disc=0.25,
        coupon_disc=0.0,
        coupon_match_disc=0.0,
        store_id=300 + frame["household_id"] % 5,
    )


def write(place: Path, bought: pd.DataFrame, known: pd.DataFrame) -> Path:
    place.mkdir()
    bought.to_parquet(place / "transactions.parquet", index=False)
    products().to_parquet(place / "products.parquet", index=False)
    known.to_parquet(place / "demographics.parquet", index=False)
    return place


def told(root: Path, name: str, bought: pd.DataFrame, known: pd.DataFrame | None = None) -> Path:
    """Run the demo on these tables; where it left its files."""
    data = write(root / f"{name}-data", bought, people() if known is None else known)
    result = run(Options(root / name, data=data))
    rows = result["rows"]
    assert rows["in"] == len(bought) == rows["sealed"] + rows["refused"]
    (root / name / "result.json").write_text(json.dumps(result))
    return root / name


def lists(out: Path) -> bytes:
    return (out / "lists.parquet").read_bytes()


def facts(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return {k: result[k] for k in ("cut", "eligible", "quality", "evaluated", "models")}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("siege-demo")


@pytest.fixture(scope="module")
def first(root: Path) -> Path:
    return told(root, "first", sales())


@pytest.fixture(scope="module")
def without(first: Path) -> set[int]:
    """Households without a ground for recommendations, as the demo itself says."""
    grounds = pd.read_parquet(first / "grounds.parquet")
    mine = grounds[(grounds["purpose"] == "recommendations") & ~grounds["eligible"]]
    found = {int(h) for h in mine["household"]}
    assert 2 <= len(found) <= 20
    listed = set(pd.read_parquet(first / "lists.parquet")["household"])
    assert not found & listed
    assert found | listed == set(HOUSEHOLDS)
    return found


def test_rows_of_those_without_a_ground_change_no_list(
    root: Path, first: Path, without: set[int]
) -> None:
    """Other products, and the very last sale of all, days after everybody else's."""
    bought = sales()
    theirs = bought["household_id"].isin(without)
    bought.loc[theirs, "product_id"] = PRODUCTS[0]
    bought.loc[theirs, "basket_id"] += bought.loc[theirs].groupby("basket_id").cumcount().map(str)
    last = bought.index[theirs][-1]
    bought.loc[last, "transaction_timestamp"] = END + pd.Timedelta(days=9)
    known = people()
    known.loc[known["household_id"].isin(without), "age"] = "65+"
    out = told(root, "changed", priced(bought), known)
    assert lists(out) == lists(first)
    assert facts(out) == facts(first)


def test_deleted_rows_of_those_without_a_ground_change_no_list(
    root: Path, first: Path, without: set[int]
) -> None:
    bought, known = sales(), people()
    out = told(
        root,
        "deleted",
        bought[~bought["household_id"].isin(without)],
        known[~known["household_id"].isin(without)],
    )
    assert lists(out) == lists(first)
    assert facts(out) == facts(first)


def test_the_last_sale_of_all_may_be_of_somebody_without_a_ground(
    root: Path, first: Path, without: set[int]
) -> None:
    """It moves neither the cut nor the clock, also where it only comes some hours later."""
    for hours in (1, 30):
        bought = sales()
        mine = bought.index[bought["household_id"].isin(without)][0]
        bought.loc[mine, "transaction_timestamp"] = END + pd.Timedelta(hours=hours)
        out = told(root, f"last-{hours}", bought)
        assert lists(out) == lists(first)
        assert facts(out)["cut"] == facts(first)["cut"]


def test_features_know_nothing_of_those_who_are_not_in_their_purpose(
    root: Path, first: Path
) -> None:
    """Who agreed to recommendations alone moves no feature of a segmentation, by no clock."""
    grounds = pd.read_parquet(first / "grounds.parquet").set_index(["purpose", "household"])
    agreed = {p: set(grounds.loc[p].query("eligible").index) for p in PURPOSES}
    apart = sorted(agreed["recommendations"] - agreed["segmentation"])
    bought = sales()
    mine = bought.index[bought["household_id"].isin(apart)][0]
    bought.loc[mine, "transaction_timestamp"] = END + pd.Timedelta(hours=20)
    late = told(root, "apart-late", bought)
    gone = told(root, "apart-gone", bought[~bought["household_id"].isin(apart)])
    assert features(late) == features(first) == features(gone)


def features(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())["features"]
    return found


def test_what_was_held_out_shows_in_no_list(root: Path, first: Path, without: set[int]) -> None:
    """The items of the last 28 days, permuted among their rows."""
    bought = sales()
    eligible = bought[~bought["household_id"].isin(without)]
    cut = eligible["transaction_timestamp"].max() - WINDOW
    held = bought.index[bought["transaction_timestamp"] > cut]
    assert len(held) > 100
    before = bought.loc[held, "product_id"].to_numpy()
    after = np.random.default_rng(11).permutation(before)
    assert (before != after).mean() > 0.9
    bought.loc[held, "product_id"] = after
    # One product twice in one basket would be one event: the basket is told apart instead.
    again = bought.loc[held].groupby(["basket_id", "product_id"]).cumcount()
    bought.loc[held, "basket_id"] += again.map(lambda n: str(n) if n else "")
    out = told(root, "permuted", priced(bought))
    assert lists(out) == lists(first)
    assert facts(out)["models"] == facts(first)["models"]
    assert facts(out)["quality"] != facts(first)["quality"], "the truth did change"


def test_rows_of_those_with_a_ground_do_change_lists(
    root: Path, first: Path, without: set[int]
) -> None:
    """The comparison can fail."""
    bought = sales()
    someone = next(h for h in HOUSEHOLDS if h not in without)
    bought.loc[bought["household_id"] == someone, "product_id"] = PRODUCTS[0]
    again = bought.groupby(["basket_id", "product_id"]).cumcount()
    bought["basket_id"] += again.map(lambda n: str(n) if n else "")
    assert lists(told(root, "other", priced(bought))) != lists(first)


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from privet.demo import Options, run
    from privet.ingest import frame
    from privet.vault import Vault

    frame.BATCH = 500
    data, out, where = sys.argv[1:]
    write, commit, batches = frame.write, Vault.commit, []

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(parts, caller, purpose, incoming):
        if incoming.event == "purchase":
            batches.append(incoming)
        written = write(parts, caller, purpose, incoming)
        if where == "after the commit" and len(batches) == 4:
            die()
        return written

    def torn(self, tx, prepared, allowed):
        if where == "before the commit" and len(batches) == 4:
            commit(self, tx, prepared, allowed)
            die()
        return commit(self, tx, prepared, allowed)

    frame.write, Vault.commit = counted, torn
    run(Options(Path(out), data=Path(data)))
    """
)


@pytest.mark.parametrize("where", ["before the commit", "after the commit"])
def test_a_demo_that_was_killed_goes_on(where: str, tmp_path: Path) -> None:
    bought = sales()
    bought.loc[7, "quantity"] = 0  # a return is a fact of the record as well
    data = write(tmp_path / "data", bought, people())
    out = tmp_path / "out"
    args = [sys.executable, "-c", KILLED, str(data), str(out), where]
    assert subprocess.run(args, timeout=120).returncode == -signal.SIGKILL
    second = run(Options(out, data=data))["rows"]
    assert second["in"] == second["sealed"] + second["refused"] == len(bought)
    assert second["refused"] == 0
    assert second["repeated"] == (3 if where == "before the commit" else 4) * 500
    third = run(Options(out, data=data))["rows"]
    assert third["in"] == third["sealed"] + third["refused"] == len(bought)
    assert third["new"] == 0
    # Those who had themselves erased as well: a law holds their receipts, each line once.
    assert events_of(out) == Counter(int(h) for h in bought["household_id"])


def events_of(out: Path) -> dict[int, int]:
    """How many purchases of each household there are, by the answer to an access request."""
    clock = FakeClock((END + pd.Timedelta(days=2)).tz_localize("UTC").to_pydatetime())
    with open_deployment(out / "home", clock=clock) as shop:
        desk = shop.principal("desk", roles=["privacy-desk"]).rights
        answers = {h: desk.access(str(h))["events"]["purchase"] for h in HOUSEHOLDS}
    return {h: len(rows) for h, rows in answers.items()}
