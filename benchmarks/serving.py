"""One list behind the gate against the same arithmetic without it, for each kind of model.

Two peers, both by the model object that privet serves, so that they compute the same list
with the same reasons:

- *in memory*: on the person's opened and minimized arrays. It asks nobody, records nothing
  and finds no row: what is left is all that it takes to get at the rows, and the gate.
- *from SQLite*: the app without privet. It finds her rows by an index in a plain table, makes
  them arrays, and goes on alike: what is left is the gate's own price.

Neither waits for a disk: the record is written and committed, not synced. The rows *without
the record* leave out the time within ``Log.authorise``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks import shop
from benchmarks.measure import Row, spans
from privet.gate.read import read
from privet.recommend import (
    EASE,
    Hybrid,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Recommender,
)
from privet.recommend.base import best
from privet.recommend.mapping import mapped
from privet.recommend.reasons import because
from privet.recommend.training import day_of
from privet.types import Events

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from privet.deployment import Deployment

ENTRIES = 2242
"""As many as the demo's grocery data has product types."""
PEOPLE = 60
BASKETS = 100
"""Some six hundred rows: what a household buys in a year of the demo's data."""
LOADS = 12
PURPOSE = "recommendations"
MODELS: Mapping[str, Recommender] = {
    "personal frequency": PersonalFrequency(by="type"),
    "item-item": ItemItem(by="type"),
    "EASE": EASE(by="type"),
    "next basket": NextBasket(by="type"),
    "hybrid": Hybrid(by="type"),
}
MEMORY = f"numpy on the same arrays in memory: top 10 of {ENTRIES:,}, with reasons"
TABLE = "the same rows plain and indexed in SQLite, and the same numpy on them"


def rows(bench: Bench) -> Iterator[Row]:
    """Percentiles of wall-clock time and CPU, for each kind of model."""
    calls = bench.size.points
    with (
        shop.opened(bench.directory / "lists", bench.directory / "keys", durable=False) as opened,
        closing(sqlite3.connect(bench.directory / "lists.db")) as plain,
    ):
        people = _stocked(opened, bench.directory / "lists.db")
        for name, method in MODELS.items():
            yield from _of_model(opened, plain, people, name, method, calls)


def _of_model(
    opened: Deployment,
    plain: sqlite3.Connection,
    people: list[str],
    name: str,
    method: Recommender,
    calls: int,
) -> Iterator[Row]:
    models = opened.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train(name, method))
    web = opened.principal("web", roles=["storefront"]).purpose(PURPOSE)
    memory, table = _Memory(opened, people), _Table(opened, plain)
    recording = _Recording(opened)
    asked = (people * (calls // len(people) + 1))[:calls]
    with recording:
        found = spans({"ours": web.recommend, "memory": memory, "table": table}, asked)
    ours, record = found["ours"], sorted(recording.spent)[len(recording.spent) // 2]
    for peer, note in ((found["memory"], MEMORY), (found["table"], TABLE)):
        yield Row("serving", f"{name}, CPU p50", ours.cpu50, peer.cpu50, "µs", note)
        yield Row("serving", f"{name}, p50", ours.p(50), peer.p(50), "µs", note)
        yield Row("serving", f"{name}, p99", ours.p(99), peer.p(99), "µs", note)
        without = ours.cpu50 - record
        yield Row("serving", f"{name}, CPU p50 without the record", without, peer.cpu50, "µs", note)


class _Plain:
    """A list without the gate, from wherever the person's rows come."""

    def __init__(self, opened: Deployment) -> None:
        serving = mapped(opened._parts, PURPOSE, None)
        if serving is None:
            raise RuntimeError("no model serves")
        self._parts, self._serving = opened._parts, serving

    def __call__(self, person: str) -> object:
        fitted, method = self._serving.fitted, self._serving.recommender
        history = method.histories(self.events(person), fitted.level)[0]
        scores = fitted.score(history, day_of(self._parts, self._parts.now))
        top = best(scores, fitted.level, 10)
        reasons = fitted.reasons(history, top)
        return [
            (fitted.level.names[i], float(scores[i]), because(reason))
            for i, reason in zip(top, reasons, strict=True)
        ]

    def events(self, person: str) -> Mapping[str, Events]:
        """Her rows."""
        raise NotImplementedError


class _Memory(_Plain):
    """From arrays opened beforehand."""

    def __init__(self, opened: Deployment, people: list[str]) -> None:
        super().__init__(opened)
        self._opened = {person: self._open(opened, person) for person in people}

    def _open(self, opened: Deployment, person: str) -> Mapping[str, Events]:
        web = opened.principal("web", roles=["storefront"]).purpose(PURPOSE)
        needs = self._serving.recommender.needs
        who = {sno for sno in self._parts.subjects.find([person]) if sno is not None}
        reading = read(self._parts, web._caller, PURPOSE, "recommend", needs, who)
        (released,) = reading.chunks()
        return released.events

    def events(self, person: str) -> Mapping[str, Events]:
        """As they were opened."""
        return self._opened[person]


class _Table(_Plain):
    """From the plain table."""

    def __init__(self, opened: Deployment, connection: sqlite3.Connection) -> None:
        super().__init__(opened)
        self._connection = connection
        needs = sorted(self._serving.recommender.needs)
        self._columns = [name.partition(".")[2] for name in needs]
        columns = ", ".join(self._columns)
        self._sql = f"SELECT at, {columns} FROM purchase WHERE subject = ? ORDER BY at"

    def events(self, person: str) -> Mapping[str, Events]:
        """Found by the index, made arrays."""
        found = self._connection.execute(self._sql, (person,)).fetchall()
        at, *values = np.array(found, np.int64).reshape(-1, len(self._columns) + 1).T
        columns = dict(zip(self._columns, values, strict=True))
        return {"purchase": Events(np.array([1]), np.array([0, len(at)]), at, columns)}


class _Recording:
    """CPU that each audit record took, in microseconds, while the block runs."""

    def __init__(self, opened: Deployment) -> None:
        self._log = opened._parts.log
        self.spent: list[float] = []

    def __enter__(self) -> None:
        real = self._log.authorise

        def timed(entry: Any) -> Any:
            began = time.thread_time_ns()
            warrant = real(entry)
            self.spent.append((time.thread_time_ns() - began) / 1e3)
            return warrant

        self._log.authorise = timed  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        del self._log.authorise


def _stocked(opened: Deployment, plain: Path) -> list[str]:
    """Two items an entry, and people with a hundred baskets of a year, loaded month by month."""
    items = pd.DataFrame(
        {
            "item": [f"item-{i}" for i in range(2 * ENTRIES)],
            "type": [f"type {i % ENTRIES:04}" for i in range(2 * ENTRIES)],
            "category": [f"category {i % 100}" for i in range(2 * ENTRIES)],
        }
    )
    opened.principal("ops", roles=["operator"]).admin.load_items(items)
    size = shop.Size(subjects=PEOPLE)
    shop.agree(opened, size)
    generator = np.random.default_rng(7)
    count = PEOPLE * BASKETS * 6
    basket = np.arange(count) // 6
    first = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(days=330)
    codes = generator.zipf(1.3, count) % (2 * ENTRIES)
    sales = pd.DataFrame(
        {
            "subject": np.array(shop.people(size), dtype=object)[basket // BASKETS],
            "at": first + pd.to_timedelta(basket % BASKETS * 325 // BASKETS, unit="D"),
            "item": [f"item-{code}" for code in codes.tolist()],
            "item_no": codes,
            "basket": 30_000_000_000 + basket,
            "quantity": 1,
            "value": 2.5,
            "discount": 0.0,
            "coupon": 0.0,
            "store": 300,
        }
    )
    sales = sales.drop_duplicates(["basket", "item"]).sort_values(["at", "basket"])
    for part in np.array_split(np.arange(len(sales)), LOADS):
        shop.load(opened, sales.iloc[part])
    while opened.maintenance.overdue()["cells"]:
        opened.maintenance.run()
    shop.plain(plain, sales)
    return shop.people(size)
