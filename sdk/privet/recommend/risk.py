"""What a model tells of who is in it: membership inference with shadow models.

Shokri et al., "Membership Inference Attacks Against Machine Learning Models" (IEEE S&P
2017), for scores; Zhang et al., "Membership Inference Attacks Against Recommender Systems"
(CCS 2021), for lists. The attacker knows a person's history and sees what a model answers
to it; he has trained models of his own on people of whom he knows which are in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from privet.recommend.base import best
from privet.recommend.state import Contributions

if TYPE_CHECKING:
    from privet.features.catalogue import Catalogue, Level
    from privet.recommend.base import Fitted, Recommender
    from privet.recommend.history import History

Attack = Literal["scores", "lists"]
ATTACKS: tuple[Attack, ...] = ("scores", "lists")
ROUNDS = 2
FALSE_ALARMS = 0.01
NORMAL = 1.96  # standard deviations to either side of 95 %
DECILES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
LEAST = 20
"""With fewer people on a side there is nothing to learn an attack from."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How well an attacker tells members of a model from others.

    Attributes:
        attack: what he sees: all scores, or the list alone.
        auc: chance that he ranks a member above another person; 0.5 is guessing.
        low: lower bound of its 95 % interval over the models attacked and their people.
        high: upper bound.
        caught: share of members that he names while one in a hundred others is named
            wrongly (Carlini et al., "Membership Inference Attacks From First Principles",
            2022); 0.01 is guessing.
        people: how many he was asked about.
    """

    attack: Attack
    auc: float
    low: float
    high: float
    caught: float
    people: int


def memberships(
    methods: Sequence[Recommender],
    histories: Sequence[History],
    contributions: Contributions,
    catalogue: Catalogue,
    level: Level,
    now_day: int,
    *,
    k: int = 10,
    rounds: int = ROUNDS,
    seed: int = 0,
    asked: np.ndarray | None = None,
) -> list[tuple[Risk, ...]]:
    """Attack methods on these people: each model learns from a random half of them.

    The first half of the rounds gives the attacker's own models, the others are attacked.
    The same people and seed give the same figures; nothing of it is kept.

    Args:
        methods: one, or several that people add the same to: what they differ in is for
            ``finish`` alone, such as a floor.
        histories: what each person is known by, in the order of ``contributions``.
        contributions: what each adds.
        catalogue: the items.
        level: the entries that are ranked.
        now_day: day number of asking.
        k: length of a list.
        rounds: models trained, at least 2.
        seed: of the halves.
        asked: positions of those whom the attacker asks about, int64; None for all.

    Returns:
        for each method one ``Risk`` per attack; none where people are too few to learn an
        attack from, or the method learns nothing from people.
    """
    asked = np.arange(len(histories)) if asked is None else asked
    if methods[0].forgets == "nothing" or len(asked) < 2 * LEAST:
        return [()] * len(methods)
    rng = np.random.default_rng(seed)
    seen: list[dict[Attack, list[np.ndarray]]] = [{a: [] for a in ATTACKS} for _ in methods]
    inside: list[np.ndarray] = []
    about = [histories[i] for i in asked.tolist()]
    for _ in range(rounds):
        member = rng.permutation(len(histories)) < len(histories) // 2
        chosen = Contributions.of(contributions[int(i)] for i in np.flatnonzero(member))
        for at, fitted in enumerate(finished(methods, chosen, catalogue, level)):
            for attack, rows in _answers(fitted, about, now_day, k).items():
                seen[at][attack].append(rows)
        inside.append(member[asked])
    return [tuple(_attack(attack, rows[attack], inside) for attack in ATTACKS) for rows in seen]


def finished(
    methods: Sequence[Recommender], kept: Contributions, catalogue: Catalogue, level: Level
) -> Iterator[Fitted]:
    """These methods fitted on the same contributions.

    Where a state is a sum, methods that people add the same to have the same one.
    """
    items = [method.of_items(catalogue, level) for method in methods]
    state = methods[0].fit(len(level), kept, items[0])
    for at, method in enumerate(methods):
        if at and method.forgets != "subtract":
            state = method.fit(len(level), kept, items[at])
        yield method.finish(state, catalogue, level.names)


def _answers(
    fitted: Fitted, histories: Sequence[History], now_day: int, k: int
) -> dict[Attack, np.ndarray]:
    """What the attacker makes of the answer to each person, one row each."""
    rows: dict[Attack, list[list[float]]] = {attack: [] for attack in ATTACKS}
    for history in histories:
        scores = fitted.score(history, now_day)
        own = history.entries()
        had = np.zeros(len(scores), np.bool_)
        had[own] = True
        rows["scores"].append(_of_scores(scores, had, k))
        rows["lists"].append(
            [
                *_of_list(best(scores, fitted.level, k), had, k),
                *_of_list(best(scores, fitted.level, k, own), had, k),
            ]
        )
    return {attack: np.array(found) for attack, found in rows.items()}


def _of_scores(scores: np.ndarray, had: np.ndarray, k: int) -> list[float]:
    """How high her own entries stand, among themselves and against all others."""
    finite = np.where(np.isfinite(scores), scores, 0.0)
    mine, others = np.sort(finite[had]), finite[~had]
    top = np.sort(others)[-k:]
    own = len(mine)
    if own:
        deciles = np.interp(np.array(DECILES) * (own - 1), np.arange(own), mine)
    else:
        deciles = np.zeros(len(DECILES))
    return [
        float(own),
        float(mine.mean()) if own else 0.0,
        float(mine.std()) if own else 0.0,
        *deciles.tolist(),
        float(others.mean()) if len(others) else 0.0,
        float(top.mean()) if len(top) else 0.0,
        float(top[-1]) if len(top) else 0.0,
        float((mine > (top[0] if len(top) else 0)).mean()) if own else 0.0,
    ]


def _of_list(listed: np.ndarray, had: np.ndarray, k: int) -> list[float]:
    """How much of a list is her own, where it stands, and which entries it names."""
    mine = had[listed]
    padded = np.full(k, -1.0)
    padded[: len(listed)] = listed
    rank = np.arange(1, len(listed) + 1)
    return [
        float(had.sum()),
        float(len(listed)),
        float(mine.sum()),
        float((mine / rank).sum()),
        *padded.tolist(),
    ]


def _attack(attack: Attack, seen: list[np.ndarray], inside: list[np.ndarray]) -> Risk:
    """Learn on the attacker's own models, and try on the others."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score, roc_curve

    own = len(seen) // 2
    judge = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    judge.fit(np.concatenate(seen[:own]), np.concatenate(inside[:own]))
    truth = np.concatenate(inside[own:])
    said = judge.predict_proba(np.concatenate(seen[own:]))[:, 1]
    auc = float(roc_auc_score(truth, said))
    wrong, right, _ = roc_curve(truth, said)
    width = _width(auc, int(truth.sum()), int((~truth).sum()))
    return Risk(
        attack,
        auc,
        max(auc - width, 0.0),
        min(auc + width, 1.0),
        float(np.interp(FALSE_ALARMS, wrong, right)),
        len(truth),
    )


def _width(auc: float, members: int, others: int) -> float:
    """Half the 95 % interval of an AUC.

    Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic curve" (1982).
    """
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = (
        auc * (1 - auc) + (members - 1) * (q1 - auc * auc) + (others - 1) * (q2 - auc * auc)
    ) / (members * others)
    return float(NORMAL * np.sqrt(max(spread, 0.0)))
