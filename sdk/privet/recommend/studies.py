"""Studies of a method behind the gate: its risk, and what consent and history are worth.

Each trains models of its own on people whom the caller may train and evaluate on, in
memory, and keeps figures alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import Catalogue, Level
from privet.features.items import known_items
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.gate.versions import Version
from privet.recommend.base import Recommender
from privet.recommend.codec import build
from privet.recommend.curves import SHARES, WINDOWS, Point, by_consent, by_history
from privet.recommend.evaluating import LIST, Held, check_cut, gather, least_of
from privet.recommend.metrics import NAN, per_person
from privet.recommend.risk import Risk, membership
from privet.recommend.split import TASKS, Task
from privet.recommend.training import check_floors, check_purpose, recommender_of

Curve = Literal["consent", "history"]
CURVES: tuple[Curve, ...] = ("consent", "history")
COLUMNS = [field.name for field in fields(Point)]


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """Quality and risk of a method with one release floor.

    Attributes:
        floor: the least number of people behind a pair.
        ndcg: task to mean nDCG at 10; NaN for fewer people than the least cohort.
        risks: what each attack finds; none for too few people.
    """

    floor: int
    ndcg: dict[Task, float]
    risks: tuple[Risk, ...]


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
    risks = _attacked(recommender, held, catalogue, level, least_of(parts, purpose))
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
) -> tuple[Tradeoff, ...]:
    """Quality and risk of a method at each of these floors; nothing is kept.

    Floors below the policy's may be studied: their models never leave the memory.

    Raises:
        AccessDenied: the policy does not let this caller train and evaluate.
        InvalidInput: the method has no floor.
    """
    _decide(parts, caller, purpose, recommender)
    if not hasattr(recommender, "floor"):
        raise InvalidInput(
            "this recommender has no floor",
            why="nothing in it rests on pairs of entries",
            reason="recommend.parameter",
        )
    catalogue = known_items(parts, purpose)
    level = catalogue.level(recommender.by)
    held = gather(parts, caller, purpose, recommender, level, cut)
    least = least_of(parts, purpose)
    found = []
    for floor in floors:
        lower = build(recommender.kind, {**recommender.params(), "floor": floor})
        risks = _attacked(lower, held, catalogue, level, least)
        found.append(Tradeoff(floor, _ndcg(lower, held, catalogue, level, least), risks))
    return tuple(found)


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
    decide(parts, caller, purpose, "train", recommender.needs)
    decide(parts, caller, purpose, "evaluate", recommender.needs)


def _attacked(
    recommender: Recommender, held: Held, catalogue: Catalogue, level: Level, least: int
) -> tuple[Risk, ...]:
    histories = held.histories()
    if len(histories) < least:
        return ()
    contributions = held.contributions(recommender)
    return membership(recommender, histories, contributions, catalogue, level, held.now_day)


def _ndcg(
    recommender: Recommender, held: Held, catalogue: Catalogue, level: Level, least: int
) -> dict[Task, float]:
    ranked = held.lists(held.learn(recommender, catalogue, level), LIST)
    means: dict[Task, float] = {}
    for task in TASKS:
        values = per_person(ranked[task], held.truth(task)).values["ndcg"]
        means[task] = float(np.mean(values)) if len(values) >= max(least, 1) else NAN
    return means
