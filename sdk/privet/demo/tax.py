"""What privacy costs: the same work through the gate and without it, in one run.

The ungated side is what an app would have instead: a plain, indexed table of the same
rows, read with pandas. It lives in memory alone, so that no plain copy touches a disk.
"""

from __future__ import annotations

import sqlite3
import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from privet.demo.run import Story

PEOPLE = 400
ROUNDS = 3
FEATURES = ("recency", "frequency", "monetary")


def measure(story: Story) -> tuple[float, dict[str, float]]:
    """Time through the gate over time without it, for features of the same households.

    Returns:
        The ratio (below 1: the gate is faster), and both times in seconds.
    """
    from privet.demo.answers import agreed

    people = sorted(agreed(story.drawn, "segmentation"))[:PEOPLE]
    if not people:
        return float("nan"), {}
    grouping = story.shop.principal("nightly", roles=["trainer"]).purpose("segmentation")
    ids = [str(h) for h in people]
    gated = _time(lambda: grouping.features(FEATURES, subjects=ids))
    plain = _plain(story, people)
    return round(gated / plain, 3), {
        "gated_seconds": round(gated, 4),
        "plain_seconds": round(plain, 4),
    }


def _plain(story: Story, people: list[int]) -> float:
    import pandas as pd

    columns = ["household_id", "transaction_timestamp", "basket_id", "sales_value"]
    sales = story.tables.sales
    mine = sales.loc[sales["household_id"].isin(people), columns]
    database = sqlite3.connect(":memory:")
    mine.to_sql("sales", database, index=False)
    database.execute("CREATE INDEX of_household ON sales (household_id)")
    now = story.cut.tz_convert("UTC")

    def features() -> None:
        marks = ", ".join("?" * len(people))
        rows = pd.read_sql(
            f"SELECT * FROM sales WHERE household_id IN ({marks})",
            database,
            params=people,
            parse_dates=["transaction_timestamp"],
        )
        groups = rows.groupby("household_id")
        pd.DataFrame(
            {
                "recency": (now - groups["transaction_timestamp"].max()).dt.days,
                "frequency": groups["basket_id"].nunique(),
                "monetary": groups["sales_value"].sum(),
            }
        )

    try:
        return _time(features)
    finally:
        database.close()


def _time(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)
