"""What one person said elsewhere of one purpose keeps its order, however it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment, open_deployment

YES, NO, OUT = "yes", "no", "withdrawn"
COURSES = [
    (YES, OUT, YES),
    (NO, YES, OUT),
    (OUT, YES, NO, YES),
    (YES, OUT, YES, OUT),
    (YES, YES, NO),
]


@pytest.fixture
def shop(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        str(tmp_path / "home"),
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'k'}",
        clock=clock,
        sync="OFF",
    ) as opened:
        yield opened


def load(shop: Deployment, rows: list[tuple[str, str, str, int]]) -> int:
    """Bring in subject, purpose, kind and day of January."""
    frame = pd.DataFrame(rows, columns=["subject", "purpose", "kind", "day"])
    frame["at"] = pd.to_datetime("2026-01-01", utc=True) + pd.to_timedelta(frame.pop("day"), "D")
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    return desk.load(frame, notice="n-1", channel="old shop", evidence="table 3")


def test_the_last_word_holds(shop: Deployment) -> None:
    rows = [
        (f"p{n}", purpose, kind, day)
        for n, course in enumerate(COURSES)
        for purpose, said in (("newsletter", course), ("recommendations", course[::-1]))
        for day, kind in enumerate(said)
    ]
    assert load(shop, rows) == len(rows)
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    for n, course in enumerate(COURSES):
        states = desk.state(f"p{n}")
        assert (states["newsletter"] == "active") is (course[-1] == YES), course
        assert (states["recommendations"] == "active") is (course[0] == YES), course


def test_the_order_of_the_rows_means_nothing(shop: Deployment) -> None:
    told = list(enumerate((YES, OUT, YES)))
    rows = [
        (f"p{n}", "newsletter", kind, day)
        for n, order in enumerate(permutations(told))
        for day, kind in order
    ]
    load(shop, rows)
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    assert {desk.state(f"p{n}")["newsletter"] for n in range(6)} == {"active"}
