"""What it costs not to use what reveals health, religion and the like: lists with and without.

No purpose of the demo may open such purchases, so the other side is measured on the raw
tables in memory: the same recommenders, the same people, nothing hidden from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from privet.clock import DAY_US
from privet.demo.measuring import coded, figures, had
from privet.demo.results import TOP
from privet.features import Catalogue
from privet.gate.minimize import coarsen
from privet.recommend import TASKS, Recommender
from privet.recommend.evaluating import Held
from privet.recommend.metrics import per_person
from privet.types import Events

if TYPE_CHECKING:
    from privet.demo.run import Advance, Story


def cost(story: Story, models: Mapping[str, Recommender], advance: Advance) -> dict[str, Any]:
    """Items and households concerned; nDCG of each model as served, and with nothing hidden."""
    items = story.shop.catalogue
    everything = Catalogue(items.ids, items.attributes)
    quality = story.facts["quality"]
    events = {"purchase": _events(story)}
    was, came = had(story.tables, story.cut, story.eligible)
    ndcg: dict[str, dict[str, dict[str, float]]] = {task: {} for task in TASKS}
    for name, recommender in models.items():
        level = everything.level(recommender.by)
        held = Held([recommender.histories(events, level)], was, came, _day(story))
        ranked = held.lists(held.learn(recommender, everything, level), TOP)
        for task in TASKS:
            shown = figures(per_person(ranked[task], held.truth(task)))["ndcg@10"]
            ndcg[task][name] = {"hidden": quality[task][name]["ndcg@10"], "shown": shown}
        advance(1)
    return {**_concerned(story), "ndcg": ndcg}


def _concerned(story: Story) -> dict[str, int]:
    items = story.shop.catalogue
    apart = items.hidden | (items.min_age > 0)
    mine = {item for item, hidden in zip(items.ids, apart, strict=True) if hidden}
    kinds = story.tables.items.set_index("product_id")["product_type"]
    sold = story.tables.sales
    concerned = coded(sold["product_id"], dict.fromkeys(mine, 1)) > 0
    return {
        "items": len(mine),
        "types": len({kinds[item] for item in mine if kinds[item]}),
        "households": int(sold.loc[concerned, "household_id"].nunique()),
    }


def _events(story: Story) -> Events:
    """The sales of those who agreed, up to the cut, as the gate would give them."""
    sales = story.tables.sales
    row = {household: n for n, household in enumerate(story.eligible)}
    owner = sales["household_id"].map(row).fillna(-1).to_numpy(np.int64)
    mine = (owner >= 0) & (sales["transaction_timestamp"] <= story.cut).to_numpy(bool)
    at = sales["transaction_timestamp"].to_numpy("datetime64[us]").astype(np.int64)[mine]
    order = np.lexsort((at, owner[mine]))
    item = coded(sales["product_id"], story.shop.catalogue.codes)[mine]
    basket = sales["basket_id"].factorize()[0].astype(np.int64)[mine]
    return Events(
        np.arange(len(row)),
        np.searchsorted(owner[mine][order], np.arange(len(row) + 1)),
        coarsen(at[order], "day", _zone(story)),
        {"item": item[order], "basket": basket[order]},
    )


def _day(story: Story) -> int:
    """Day number of the cut, as histories count days."""
    cut = np.array([int(story.cut.value // 1000)])
    return int(coarsen(cut, "day", _zone(story))[0] // DAY_US)


def _zone(story: Story) -> ZoneInfo:
    return ZoneInfo(story.shop.policy.timezone)
