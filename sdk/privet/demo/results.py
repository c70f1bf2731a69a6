"""The demo's files for whoever checks its figures: every list, every ground."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from privet.demo.answers import PURPOSES

if TYPE_CHECKING:
    import pandas as pd

    from privet.demo.run import Advance, Story

TOP = 10


def write_lists(story: Story, models: Iterable[str], advance: Advance) -> pd.DataFrame:
    """``lists.parquet``: household, task, model, rank (from 1), item.

    The top-10 list of every household with a ground, whether it can be scored or not,
    as of the cut, by the storefront's own permit.
    """
    import pandas as pd

    web = story.shop.principal("web", roles=["storefront"]).purpose("recommendations")
    ids = [str(h) for h in story.eligible]
    rows: list[tuple[Any, ...]] = []
    for task in ("new", "repeat"):
        for model in models:
            lists = web.recommend_many(
                ids, k=TOP, model=model, unseen=task == "new", at=story.cut.to_pydatetime()
            )
            rows += [
                (int(household), task, model, rank, pick.item)
                for household, picks in lists.items()
                if picks.personal
                for rank, pick in enumerate(picks, 1)
            ]
            advance(1)
    names = ["household", "task", "model", "rank", "item"]
    frame = pd.DataFrame(rows, columns=names).sort_values(names[:4], ignore_index=True)
    frame.to_parquet(story.options.out / "lists.parquet", index=False)
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON data; what does not exist is None."""
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records"))
    return found


def write_grounds(story: Story) -> None:
    """``grounds.parquet``: household, purpose, eligible (at the cut), as the ledger says."""
    import pandas as pd

    frame = pd.DataFrame(list(_grounds(story)), columns=["household", "purpose", "eligible"])
    frame.to_parquet(story.options.out / "grounds.parquet", index=False)


def _grounds(story: Story) -> Iterator[tuple[int, str, bool]]:
    desk = story.shop.principal("desk", roles=["privacy-desk"]).consent
    for purpose in ("orders", *PURPOSES):
        holding = desk.eligible([str(h) for h in story.tables.households], purpose)
        for household in story.tables.households:
            yield household, purpose, holding[str(household)]
