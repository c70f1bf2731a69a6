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

RIDGE = 1e-3
"""Pull to the prior, on evidence scaled to a deviation of one."""
STEPS = 120
UNIT = 1_000_000
"""Weights are kept in millionths."""


def whole(weights: np.ndarray) -> np.ndarray:
    """Weights in millionths, int64."""
    units: np.ndarray = np.rint(np.asarray(weights) * UNIT).astype(np.int64)
    return units


def logistic(evidence: np.ndarray, taken: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression; the last column is the constant 1, left free.

    Args:
        evidence: shape (N, D), float64.
        taken: whether each was taken, shape (N,), bool.
        prior: the weights to stay near, shape (D,).
    """
    if not taken.any():
        return prior
    hits = taken.astype(np.float64)

    def loss(score: np.ndarray) -> tuple[float, np.ndarray]:
        chance = 1 / (1 + np.exp(-np.clip(score, -500, 500)))
        return float(np.mean(np.logaddexp(0, score) - hits * score)), (chance - hits) / len(hits)

    return _fit(evidence, prior, loss, free=1)


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

    def loss(score: np.ndarray) -> tuple[float, np.ndarray]:
        high = score - np.repeat(np.maximum.reduceat(score, begin), length)
        weight = np.exp(high)
        total = np.repeat(np.add.reduceat(weight, begin), length)
        value = float(target @ (np.log(total) - high)) / len(begin)
        return value, (weight / total - target) / len(begin)

    return _fit(evidence[some], prior, loss, free=0)


def _fit(
    evidence: np.ndarray,
    prior: np.ndarray,
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]],
    free: int,
) -> np.ndarray:
    """Minimize a loss of the score plus the ridge, by L-BFGS from the prior."""
    from scipy.optimize import minimize

    scaled = evidence.astype(np.float64)
    deviation = scaled.std(axis=0)
    deviation[deviation < 1e-9] = 1
    scaled /= deviation
    start = prior * deviation
    pull = np.full(len(prior), RIDGE)
    pull[len(prior) - free :] = 0

    def both(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(scaled @ weights)
        away = weights - start
        return value + float(pull @ away**2), slope @ scaled + 2 * pull * away

    found = minimize(both, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights: np.ndarray = found.x / deviation
    return weights
