"""Weights of a sum of evidence, chosen on what people did next.

Two models of the same form, a weighted sum: one of what is taken at all (logistic), one of
which of many is taken (a softmax over each person's candidates). Both stay near a prior
where there is little to learn from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
    Bend = Callable[[np.ndarray, np.ndarray], np.ndarray]

RIDGE = 1e-3
"""Pull to the prior, on evidence scaled to a deviation of one."""
STEPS = 30
NEAR = 1e-9
"""A step that promises less than this ends the search."""
UNIT = 1_000_000
"""Weights are kept in millionths."""
BLOCK = 1 << 16
"""Rows of evidence that are multiplied at once."""


def whole(weights: np.ndarray) -> np.ndarray:
    """Weights in millionths, int64."""
    units: np.ndarray = np.rint(np.asarray(weights) * UNIT).astype(np.int64)
    return units


def chance(odds: np.ndarray) -> np.ndarray:
    """The probability of log odds."""
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    return found


def logistic(evidence: np.ndarray, taken: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression; the last column is the constant 1, left free.

    Args:
        evidence: shape (N, D), float64; overwritten.
        taken: whether each was taken, shape (N,), bool.
        prior: the weights to stay near, shape (D,).
    """
    if not taken.any():
        return prior
    hits = taken.astype(np.float64)

    def loss(score: np.ndarray) -> tuple[float, np.ndarray]:
        value = float(np.mean(np.logaddexp(0, score) - hits * score))
        return value, (chance(score) - hits) / len(hits)

    def bend(rows: np.ndarray, score: np.ndarray) -> np.ndarray:
        odds = chance(score)
        return _gram(rows, odds * (1 - odds) / len(hits))

    return _fit(evidence, prior, loss, bend, free=1)


def listwise(
    evidence: np.ndarray, taken: np.ndarray, starts: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Weights by which what a person took stands out among her candidates.

    The top-one cross entropy of Cao et al., "Learning to Rank: From Pairwise Approach to
    Listwise Approach" (ICML 2007; ListNet), each person counting the same.

    Args:
        evidence: shape (N, D), candidates person by person.
        taken: whether each was taken, shape (N,), bool.
        starts: offsets per person, shape (S + 1,); everybody has a candidate.
        prior: the weights to stay near, shape (D,).
    """
    if not taken.any():
        return prior
    took = np.add.reduceat(taken.astype(np.float64), starts[:-1])
    some = np.repeat(took > 0, np.diff(starts))
    length = np.diff(starts)[took > 0]
    begin = np.cumsum(length) - length
    target = taken[some] / np.repeat(took[took > 0], length)

    def odds(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        high = score - np.repeat(np.maximum.reduceat(score, begin), length)
        total = np.repeat(np.add.reduceat(np.exp(high), begin), length)
        logarithm = high - np.log(total)
        return logarithm, np.exp(logarithm)

    def loss(score: np.ndarray) -> tuple[float, np.ndarray]:
        logarithm, weight = odds(score)
        return -float(target @ logarithm) / len(begin), (weight - target) / len(begin)

    def bend(rows: np.ndarray, score: np.ndarray) -> np.ndarray:
        weight = odds(score)[1]
        mean = np.empty((len(begin), rows.shape[1]))
        for at in range(rows.shape[1]):
            mean[:, at] = np.add.reduceat(rows[:, at] * weight, begin)
        spread: np.ndarray = _gram(rows, weight / len(begin)) - mean.T @ mean / len(begin)
        return spread

    used = evidence if some.all() else evidence[some]
    return _fit(used.astype(np.float64), prior, loss, bend, free=0)


def _fit(scaled: np.ndarray, prior: np.ndarray, loss: Loss, bend: Bend, free: int) -> np.ndarray:
    """Minimize a loss of the score plus the ridge, by Newton's method from the prior.

    Both losses are convex and the ridge is strictly so but for the start, so a step halved
    until the loss falls leads to the one minimum.
    """
    deviation = np.array([column.std() for column in scaled.T])  # one column's copy at a time
    deviation[deviation < 1e-9] = 1
    scaled /= deviation
    start = prior * deviation
    pull = np.full(len(prior), RIDGE)
    pull[len(prior) - free :] = 0

    def both(weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        score = scaled @ weights
        (value, slope), away = loss(score), weights - start
        return value + float(pull @ away**2), slope @ scaled + 2 * pull * away, score

    weights = start
    value, slope, score = both(weights)
    for _ in range(STEPS):
        bent = bend(scaled, score)
        bent[np.diag_indices(len(bent))] += 2 * pull + 1e-12
        step = np.linalg.solve(bent, slope)
        if slope @ step < NEAR:
            break
        length = 1.0
        while (found := both(weights - length * step))[0] > value and length > 1e-6:
            length /= 2
        weights, (value, slope, score) = weights - length * step, found
    result: np.ndarray = weights / deviation
    return result


def _gram(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Products of the columns, each row with its weight, block by block."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK]
        total += (block * weight[at : at + BLOCK, None]).T @ block
    return total
