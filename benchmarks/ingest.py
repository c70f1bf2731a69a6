"""Sealing a frame of rows, exactly once, against writing it into a plain table."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import shop
from benchmarks.measure import Row, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

ROUNDS = 3


def rows(bench: Bench) -> Iterator[Row]:
    """Rows a second: one load into an empty shop, then the same rows once more."""
    best: dict[str, float] = {}
    for number in range(min(ROUNDS, bench.size.rounds)):
        place = bench.directory / f"ingest-{number}"
        place.mkdir()
        taken = {
            **_ours(bench, place),
            "many": shop.plain(place / "many.db", bench.sales),
            "pandas": _to_sql(bench, place / "pandas.db"),
        }
        best = {name: min(took, best.get(name, took)) for name, took in taken.items()}
    count = len(bench.sales)
    rate = {name: count / took for name, took in best.items()}
    table = "a table with a unique index on the app's key and one on person and time"
    many = f"executemany into {table}"
    frame = f"pandas.to_sql into {table}"
    yield Row("ingest", "load a frame", rate["ours"], rate["many"], "rows/s", many)
    yield Row("ingest", "load a frame", rate["ours"], rate["pandas"], "rows/s", frame)
    yield Row(
        "ingest",
        "load it again: nothing is there twice",
        rate["again"],
        rate["many"],
        "rows/s",
        f"the first {many}",
    )


def _ours(bench: Bench, place: Path) -> dict[str, float]:
    with shop.opened(place / "home", place / "keyring") as opened:
        shop.begin(opened, bench.size)
        access = opened.principal("ops", roles=["operator"]).purpose("orders")
        first = shop.load(opened, bench.sales)
        again = seconds(lambda: access.load("purchase", bench.sales, columns=shop.COLUMNS))
    return {"ours": first, "again": again}


def _to_sql(bench: Bench, path: Path) -> float:
    names = ["subject", "at", "item_no", "basket", "quantity", "value", "discount", "coupon"]
    with closing(shop.connect(path)) as connection:
        connection.executescript(shop.PLAIN)
        connection.execute("BEGIN IMMEDIATE")  # pandas commits it; else each row by itself
        return seconds(
            lambda: (
                bench.sales[[*names, "store"]]
                .rename(columns={"item_no": "item"})
                .assign(at=bench.sales["at"].to_numpy("datetime64[us]").astype(np.int64))
                .to_sql("purchase", connection, if_exists="append", index=False)
            )
        )
