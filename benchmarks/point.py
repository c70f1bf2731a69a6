"""One person at request time: policy, grounds, keys, cells, model and a durable record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks import shop
from benchmarks.measure import Row, Spans, spans
from privet.features import compute
from privet.features.items import known_items
from privet.recommend.mapping import mapped
from privet.recommend.reasons import because
from privet.recommend.training import day_of
from privet.types import Events

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench

FEATURES = ("recency", "frequency", "monetary", "average_order")
RECORD = b"x" * 300
"""About as much as one audit record."""
Point = Callable[[str], object]


def rows(bench: Bench) -> Iterator[Row]:
    """Features of one, and a list for one."""
    bench.compact()
    yield from _split(bench, "features of one person", _features(bench), _plain_features(bench))
    yield from _split(bench, "recommend to one person", _recommend(bench), _plain_list(bench))


def _split(bench: Bench, name: str, ours: tuple[Point, Point], plain: Point) -> Iterator[Row]:
    durable, without_disk = ours
    with (
        commits(bench.directory / "synced.db", "FULL") as synced,
        commits(bench.directory / "unsynced.db", "OFF") as unsynced,
    ):
        found = spans(
            {
                "ours": durable,
                "plain": plain,
                "commit": synced,
                "ours off": without_disk,
                "commit off": unsynced,
            },
            bench.ids,
        )
    yield from _figures(name, found)


def _figures(name: str, found: dict[str, Spans]) -> Iterator[Row]:
    ours, plain, commit, off = (found[n] for n in ("ours", "plain", "commit", "ours off"))
    same = "the same rows plain and indexed in SQLite, and the same code on them"
    yield Row("point", f"{name}, p50", ours.p(50), plain.p(50), "µs", same)
    yield Row("point", f"{name}, p99", ours.p(99), plain.p(99), "µs", same)
    one = "one durable SQLite commit of 300 bytes"
    yield Row("point", f"{name}, p50 over a commit", ours.p(50), commit.p(50), "µs", one)
    yield Row("point", f"{name}, p99 over a commit", ours.p(99), commit.p(99), "µs", one)
    cpu = f"{same}; CPU of the thread, privet without waiting for the disk"
    yield Row("point", f"{name}, CPU p50", off.cpu50, plain.cpu50, "µs", cpu)
    waited, least = ours.p(50) - off.p(50), commit.p(50) - found["commit off"].p(50)
    disk = "the same difference of one commit; durable less not durable, p50"
    yield Row("point", f"{name}, waiting for the disk", max(waited, 0.0), least, "µs", disk)


class _Commits:
    """Writes one row in a transaction of its own, each time it is called."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._connection = shop.connect(path, synchronous)
        self._connection.execute("CREATE TABLE record (seq INTEGER PRIMARY KEY, body BLOB)")

    def __call__(self, _: object) -> None:
        self._connection.execute("INSERT INTO record (body) VALUES (?)", (RECORD,))

    def close(self) -> None:
        self._connection.close()


def commits(path: Path, synchronous: str) -> closing[_Commits]:
    """A place to commit to, removed when done."""
    path.unlink(missing_ok=True)
    return closing(_Commits(path, synchronous))


def _features(bench: Bench) -> tuple[Point, Point]:
    doors = [bench.grouping(bench.shop), bench.grouping(bench.without_disk)]
    first, second = (lambda i, d=d: d.features(FEATURES, subjects=[i]) for d in doors)
    return first, second


def _recommend(bench: Bench) -> tuple[Point, Point]:
    doors = [bench.web(bench.shop), bench.web(bench.without_disk)]
    first, second = (lambda i, d=d: d.recommend(i) for d in doors)
    return first, second


def _plain_features(bench: Bench) -> Point:
    sql = "SELECT at, basket, value FROM purchase WHERE subject = ? ORDER BY at"
    parts = bench.shop._parts

    def one(subject: str) -> object:
        rows = bench.plain.execute(sql, (subject,)).fetchall()
        events = {"purchase": _events(rows, ("basket", "value"))}
        shown = known_items(parts)
        columns = compute(FEATURES, events, None, shown, parts.now, parts.zone, scales=parts.scales)
        return pd.DataFrame(columns, index=pd.Index([subject], name="subject", dtype=object))

    return one


def _plain_list(bench: Bench) -> Point:
    sql = "SELECT at, item, basket FROM purchase WHERE subject = ? ORDER BY at"
    parts = bench.shop._parts
    serving = mapped(parts, "recommendations", None)
    if serving is None:
        raise RuntimeError("no model serves")
    fitted, recommender = serving.fitted, serving.recommender

    def one(subject: str) -> object:
        rows = bench.plain.execute(sql, (subject,)).fetchall()
        events = {"purchase": _events(rows, ("item", "basket"))}
        history = recommender.histories(events, fitted.level)[0]
        now_day = day_of(parts, parts.now)
        top = fitted.top(history, 10, now_day=now_day)
        return [
            (fitted.level.names[i], because(reason))
            for i, reason in zip(top, fitted.reasons(history, top), strict=True)
        ]

    return one


def _events(rows: list[tuple[int, ...]], names: tuple[str, ...]) -> Events:
    at, *values = np.array(rows, np.int64).reshape(len(rows), len(names) + 1).T
    starts = np.array([0, len(rows)])
    return Events(np.array([1]), starts, at, dict(zip(names, values, strict=True)), {})
