"""Weights of a sum of evidence: the minimum of a convex loss, near a prior."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from privet.recommend.cards import RIDGE, chance, listwise, logistic

TRUE = np.array([1.5, -0.7, 0.0, -1.0])


@pytest.fixture
def rows():
    random = np.random.default_rng(11)
    evidence = np.column_stack([random.normal(size=(3000, 3)) * [1, 4, 0.01], np.ones(3000)])
    return evidence, random.random(3000) < chance(evidence @ TRUE)


def test_logistic_weights_are_near_those_behind_the_data(rows):
    evidence, taken = rows
    found = logistic(evidence.copy(), taken, np.zeros(4))
    assert np.abs(found - TRUE)[[0, 1, 3]].max() < 0.3


def test_logistic_weights_are_where_the_loss_is_least(rows):
    evidence, taken = rows
    prior, deviation = np.array([1.0, 0, 0, 0]), np.append(evidence.std(axis=0)[:3], 1.0)

    def loss(weights):
        score, away = evidence @ weights, (weights - prior)[:3] * deviation[:3]
        return np.mean(np.logaddexp(0, score) - taken * score) + RIDGE * away @ away

    best = minimize(loss, prior, tol=1e-12).fun
    assert loss(logistic(evidence.copy(), taken, prior)) == pytest.approx(best, abs=1e-8)


def test_listwise_weights_are_where_the_loss_is_least():
    random = np.random.default_rng(13)
    length = random.integers(1, 30, 200)
    starts = np.cumsum([0, *length])
    evidence = random.normal(size=(starts[-1], 2)) * [1, 3]
    taken = random.random(starts[-1]) < chance(evidence @ [1.0, -0.5] - 2)
    prior = np.array([0.5, 0.0])
    lists = [slice(a, b) for a, b in itertools.pairwise(starts) if taken[a:b].any()]
    kept = np.concatenate([evidence[part] for part in lists])

    def loss(weights):
        total = RIDGE * np.sum(((weights - prior) * kept.std(axis=0)) ** 2)
        for part in lists:
            score = evidence[part] @ weights
            odds = score - np.log(np.exp(score).sum())
            total -= odds[taken[part]].mean() / len(lists)
        return total

    best = minimize(loss, prior, tol=1e-12).fun
    assert loss(listwise(evidence, taken, starts, prior)) == pytest.approx(best, abs=1e-8)


def test_without_anything_taken_the_prior_stays():
    evidence, none = np.ones((5, 2)), np.zeros(5, np.bool_)
    assert logistic(evidence.copy(), none, np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert listwise(evidence, none, np.array([0, 5]), np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_evidence_that_tells_all_is_held_back_by_the_prior():
    evidence = np.column_stack([np.repeat([-1.0, 1.0], 50), np.ones(100)])
    found = logistic(evidence.copy(), evidence[:, 0] > 0, np.zeros(2))
    assert 1 < found[0] < 10
