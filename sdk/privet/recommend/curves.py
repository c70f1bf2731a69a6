"""How good lists are by the share of people who agree, and by how much history is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.evaluating import Held, worst_decile
from privet.recommend.history import Histories, History
from privet.recommend.intervals import bootstrap
from privet.recommend.metrics import per_person
from privet.recommend.split import TASKS, Task, Truth

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue, Level
    from privet.recommend.base import Recommender

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
WINDOWS = (28, 56, 91, 182, 365)
LOSS = 0.01
"""How much of its best nDCG a shorter history may cost: one in a hundred."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve.

    Attributes:
        at: share of people who agree, or days of history kept.
        task: ``new`` or ``repeat``.
        people: how many were measured.
        ndcg: their mean nDCG.
        low: lower bound of its 95 % interval.
        high: upper bound.
        worst_decile: mean nDCG of the tenth served worst; None for too few people.
    """

    at: float
    task: Task
    people: int
    ndcg: float
    low: float
    high: float
    worst_decile: float | None


def by_consent(
    recommender: Recommender,
    held: Held,
    catalogue: Catalogue,
    level: Level,
    *,
    k: int,
    least: int,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> list[Point]:
    """Quality for those who agree, where only this share of people does.

    Who agrees first is drawn once: a larger share holds all of a smaller one, and all
    points are measured on the people of the smallest, so that only what others added
    differs. Shares of fewer than ``least`` people are left out.
    """
    count = len(held.was.starts) - 1
    order = np.random.default_rng(seed).permutation(count)
    sizes = {share: round(share * count) for share in shares}
    measured = [share for share in shares if sizes[share] >= max(least, 1)]
    if not measured:
        return []
    asked = only(held, np.sort(order[: sizes[min(measured)]]))
    points: list[Point] = []
    for share in sorted(measured):
        agreed = only(held, np.sort(order[: sizes[share]]))
        fitted = agreed.learn(recommender, catalogue, level)
        points += _points(share, asked.lists(fitted, k), asked, least)
    return points


def by_history(
    recommender: Recommender,
    held: Held,
    catalogue: Catalogue,
    level: Level,
    *,
    k: int,
    least: int,
    days: Sequence[int] = WINDOWS,
) -> list[Point]:
    """Quality where only the last so many days before the cut are kept, of anybody."""
    points: list[Point] = []
    for window in sorted(days):
        kept = replace(held, cohorts=[_since(c, held.now_day - window) for c in held.cohorts])
        fitted = kept.learn(recommender, catalogue, level)
        points += _points(window, kept.lists(fitted, k), held, least)
    return points


def smallest_window(points: Sequence[Point], loss: float = LOSS) -> int | None:
    """The fewest days within the loss at every task, for all and for the worst decile.

    GDPR Art. 5(1)(c) and (e): no more than is needed, no longer than is needed.

    Args:
        points: of ``by_history``.
        loss: how much of the best value may be lost, 0 to 1.
    """
    best: dict[tuple[Task, str], float] = {}
    for point in points:
        for figure, value in _figures(point).items():
            best[point.task, figure] = max(best.get((point.task, figure), 0.0), value)
    good = [
        window
        for window in sorted({int(point.at) for point in points})
        if all(
            value >= (1 - loss) * best[point.task, figure]
            for point in points
            if int(point.at) == window
            for figure, value in _figures(point).items()
        )
    ]
    return good[0] if good else None


def _figures(point: Point) -> Mapping[str, float]:
    figures = {"ndcg": point.ndcg, "worst_decile": point.worst_decile}
    return {name: value for name, value in figures.items() if value is not None}


def only(held: Held, chosen: np.ndarray) -> Held:
    """These subjects alone, as one cohort.

    Args:
        held: everybody.
        chosen: positions, ascending, int64.
    """
    histories = held.histories()
    picked = [histories[i] for i in chosen]
    subjects = np.concatenate([np.zeros(0, np.int64), *(c.subjects for c in held.cohorts)])
    starts = np.cumsum([0, *(len(h) for h in picked)])
    none = np.zeros(0, np.int64)
    # Visits are numbered through a cohort and never shared by two people.
    first = np.cumsum([0, *(h.visit.max(initial=-1) + 1 for h in picked)])
    rows = History(
        np.concatenate([none, *(h.index for h in picked)]),
        np.concatenate([none, *(h.visit + n for h, n in zip(picked, first[:-1], strict=True))]),
        np.concatenate([none, *(h.day for h in picked)]),
    )
    traits = np.array([h.traits for h in picked], np.int64)
    cohort = Histories(subjects[chosen], starts, rows, held.was.size, traits)
    return Held([cohort], _of(held.was, chosen), _of(held.came, chosen), held.now_day)


def _of(truth: Truth, chosen: np.ndarray) -> Truth:
    parts = [truth.entries[truth.starts[i] : truth.starts[i + 1]] for i in chosen]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    return Truth(starts, np.concatenate([np.zeros(0, np.int64), *parts]), truth.size)


def _since(cohort: Histories, day: int) -> Histories:
    """The rows from a day on."""
    kept = cohort.rows.day >= day
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[cohort.starts]
    rows = cohort.rows
    left = History(rows.index[kept], rows.visit[kept], rows.day[kept])
    return replace(cohort, starts=starts, rows=left)


def _points(at: float, ranked: Mapping[Task, np.ndarray], held: Held, least: int) -> list[Point]:
    points = []
    for task in TASKS:
        ndcg = per_person(ranked[task], held.truth(task)).values["ndcg"]
        if len(ndcg) >= max(least, 1):
            low, high = bootstrap(ndcg)
            tenth = worst_decile(ndcg, least)
            points.append(Point(at, task, len(ndcg), float(ndcg.mean()), low, high, tenth))
    return points
