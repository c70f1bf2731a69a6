"""Studies of a method behind the gate: its risk, and what consent and history are worth.

Each trains models of its own on people whom the caller may train and evaluate on, in
memory, and keeps figures alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import Literal

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import Catalogue, Level
from privet.features.items import known_items
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.gate.versions import Version
from privet.recommend.base import Fitted, Recommender
from privet.recommend.codec import build
from privet.recommend.curves import SHARES, WINDOWS, Point, by_consent, by_history, only
from privet.recommend.evaluating import LIST, Held, check_cut, gather, least_of
from privet.recommend.metrics import NAN, per_person
from privet.recommend.risk import Risk, finished, memberships
from privet.recommend.split import TASKS, Task
from privet.recommend.training import check_floors, check_purpose, recommender_of

Curve = Literal["consent", "history"]
CURVES: tuple[Curve, ...] = ("consent", "history")
COLUMNS = [field.name for field in fields(Point)]


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """Quality and risk of a method with one release floor and one regularization.

    Attributes:
        floor: the least number of people behind a pair.
        ndcg: task to mean nDCG at 10; NaN for fewer people than the least cohort.
        risks: what each attack finds; none for too few people.
        regularization: in people; None for a method without one.
    """

    floor: int
    ndcg: dict[Task, float]
    risks: tuple[Risk, ...]
    regularization: float | None = None


def risk(
    parts: Parts, caller: Caller, purpose: str, version: Version, cut: int
) -> tuple[Risk, ...]:
    """Attack the method of a version, and keep the figures with the version.

    Raises:
        AccessDenied: the policy does not let this caller train and evaluate.
        InvalidInput: the version has seen events after the cut.
    """
    version = artifact.current(parts, version)
    recommender = recommender_of(version)
    _decide(parts, caller, purpose, recommender)
    check_purpose(version, purpose)
    check_cut(version, cut)
    found, _ = artifact.load(parts, version.version)
    catalogue = known_items(parts, purpose)
    level = catalogue.level(recommender.by)
    held = gather(parts, caller, purpose, recommender, level, cut)
    (risks,) = _attacked([recommender], held, catalogue, level, least_of(parts, purpose))
    report = {**found.report, "risk": [asdict(r) for r in risks]}
    artifact.evaluated(parts, caller, found, report)
    return risks


def frontier(
    parts: Parts,
    caller: Caller,
    purpose: str,
    recommender: Recommender,
    floors: Sequence[int],
    cut: int,
    regularizations: Sequence[float] | None = None,
    people: int | None = None,
) -> tuple[Tradeoff, ...]:
    """Quality and risk of a method at each floor and regularization; nothing is kept.

    Floors below the policy's may be studied: their models never leave the memory.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: what for.
        recommender: the method.
        floors: the least numbers of people behind a pair.
        cut: nothing after it is learned from, UTC microseconds.
        regularizations: each with every floor; the method's own when left out.
        people: measured and attacked on so many, drawn at random, while models learn from
            everybody; None for all.

    Raises:
        AccessDenied: the policy does not let this caller train and evaluate.
        InvalidInput: the method has no floor, or no regularization.
    """
    _decide(parts, caller, purpose, recommender)
    varied = {"floor": floors, "regularization": regularizations}
    chosen = {name: tuple(values) for name, values in varied.items() if values is not None}
    for name in chosen:
        if not hasattr(recommender, name):
            raise InvalidInput(
                f"this recommender has no {name}",
                why="nothing in it rests on pairs of entries" if name == "floor" else "",
                reason="recommend.parameter",
            )
    methods = [
        build(recommender.kind, {**recommender.params(), **dict(zip(chosen, values, strict=True))})
        for values in product(*chosen.values())
    ]
    if not methods:
        return ()
    catalogue = known_items(parts, purpose)
    level = catalogue.level(recommender.by)
    held = gather(parts, caller, purpose, recommender, level, cut)
    least = least_of(parts, purpose)
    asked = drawn(len(held.was.starts) - 1, people)
    risks = _attacked(methods, held, catalogue, level, least, asked)
    measured = only(held, asked)
    kept = held.contributions(recommender)
    return tuple(
        Tradeoff(
            method.params()["floor"],
            _ndcg(fitted, measured, least),
            found,
            method.params().get("regularization"),
        )
        for method, found, fitted in zip(
            methods, risks, finished(methods, kept, catalogue, level), strict=True
        )
    )


def drawn(count: int, people: int | None) -> np.ndarray:
    """Positions of so many of ``count`` people, ascending, the same at each call; int64."""
    if people is None:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:people])


def curve(
    parts: Parts,
    caller: Caller,
    purpose: str,
    recommender: Recommender,
    kind: Curve,
    cut: int,
    at: Sequence[float] | None = None,
) -> list[Point]:
    """Quality by the share of people who agree, or by the days of history kept.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: what for.
        recommender: the method.
        kind: ``"consent"`` or ``"history"``.
        cut: nothing after it is learned from, UTC microseconds.
        at: the shares, or the days; the usual ones when left out.

    Raises:
        AccessDenied: the policy does not let this caller train and evaluate.
        InvalidInput: there is no such curve, or the method's floors are below the policy's.
    """
    if kind not in CURVES:
        raise InvalidInput(
            "there is no such curve",
            remedy=f"Name one of: {', '.join(CURVES)}.",
            reason="evaluate.curve",
        )
    _decide(parts, caller, purpose, recommender)
    check_floors(parts, purpose, recommender)
    catalogue = known_items(parts, purpose)
    level = catalogue.level(recommender.by)
    held = gather(parts, caller, purpose, recommender, level, cut)
    least = least_of(parts, purpose)
    if kind == "consent":
        shares = SHARES if at is None else tuple(at)
        return by_consent(recommender, held, catalogue, level, k=LIST, least=least, shares=shares)
    days = WINDOWS if at is None else tuple(int(d) for d in at)
    return by_history(recommender, held, catalogue, level, k=LIST, least=least, days=days)


def _decide(parts: Parts, caller: Caller, purpose: str, recommender: Recommender) -> None:
    decide(parts, caller, purpose, "train", recommender.needs, at_all=True)
    decide(parts, caller, purpose, "evaluate", recommender.needs, at_all=True)


def _attacked(
    methods: Sequence[Recommender],
    held: Held,
    catalogue: Catalogue,
    level: Level,
    least: int,
    asked: np.ndarray | None = None,
) -> list[tuple[Risk, ...]]:
    histories = held.histories()
    if len(histories) < least:
        return [()] * len(methods)
    contributions = held.contributions(methods[0])
    return memberships(
        methods, histories, contributions, catalogue, level, held.now_day, asked=asked
    )


def _ndcg(fitted: Fitted, held: Held, least: int) -> dict[Task, float]:
    ranked = held.lists(fitted, LIST)
    means: dict[Task, float] = {}
    for task in TASKS:
        values = per_person(ranked[task], held.truth(task)).values["ndcg"]
        means[task] = float(np.mean(values)) if len(values) >= max(least, 1) else NAN
    return means
