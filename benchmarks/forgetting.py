"""Learning through the gate, and taking one person out again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks.measure import Row, fastest, seconds
from privet.consent import Ledger
from privet.db import Store
from privet.features.items import known_items
from privet.gate import artifact
from privet.recommend import ItemItem
from privet.recommend.state import Contributions, to_bytes
from privet.recommend.training import unlearn
from privet.types import Events

if TYPE_CHECKING:
    from benchmarks.bench import Bench

QUERY = "SELECT subject, at, item FROM purchase ORDER BY subject, at"


def rows(bench: Bench) -> Iterator[Row]:
    """Erase, while there is one model; then train, and subtract."""
    yield from _erase(bench)
    yield from _train(bench)


def _train(bench: Bench) -> Iterator[Row]:
    recommender = ItemItem()
    learning = bench.shop.principal("nightly", roles=["trainer"]).purpose("recommendations")
    level = known_items(bench.shop._parts).level("item")

    def contributions() -> Contributions:
        cohort = recommender.histories({"purchase": _plain_events(bench)}, level)
        added = recommender.contributions(cohort, 0)
        if added is None:
            raise RuntimeError("item-item learns from everybody")
        return added

    def plain() -> object:
        return recommender.add_all(recommender.empty(len(level)), contributions())

    found = fastest(
        {"ours": lambda: learning.models.train("benched", recommender), "plain": plain},
        min(bench.size.rounds, 2),
    )
    yield Row(
        "forgetting",
        "train item-item on everybody",
        found["ours"] * 1e3,
        found["plain"] * 1e3,
        "ms",
        "the same counts from a plain table read by pandas; ours also seals what each added",
    )
    yield Row(
        "forgetting",
        "subtract one person from the model's state",
        _subtract(bench, contributions()[0]) * 1e3,
        found["plain"] * 1e3,
        "ms",
        "counting everybody anew from the plain table",
    )


def _subtract(bench: Bench, entries: np.ndarray) -> float:
    parts = bench.shop._parts
    with parts.home.data.read() as tx:
        live = artifact.live(tx, "recommendations", "picks")
    if live is None:
        raise RuntimeError("no model serves")
    version, state = artifact.load(parts, live[1].version)
    added = to_bytes(entries)
    return min(seconds(lambda: unlearn(version.spec, state, [added])) for _ in range(5))


def _plain_events(bench: Bench) -> Events:
    frame = pd.read_sql(QUERY, bench.plain)
    codes, names = pd.factorize(frame["subject"])
    starts = np.searchsorted(codes, np.arange(len(names) + 1))
    return Events(
        np.arange(1, len(names) + 1),
        starts,
        frame["at"].to_numpy(),
        {"item": frame["item"].to_numpy()},
        {},
    )


@dataclass
class Watch:
    """Counts durable commits, and notes when the fence was up."""

    commits: int = 0
    fenced_after: int = 0
    fenced_at: float = 0.0
    raised: bool = field(default=False, repr=False)


@contextmanager
def watching() -> Iterator[Watch]:
    """Every commit of this process, while the block runs."""
    watch = Watch()
    write, fence = Store.write, Ledger.fence

    @contextmanager
    def counted(store: Store) -> Iterator[Any]:
        with write(store) as tx:
            yield tx
        watch.commits += 1
        if watch.raised and not watch.fenced_at:
            watch.fenced_at, watch.fenced_after = time.perf_counter(), watch.commits

    def noted(ledger: Ledger, *arguments: Any) -> Any:
        watch.raised = True
        return fence(ledger, *arguments)

    with mock.patch.object(Store, "write", counted), mock.patch.object(Ledger, "fence", noted):
        yield watch


def _erase(bench: Bench) -> Iterator[Row]:
    ids = bench.sales["subject"].drop_duplicates().tolist()[: max(2, bench.size.rounds * 2)]
    desk = bench.shop.principal("desk", roles=["privacy-desk"])
    fenced, done, commits, before, plain = [], [], [], [], []
    for subject in ids:
        with watching() as watch:
            began = time.perf_counter()
            desk.rights.erase(subject)
            done.append(time.perf_counter() - began)
        fenced.append(watch.fenced_at - began)
        commits.append(watch.commits)
        before.append(watch.fenced_after)
        plain.append(seconds(_deletion(bench, subject)))
    delete = "one DELETE of the person's rows from the plain table, durable"
    peer = median(plain) * 1e3
    yield Row(
        "forgetting",
        "erase one person: until nothing is released",
        median(fenced) * 1e3,
        peer,
        "ms",
        f"{delete}; privet by then: {median(before):.0f} commits",
    )
    yield Row(
        "forgetting",
        "erase one person: until done, with certificate",
        median(done) * 1e3,
        peer,
        "ms",
        f"{delete}; privet also subtracts from one model, shreds keys and empties the logs",
    )
    yield Row("forgetting", "erase one person: commits", median(commits), 1, "commits", f"{delete}")


def _deletion(bench: Bench, subject: str) -> Callable[[], object]:
    return lambda: bench.plain.execute("DELETE FROM purchase WHERE subject = ?", (subject,))
