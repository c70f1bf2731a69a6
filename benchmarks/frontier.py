"""What settings of a method are worth and what they tell of its people, without the gate.

    python -m benchmarks.frontier
    python -m benchmarks.frontier --movielens DIR

On the Complete Journey data lists are measured on the 28 days before the last 28, which stay
unseen (``--back 0`` shows these); on MovieLens-100K on the ratings 11 to 20 of each user in the
order of ``u.data``, of which the first ten are the test of the split ``ua``. DIR holds the three
tables ``MovieLens100k_{data,items,users}.parquet.brotli``. The attack is that of ``privet
models risk``, on everybody.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.quality import journey
from privet.clock import DAY_US
from privet.features import Catalogue
from privet.features.catalogue import Level
from privet.recommend import EASE, ItemItem, Recommender, before, lists, quality, truth
from privet.recommend.pictures import draw_frontier
from privet.recommend.risk import finished, memberships
from privet.recommend.split import Task, Truth, entries_of
from privet.recommend.studies import Tradeoff
from privet.types import Events

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT = 10
FLOORS = (10, 20, 50)
STRENGTHS = (500, 1000, 2000, 5000, 20000)


@dataclass(frozen=True, repr=False)
class Data:
    """What methods learn from and are measured on.

    Attributes:
        event: name of the event.
        past: what models may see.
        shop: the items.
        level: what is ranked.
        came: task to what people had afterwards.
        now_day: day number of the cut.
    """

    event: str
    past: Events
    shop: Catalogue
    level: Level
    came: dict[Task, Truth]
    now_day: int


def main() -> None:
    """Print the table of each method; draw one if asked to."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--back", type=int, default=1, help="so many windows of 28 days earlier")
    asked.add_argument("--movielens", type=Path, metavar="DIR")
    asked.add_argument("--out", type=Path, metavar="FILE", help="draw EASE's frontier: .svg, .png")
    options = asked.parse_args()
    data = movielens(options.movielens) if options.movielens else groceries(options.back)
    by = data.level.attribute
    ease = [
        EASE(event=data.event, by=by, regularization=strength, floor=floor)
        for strength in STRENGTHS
        for floor in FLOORS
    ]
    recency = [
        EASE(event=data.event, by=by, weights="recency", regularization=strength, half_life_days=d)
        for d in (60, 120, 180)
        for strength in STRENGTHS
    ]
    items = [ItemItem(event=data.event, by=by, floor=floor) for floor in (1, 5, 10, 20, 30, 50)]
    tell("EASE", found := tradeoffs(data, ease), [""] * len(ease))
    for part in (recency[:5], recency[5:10], recency[10:]):
        life = f"half-life {part[0].half_life_days:g}"
        tell("EASE, recency", tradeoffs(data, part), [life] * len(part))
    tell("item-item", tradeoffs(data, items), [""] * len(items))
    if options.out:
        png = options.out.suffix == ".png"
        options.out.write_bytes(draw_frontier(found, "png" if png else "svg"))


def tradeoffs(data: Data, methods: list[EASE] | list[ItemItem]) -> list[Tradeoff]:
    """Quality and risk of methods that people add the same to."""
    every: list[Recommender] = list(methods)
    cohort = every[0].histories({data.event: data.past}, data.level)
    kept = every[0].contributions(cohort, data.now_day)
    assert kept is not None
    histories = [cohort[i] for i in range(len(cohort))]
    risks = memberships(every, histories, kept, data.shop, data.level, data.now_day)
    found = []
    for at, fitted in enumerate(finished(every, kept, data.shop, data.level)):
        ranked = lists(fitted, cohort, 10, data.now_day)
        ndcg = {task: quality(ranked[task], came).ndcg for task, came in data.came.items()}
        spec = every[at].params()
        found.append(Tradeoff(spec["floor"], ndcg, risks[at], spec.get("regularization")))
    return found


def tell(name: str, found: list[Tradeoff], notes: list[str]) -> None:
    """One row of a table for each."""
    for one, note in zip(found, notes, strict=True):
        strength = "" if one.regularization is None else f"{one.regularization:g}"
        ndcg = " | ".join(f"{task} {value:.4f}" for task, value in one.ndcg.items())
        auc = " | ".join(f"{risk.attack} {risk.auc:.2f}" for risk in one.risks)
        print(f"| {name} | {note} | {strength} | {one.floor} | {ndcg} | {auc} |", flush=True)


def groceries(back: int) -> Data:
    """Complete Journey, by product type."""
    events, shop = journey(set())
    cut = int(events.at.max()) - 28 * DAY_US * (1 + back)
    level, whole = shop.level("type"), before(events, cut + 28 * DAY_US)
    tasks: tuple[Task, ...] = ("new", "repeat")
    came = {task: truth(whole, level, cut, task) for task in tasks}
    return Data("purchase", before(events, cut), shop, level, came, cut // DAY_US)


def movielens(place: Path) -> Data:
    """MovieLens-100K, by movie; the test of ``ua`` is left out altogether."""
    import pandas as pd

    ratings, movies = (
        pd.read_parquet(place / f"MovieLens100k_{name}.parquet.brotli")
        for name in ("data", "items")
    )
    turn = ratings.groupby("user_id").cumcount()
    held = ratings[(turn >= HELD_OUT) & (turn < 2 * HELD_OUT)]
    shop = Catalogue(tuple(f"{n:04d}" for n in movies["movie_id"]))
    users = np.unique(ratings["user_id"])
    past, later = (_events(part, users) for part in (ratings[turn >= 2 * HELD_OUT], held))
    level = shop.level()
    day = int(past.at.max()) // DAY_US
    return Data("rating", past, shop, level, {"new": entries_of(later, level)}, day)


def _events(ratings: pd.DataFrame, users: np.ndarray) -> Events:
    rows = ratings.sort_values(["user_id", "timestamp", "movie_id"])
    return Events(
        subjects=users.astype(np.int64),
        starts=np.searchsorted(rows["user_id"], np.append(users, users[-1] + 1)),
        at=rows["timestamp"].to_numpy() * 1_000_000 // DAY_US * DAY_US,
        columns={"item": rows["movie_id"].to_numpy() - 1},
    )


if __name__ == "__main__":
    main()
