"""One list behind the gate against the same arithmetic on arrays that lie in memory.

The peer is the model object that privet serves, called on the person's opened and minimized
arrays: histories, scores, the best ten of 2,242 entries, their reasons in words. It asks
nobody, opens nothing, records nothing and finds no row: what is left is the gate's own
price. Neither waits for a disk. ``ours`` is the whole call with the record written but not
synced; the rows *without the record* leave out the time within ``Log.authorise``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
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

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from privet.deployment import Deployment
    from privet.types import Events

ENTRIES = 2242
"""As many as the demo's grocery data has product types."""
PEOPLE = 60
BASKETS = 25
PURPOSE = "recommendations"
MODELS: Mapping[str, Recommender] = {
    "personal frequency": PersonalFrequency(by="type"),
    "item-item": ItemItem(by="type"),
    "EASE": EASE(by="type"),
    "next basket": NextBasket(by="type"),
    "hybrid": Hybrid(by="type"),
}
PEER = f"numpy on the same arrays in memory: top 10 of {ENTRIES:,}, with reasons"


def rows(bench: Bench) -> Iterator[Row]:
    """Wall-clock percentiles and CPU of both, for each kind of model."""
    calls = bench.size.points
    with shop.opened(bench.directory / "lists", bench.directory / "keys", durable=False) as opened:
        people = _stocked(opened)
        for name, method in MODELS.items():
            yield from _of_model(opened, people, name, method, calls)


def _of_model(
    opened: Deployment, people: list[str], name: str, method: Recommender, calls: int
) -> Iterator[Row]:
    models = opened.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train(name, method))
    web = opened.principal("web", roles=["storefront"]).purpose(PURPOSE)
    plain = _Plain(opened, people)
    recording = _Recording(opened)
    asked = (people * (calls // len(people) + 1))[:calls]
    with recording:
        found = spans({"ours": web.recommend, "plain": plain}, asked)
    ours, peer = found["ours"], found["plain"]
    record = sorted(recording.spent)[len(recording.spent) // 2]
    yield Row("serving", f"{name}, p50", ours.p(50), peer.p(50), "µs", PEER)
    yield Row("serving", f"{name}, p99", ours.p(99), peer.p(99), "µs", PEER)
    yield Row("serving", f"{name}, CPU p50", ours.cpu50, peer.cpu50, "µs", PEER)
    without = ours.p(50) - record
    yield Row("serving", f"{name}, p50 without the record", without, peer.p(50), "µs", PEER)


class _Plain:
    """The same list from arrays opened beforehand."""

    def __init__(self, opened: Deployment, people: list[str]) -> None:
        serving = mapped(opened._parts, PURPOSE, None)
        if serving is None:
            raise RuntimeError("no model serves")
        self._parts, self._serving = opened._parts, serving
        self._opened = {person: self._open(opened, person) for person in people}

    def _open(self, opened: Deployment, person: str) -> Mapping[str, Events]:
        web = opened.principal("web", roles=["storefront"]).purpose(PURPOSE)
        needs = self._serving.recommender.needs
        who = {sno for sno in self._parts.subjects.find([person]) if sno is not None}
        reading = read(self._parts, web._caller, PURPOSE, "recommend", needs, who)
        (released,) = reading.chunks()
        return released.events

    def __call__(self, person: str) -> object:
        fitted, method = self._serving.fitted, self._serving.recommender
        history = method.histories(self._opened[person], fitted.level)[0]
        scores = fitted.score(history, day_of(self._parts, self._parts.now))
        top = best(scores, fitted.level, 10)
        reasons = fitted.reasons(history, top)
        return [
            (fitted.level.names[i], float(scores[i]), because(reason))
            for i, reason in zip(top, reasons, strict=True)
        ]


class _Recording:
    """How long each audit record took, in microseconds, while the block runs."""

    def __init__(self, opened: Deployment) -> None:
        self._log = opened._parts.log
        self.spent: list[float] = []

    def __enter__(self) -> None:
        real = self._log.authorise

        def timed(entry: Any) -> Any:
            began = time.perf_counter_ns()
            warrant = real(entry)
            self.spent.append((time.perf_counter_ns() - began) / 1e3)
            return warrant

        self._log.authorise = timed  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        del self._log.authorise


def _stocked(opened: Deployment) -> list[str]:
    """Two items an entry, and people with some twenty-five baskets of a year."""
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
    sales = pd.DataFrame(
        {
            "subject": np.array(shop.people(size), dtype=object)[basket // BASKETS],
            "at": first + pd.to_timedelta(basket % BASKETS * 13, unit="D"),
            "item": [f"item-{i % (2 * ENTRIES)}" for i in generator.zipf(1.3, count).tolist()],
            "basket": 30_000_000_000 + basket,
            "quantity": 1,
            "value": 2.5,
            "discount": 0.0,
            "coupon": 0.0,
            "store": 300,
        }
    )
    shop.load(opened, sales.drop_duplicates(["basket", "item"], ignore_index=True))
    return shop.people(size)
