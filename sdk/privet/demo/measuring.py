"""How good the lists are, measured on the raw tables, as anybody may do it again.

The gate's own evaluation may not open what is sensitive, so it cannot count it as held out;
the raw tables can, and a purchase that no list may name is a miss like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.demo.results import TOP
from privet.demo.tables import Tables
from privet.recommend import TASKS, Task, Truth
from privet.recommend.intervals import bootstrap
from privet.recommend.metrics import PerPerson, per_person

if TYPE_CHECKING:
    import pandas as pd


def had(found: Tables, cut: pd.Timestamp, households: list[int]) -> tuple[Truth, Truth]:
    """The product types that each household really had, up to the cut and after it.

    Args:
        found: the raw tables.
        cut: the last instant that lists may know of.
        households: whose, in this order.
    """
    names, code = types(found)
    sales = found.sales
    row = {household: n for n, household in enumerate(households)}
    owner = sales["household_id"].map(row).fillna(-1).to_numpy(np.int64)
    entry = coded(sales["product_id"], code)
    known = (owner >= 0) & (entry >= 0)
    late = (sales["transaction_timestamp"] > cut).to_numpy(bool)
    size = max(len(names), 1)
    was, came = (
        _truth(owner[known & when] * size + entry[known & when], len(row), size)
        for when in (~late, late)
    )
    return was, came


def coded(column: pd.Series, code: Mapping[str, int]) -> np.ndarray:
    """The code of each value, -1 for one without; each distinct value is looked up once."""
    import pandas as pd

    at, distinct = pd.factorize(column)
    found = [code.get(str(value), -1) for value in distinct]
    return np.array([*found, -1], np.int64)[at]  # the last one is what a missing value is given


def types(found: Tables) -> tuple[list[str], dict[str, int]]:
    """The product types, sorted, and the position of each product's."""
    kinds = found.items.set_index("product_id")["product_type"]
    names = sorted({kind for kind in kinds if kind})
    position = {name: n for n, name in enumerate(names)}
    return names, {str(item): position[kind] for item, kind in kinds.items() if kind}


def _truth(keys: np.ndarray, people: int, size: int) -> Truth:
    distinct = np.unique(keys)
    return Truth(np.searchsorted(distinct, np.arange(people + 1) * size), distinct % size, size)


def quality(
    found: Tables,
    lists: pd.DataFrame,
    models: Iterable[str],
    cut: pd.Timestamp,
    households: list[int],
) -> tuple[dict[str, dict[str, dict[str, Any]]], dict[str, int]]:
    """Task to model to measures at 10, of the lists in ``lists.parquet``.

    Returns:
        the measures, and how many households had something held out, by task.
    """
    names, _ = types(found)
    was, came = had(found, cut, households)
    held_out: dict[Task, Truth] = {"repeat": came, "new": came.without(was)}
    place = {name: n for n, name in enumerate(names)}
    row = {household: n for n, household in enumerate(households)}
    measured: dict[str, dict[str, dict[str, Any]]] = {task: {} for task in TASKS}
    for task, model in ((task, model) for task in TASKS for model in models):
        part = lists[(lists["task"] == task) & (lists["model"] == model)]
        ranked = np.full((len(row), TOP), -1, np.int64)
        who = part["household"].map(row).to_numpy(np.int64)
        ranked[who, part["rank"].to_numpy(np.int64) - 1] = part["item"].map(place)
        measured[task][model] = figures(per_person(ranked, held_out[task]))
    people = {str(task): int((np.diff(held_out[task].starts) > 0).sum()) for task in TASKS}
    return measured, people


def figures(scored: PerPerson) -> dict[str, Any]:
    """Means at 10, with the bounds of nDCG."""
    mean = scored.mean()
    low, high = bootstrap(scored.values["ndcg"])
    return {
        "ndcg@10": mean.ndcg,
        "recall@10": mean.recall,
        "precision@10": mean.precision,
        "mrr@10": mean.mrr,
        "map@10": mean.map,
        "ndcg@10_low": low,
        "ndcg@10_high": high,
    }
