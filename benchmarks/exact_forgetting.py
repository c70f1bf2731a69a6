"""What it costs to forget one person exactly, kind by kind, and what was tried in its place.

Drawn people alone, always the same ones: who visits how often, and what they take. Times are
of the processor, the fastest of three. A line of each recommender and each segmenter says how it
forgets; then follow the rank-one update of EASE, and what quantized centroids would spare.

python -m benchmarks.exact_forgetting --people 1000 --entries 400
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.linalg import inv

from privet.clock import DAY_US
from privet.features.catalogue import Catalogue
from privet.recommend import (
    EASE,
    Artifact,
    ContentTFIDF,
    Hybrid,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    Recommender,
    SparseEASE,
    pack,
    unpack,
)
from privet.recommend.state import Contributions, to_bytes
from privet.recommend.training import relearn, unlearn
from privet.segments import (
    DBSCAN,
    HDBSCAN,
    Agglomerative,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    Segmenter,
    Spectral,
)
from privet.segments.base import extend
from privet.segments.estimators import QuantizedKMeans
from privet.types import Events

RECOMMENDERS: Mapping[str, Recommender] = {
    "ContentTFIDF": ContentTFIDF(text=("type",)),
    "Popularity": Popularity(),
    "PersonalFrequency": PersonalFrequency(),
    "ItemItem": ItemItem(),
    "EASE": EASE(weights="recency"),
    "SparseEASE": SparseEASE(),
    "NextBasket": NextBasket(),
    "Hybrid, weights given": Hybrid(weights={"seen.groups-log": 1.0, "fresh.p28": 1.0}),
    "Hybrid": Hybrid(),
}
FEATURES = tuple(f"share:type={n}" for n in range(8))
WAYS: Mapping[str, Segmenter] = {
    type(way).__name__: way
    for way in (
        KMeans(FEATURES, k=6),
        MiniBatchKMeans(FEATURES, k=6),
        GaussianMixture(FEATURES, k=6),
        Agglomerative(FEATURES, k=6),
        Spectral(FEATURES, k=6),
        DBSCAN(FEATURES, radius=1.5),
        HDBSCAN(FEATURES),
    )
}
DAYS = 300


def people(count: int, entries: int) -> Events:
    """Visits of drawn people over ``DAYS`` days, some entries far more liked than others."""
    dice = np.random.default_rng(0)
    visits = dice.integers(2, 40, count)
    likes = 1 / np.arange(1, entries + 1) ** 0.8
    rows: list[tuple[int, int, int]] = []
    for person, times in enumerate(visits.tolist()):
        own = likes * dice.gamma(0.3, size=entries)
        days = np.sort(dice.integers(1, DAYS, times))
        for visit, day in enumerate(days.tolist()):
            taken = dice.choice(entries, 5, p=own / own.sum())
            rows += [(person, day, int(entry)) for entry in set(taken.tolist())]
            rows[-1] = (*rows[-1][:2], visit % entries)
    owner, day, item = np.array(rows, np.int64).T
    starts = np.searchsorted(owner, np.arange(count + 1))
    basket = np.array(
        [f"{p} {d}" for p, d in zip(owner.tolist(), day.tolist(), strict=True)], object
    )
    return Events(np.arange(count), starts, day * DAY_US, {"item": item, "basket": basket})


def milliseconds(work: Callable[[], object]) -> float:
    """The fastest of three, of the processor."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return round(min(taken) * 1e3, 2)


def recommenders(events: Events, shop: Catalogue) -> pd.DataFrame:
    """For each kind: what one person adds, learning from all, forgetting one, deriving."""
    level, rows = shop.level(), []
    for name, model in RECOMMENDERS.items():
        cohort = model.histories({"purchase": events}, level)
        kept = model.contributions(cohort, DAYS)
        added = [to_bytes(one) for one in kept or ()]
        spec = {"kind": model.kind, "params": model.params()}
        state = model.fit(len(level), Contributions.of(kept or ()))
        packed = pack(Artifact(model, level.names, state))
        forget = {
            "nothing": lambda: packed,  # noqa: B023
            "subtract": lambda: unlearn(spec, packed, added[:1]),  # noqa: B023
            "refit": lambda: relearn(spec, packed, [added[1:]]),  # noqa: B023
        }[model.forgets]
        rows.append(
            {
                "kind": name,
                "how": model.forgets,
                "adds (bytes)": int(np.median([len(a) for a in added] or [0])),
                "state (kB)": len(packed) // 1000,
                "forget one (ms)": milliseconds(forget),
                "derive (ms)": milliseconds(lambda: unpack(packed).finish(shop)),  # noqa: B023
            }
        )
    return pd.DataFrame(rows)


def tracks(count: int, weeks: int) -> list[np.ndarray]:
    """What drawn people of six habits added over some weeks."""
    dice = np.random.default_rng(1)
    middles = dice.normal(0, 3, (6, len(FEATURES)))
    habit = dice.integers(0, 6, count)
    found: list[np.ndarray] = []
    for person in range(count):
        track: np.ndarray | None = None
        for week in range(weeks):
            row = (middles[habit[person]] + dice.normal(0, 1, len(FEATURES))) * 4096
            track = extend(track, 7 * week, row.astype(np.int32), 0)
        if track is not None:
            found.append(track)
    return found


def segmenters(count: int, weeks: int) -> pd.DataFrame:
    """For each method: fitting anew over all but one, through all the weeks."""
    everybody = tracks(count, weeks)
    rows = [
        (name, "refit", milliseconds(lambda: way.fit(everybody[1:], len(FEATURES))))  # noqa: B023
        for name, way in WAYS.items()
    ]
    return pd.DataFrame(rows, columns=["method", "how", f"forget one of {weeks} weeks (ms)"])


def rank_one(events: Events, shop: Catalogue, removals: int) -> pd.DataFrame:
    """Sherman and Morrison's update of the inverse, against solving anew each time."""
    model = EASE()
    cohort = model.histories({"purchase": events}, shop.level())
    size = len(shop)
    weights = np.zeros((len(cohort), size))
    for person in range(len(cohort)):
        weights[person, cohort[person].entries()] = 1
    gram = weights.T @ weights + model.regularization * np.eye(size)
    updated, began = inv(gram), time.process_time()
    for one in weights[:removals]:
        along = updated @ one
        updated = updated + np.outer(along, along) / (1 - one @ along)
    update = (time.process_time() - began) / removals * 1e3
    rest = gram - weights[:removals].T @ weights[:removals]
    anew = inv(rest)
    return pd.DataFrame(
        [
            {
                "entries": size,
                "removals": removals,
                "update (ms)": round(update, 2),
                "solve anew (ms)": milliseconds(lambda: inv(rest)),
                "largest drift": float(np.abs(updated - anew).max()),
                "figures with other bits": round(float((updated != anew).mean()), 3),
            }
        ]
    )


def quantized(count: int, removals: int) -> pd.DataFrame:
    """How often a removal leaves all quantized centroids as they were, and what a step costs.

    Where none moved, an algorithm that kept the way to them could spare the fit (Ginart et
    al. 2019). Inertia is against the finest step: what coarse centroids cost.
    """
    points = np.array([t[-len(FEATURES) :] for t in tracks(count, 1)]) / 4096
    rows, finest = [], 0.0
    for step in (2.0**-12, 2.0**-6, 0.125, 0.5, 1.0):
        method = QuantizedKMeans(6, step=step)
        whole = method.fit(points)
        centres = whole.cluster_centers_.copy()
        inertia = float((whole.transform(points).min(axis=1) ** 2).sum())
        finest = finest or inertia
        same = [
            np.array_equal(method.fit(np.delete(points, n, axis=0)).cluster_centers_, centres)
            for n in range(removals)
        ]
        rows.append((step, round(float(np.mean(same)), 3), round(inertia / finest, 3)))
    return pd.DataFrame(rows, columns=["step", "removals that move none", "inertia"])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=1000)
    options.add_argument("--entries", type=int, default=400)
    options.add_argument("--weeks", type=int, default=8)
    options.add_argument("--removals", type=int, default=100)
    given = options.parse_args()
    names = tuple(f"i{n:05}" for n in range(given.entries))
    shop = Catalogue(names, {"type": tuple(f"type {n % 40}" for n in range(given.entries))})
    events = people(given.people, given.entries)
    for table in (
        recommenders(events, shop),
        segmenters(given.people, given.weeks),
        rank_one(events, shop, given.removals),
        quantized(given.people, given.removals),
    ):
        print(table.to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()
