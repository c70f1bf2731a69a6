"""Segments of the demo: chosen, followed through some weeks, shown and written down."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from privet.demo.results import records
from privet.segments import KMeans, pictures

if TYPE_CHECKING:
    from datetime import datetime

    from privet.demo.run import Advance, Story

NAME = "habits"
WEEKS = 4
FEATURES = ("recency", "frequency", "monetary", "average_order", "discount_share")
TRIED = (4, 6, 8)
STEPS = WEEKS + 2
PICTURES = ("pca", "silhouette", "profile")


def follow(story: Story, end: datetime, advance: Advance) -> tuple[dict[str, Any], dict[str, str]]:
    """Choose how many, train week by week, show; and pictures as SVG.

    Returns:
        what the demo tells, and a picture by its name.
    """
    nightly = story.shop.principal("nightly", roles=["trainer"]).purpose("segmentation").segments
    table = nightly.choose([KMeans(FEATURES, k=k) for k in TRIED], at=end)
    taken = table[table["chosen"]] if table["chosen"].any() else table.iloc[:1]
    best = int(taken["k"].iloc[0])
    advance(1)
    for week in reversed(range(WEEKS)):
        version = nightly.train(NAME, KMeans(FEATURES, k=best), at=end - timedelta(days=7 * week))
        nightly.evaluate(version)
        nightly.serve(version)
        advance(1)
    analyst = story.shop.principal("ines", roles=["analyst"]).purpose("segmentation").segments
    shown = analyst.show()
    moves = nightly.moves()
    drawn = {what: nightly.picture(version, what).decode() for what in PICTURES}
    drawn |= {"weekly flows": pictures.flows(moves).decode()} if len(moves) else {}
    drawn |= {"choice": pictures.choice(table).decode()}
    write(story, placed(story))
    advance(1)
    facts = {
        "k": best,
        "choice": records(table),
        "people": version.subjects,
        "weeks": WEEKS,
        "shown": records(shown[["segment", "size", "persona"]]),
        "moves": records(moves),
        "digest": version.digest.hex(),
    }
    return facts, drawn


def placed(story: Story) -> list[tuple[int, str | None]]:
    """The segment of every household with a ground for segmentation."""
    desk = story.shop.principal("desk", roles=["privacy-desk"]).consent
    nightly = story.shop.principal("nightly", roles=["trainer"]).purpose("segmentation").segments
    holding = desk.eligible([str(h) for h in story.tables.households], "segmentation")
    found = nightly.of_many([h for h, holds in holding.items() if holds])
    return [(h, found[str(h)]) for h in story.tables.households if str(h) in found]


def write(story: Story, found: list[tuple[int, str | None]]) -> None:
    """``segments.parquet``: household and segment."""
    import pandas as pd

    frame = pd.DataFrame(found, columns=["household", "segment"])
    frame.to_parquet(story.options.out / "segments.parquet", index=False)
