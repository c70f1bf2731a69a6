"""Measures against other people's implementations, intervals, and what is withheld."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from privet.recommend.beyond import beyond, gini
from privet.recommend.evaluating import worst_decile
from privet.recommend.intervals import bootstrap
from privet.recommend.metrics import per_person, quality, rating_errors
from privet.recommend.split import Truth


def truth(*sets, size=12):
    starts = np.cumsum([0, *(len(s) for s in sets)])
    return Truth(starts, np.array([e for s in sets for e in sorted(s)], np.int64), size)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(5)
    lists = np.array([rng.permutation(12)[:10] for _ in range(60)])
    return lists, [set(rng.choice(12, rng.integers(0, 6), replace=False).tolist()) for _ in lists]


def test_ndcg_is_that_of_scikit_learn(drawn):
    lists, sets = drawn
    scored = per_person(lists, truth(*sets))
    for value, who in zip(scored.values["ndcg"], scored.position, strict=True):
        scores = np.zeros((1, 12))
        scores[0, lists[who]] = np.arange(10, 0, -1)
        real = np.isin(np.arange(12), list(sets[who])).astype(float)[None]
        # Its ideal list ranks all 12; ours min(k, held-out): the same below ten held out.
        assert value == pytest.approx(ndcg_score(real, scores, k=10))


def test_average_precision_is_that_of_scikit_learn_where_all_are_ranked():
    rng = np.random.default_rng(6)
    lists = np.array([rng.permutation(8) for _ in range(30)])
    sets = [set(rng.choice(8, 3, replace=False).tolist()) for _ in lists]
    scored = per_person(lists, truth(*sets, size=8))
    for value, row, had in zip(scored.values["map"], lists, sets, strict=True):
        real = np.isin(row, list(had))
        assert value == pytest.approx(average_precision_score(real, np.arange(8, 0, -1)))


def test_recall_precision_and_reciprocal_rank_by_hand():
    found = quality(np.array([[3, 1, 2], [0, -1, -1]]), truth({1, 2, 9, 10}, {5}))
    assert (found.people, found.recall) == (2, pytest.approx((2 / 3 + 0) / 2))
    assert found.precision == pytest.approx((2 / 3 + 0) / 2)
    assert found.mrr == pytest.approx((1 / 2 + 0) / 2)
    assert found.map == pytest.approx((1 / 2 + 2 / 3) / 3 / 2)


def test_who_has_nothing_held_out_is_in_no_mean(drawn):
    lists, sets = drawn
    scored = per_person(lists, truth(*sets))
    assert len(scored) == sum(bool(s) for s in sets) < len(sets)
    none = quality(lists[:2], truth(set(), set()))
    assert none.people == 0
    assert np.isnan(none.ndcg)


def test_ratings_have_errors_in_their_own_unit():
    assert rating_errors(np.array([3.0, 5.0]), np.array([4.0, 2.0])) == (
        pytest.approx(np.sqrt(5)),
        2.0,
    )
    assert all(np.isnan(rating_errors(np.zeros(0), np.zeros(0))))


def test_an_interval_holds_the_mean_and_narrows_with_more_people():
    values = np.random.default_rng(2).random(2000)
    low, high = bootstrap(values)
    few_low, few_high = bootstrap(values[:50])
    assert low < values.mean() < high
    assert high - low < (few_high - few_low) / 3
    # The interval of a mean of so many is that of the normal distribution.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2000), rel=0.1)
    assert bootstrap(values) == (low, high)
    assert all(np.isnan(bootstrap(np.zeros(0))))


def test_beyond_accuracy_by_hand():
    lists = np.array([[0, 1], [0, 3]])
    after = truth({0, 3}, {3}, size=4)
    found = beyond(
        lists,
        after.entries,
        per_person(lists, after),
        people=np.array([4, 2, 1, 0]),
        subjects=4,
        candidates=np.array([True, True, True, True]),
    )
    assert found.coverage == 3 / 4
    assert found.novelty == pytest.approx((0 + 1 + 0 + 2) / 4)  # shares 1, 1/2, 1, 1/4
    assert found.serendipity == 1 / 4  # 3 in the second list: a hit, not among 0 and 1
    assert found.popularity == pytest.approx((1 + 0.5 + 1 + 0.25) / 4)
    assert found.bias == pytest.approx((1 + 0.5 + 1 + 0.25) / 4 - (1 + 0.25 + 0.25) / 3)


def test_gini_is_nought_for_equal_and_nears_one_for_one_alone():
    assert gini(np.full(10, 3)) == pytest.approx(0)
    assert gini(np.array([0] * 99 + [5])) == pytest.approx(0.99)
    assert np.isnan(gini(np.zeros(4)))


def test_the_worst_decile_of_too_few_is_withheld():
    values = np.arange(100) / 100
    assert worst_decile(values, 10) == pytest.approx(np.arange(10).mean() / 100)
    assert worst_decile(values, 11) is None
    assert worst_decile(values[:5], 1) is None
