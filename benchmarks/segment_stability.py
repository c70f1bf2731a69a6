"""How steady segments are from week to week, and what each remedy adds.

Everybody's features at the end of each of the last weeks, computed in the clear from the
demo's sales (Complete Journey), are segmented in several ways: each week by itself, then from the
centroids of the week before, and then with smoothing and hysteresis. Figures are means over
pairs of neighbouring weeks, of the households that had bought something in the first.

python -m benchmarks.segment_stability --weeks 12 --k 6
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from privet.clock import DAY_US
from privet.demo.tables import tables
from privet.features.catalogue import Catalogue
from privet.features.compute import compute
from privet.segments import KMeans
from privet.segments.base import ABSENT, Segmenter, extend, quantized
from privet.segments.following import relabelled
from privet.types import Events

FEATURES = (
    "recency",
    "frequency",
    "visits_30_days",
    "days_between_visits",
    "monetary",
    "average_order",
    "discount_share",
    "time_of_day",
)
SCALES = {"purchase.value": 2, "purchase.discount": 2, "purchase.coupon": 2}


@dataclass(frozen=True)
class Steadiness:
    """Of one way, over the pairs of weeks.

    Attributes:
        agreement: adjusted Rand index (Hubert & Arabie 1985), blind to the labels' names.
        moved: share of people whose id changed.
    """

    agreement: float
    moved: float


def rows_by_week(weeks: int) -> list[np.ndarray]:
    """Quantized features of every household at the end of each of the last weeks."""
    sales = tables().sales
    end = int(sales["transaction_timestamp"].max().value // 1000)
    events = {"purchase": _events(sales)}
    found = []
    for week in reversed(range(weeks)):
        at = end - 7 * week * DAY_US
        columns = compute(FEATURES, events, None, Catalogue(()), at, UTC, scales=SCALES)
        found.append(quantized(columns)[1])
    return found


def _events(sales: pd.DataFrame) -> Events:
    households, code = np.unique(sales["household"].astype(int), return_inverse=True)
    at = sales["transaction_timestamp"].to_numpy("datetime64[us]").astype(np.int64)
    order = np.lexsort((at, code))
    columns = {
        "basket": sales["basket_id"].to_numpy(np.int64),
        **{
            name: np.rint(sales[source] * 100).to_numpy(np.int64)
            for name, source in {
                "value": "sales_value",
                "discount": "retail_disc",
                "coupon": "coupon",
            }.items()
        },
    }
    starts = np.concatenate(([0], np.cumsum(np.bincount(code))))
    return Events(
        subjects=np.arange(len(households)),
        starts=starts,
        at=at[order],
        columns={name: values[order] for name, values in columns.items()},
    )


def steadiness(way: Segmenter, weeks: list[np.ndarray], *, carried: bool) -> Steadiness:
    """Label every week from what was known at its end, and compare neighbours.

    Args:
        way: method and parameters.
        weeks: quantized rows of the same people, each shape (S, F).
        carried: whether a week sees those before it; otherwise each stands by itself, and
            only its labels are matched to those of the week before.
    """
    agreements, moved = [], []
    tracks: list[np.ndarray | None] = [None] * len(weeks[0])
    before: np.ndarray | None = None
    for week, rows in enumerate(weeks):
        now = [
            extend(track if carried else None, 7 * week, row, 0)
            for track, row in zip(tracks, rows, strict=True)
        ]
        labels = way.fit(now, rows.shape[1]).labels
        if before is not None:
            labels = labels if carried else relabelled(labels, before)
            agreements.append(float(adjusted_rand_score(before, labels)))
            moved.append(float((before != labels).mean()))
        before, tracks = labels, list(now)
    return Steadiness(float(np.mean(agreements)), float(np.mean(moved)))


def table(weeks: list[np.ndarray], k: int) -> pd.DataFrame:
    """Every way's agreement and share of people who move."""
    ways = {
        "each week by itself": (KMeans(FEATURES, 0, 0, k=k), False),
        "from the week before": (KMeans(FEATURES, 0, 0, k=k), True),
        "and hysteresis": (KMeans(FEATURES, 0, k=k), True),
        "and smoothing": (KMeans(FEATURES, hysteresis=0, k=k), True),
        "and both (the defaults)": (KMeans(FEATURES, k=k), True),
    }
    rows = []
    for name, (way, carried) in ways.items():
        found = steadiness(way, weeks, carried=carried)
        rows.append((name, round(found.agreement, 3), round(found.moved, 3)))
    return pd.DataFrame(rows, columns=["way", "agreement", "moved"])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weeks", type=int, default=12)
    options.add_argument("--k", type=int, nargs="+", default=[6])
    given = options.parse_args()
    weeks = rows_by_week(given.weeks)
    known = (weeks[0] != ABSENT).all(axis=1)
    weeks = [rows[known] for rows in weeks]
    print(f"{int(known.sum())} households, {len(weeks)} weeks")
    for k in given.k:
        print(f"k={k}", table(weeks, k).to_string(index=False), sep="\n")


if __name__ == "__main__":
    main()
