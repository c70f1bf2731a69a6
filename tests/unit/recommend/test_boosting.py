"""Small trees: they find what only two things together tell, and are whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from privet.recommend.boosting import BINS, TREES, Trees, boost, nothing
from privet.recommend.cards import chance

ROWS = 4000


@pytest.fixture(scope="module")
def both():
    """Taken where exactly one of two things holds: no weighted sum can tell that."""
    random = np.random.default_rng(3)
    evidence = random.normal(size=(ROWS, 5)).astype(np.float32)
    taken = (evidence[:, 1] > 0.2) ^ (evidence[:, 3] > -0.1)
    return evidence, taken


def loss(score, taken):
    return float(np.mean(np.logaddexp(0, score) - taken * score))


def test_they_tell_what_two_things_tell_together(both):
    evidence, taken = both
    trees = boost(evidence, taken, np.zeros(ROWS))
    assert loss(trees.score(evidence), taken) < 0.3 < loss(np.zeros(ROWS), taken)
    right = (trees.score(evidence) > 0) == taken
    assert right.mean() > 0.95


def test_they_add_to_a_score_that_is_right_already_next_to_nothing():
    random = np.random.default_rng(5)
    evidence = random.normal(size=(ROWS, 3))
    score = 2 * evidence[:, 0]
    taken = random.random(ROWS) < chance(score)
    trees = boost(evidence, taken, score)
    other = random.normal(size=(ROWS, 3))
    assert np.abs(trees.score(other)).mean() < 0.25


def test_the_same_evidence_gives_the_same_trees(both):
    evidence, taken = both
    first = boost(evidence, taken, np.zeros(ROWS)).units()
    assert np.array_equal(first, boost(evidence.copy(), taken.copy(), np.zeros(ROWS)).units())


def test_they_come_back_from_whole_numbers(both):
    evidence, taken = both
    trees = boost(evidence, taken, np.zeros(ROWS))
    units = trees.units()
    assert units.dtype == np.int64
    assert units.shape == nothing().shape
    back = Trees.of(units)
    assert len(back.leaves) == TREES
    assert np.array_equal(back.units(), units)
    # A question lies between two values that were seen, so rounding moves no row.
    assert np.allclose(back.score(evidence), trees.score(evidence), atol=1e-4)


def test_a_question_is_asked_as_it_was_learned():
    evidence = np.repeat([[1.0], [2.0], [3.0]], 500, axis=0)
    taken = evidence[:, 0] >= 2
    trees = boost(evidence, taken, np.zeros(len(evidence)))
    low, middle, high = trees.score(np.array([[1.0], [2.0], [3.0]]))
    assert low < 0 < middle
    assert middle == pytest.approx(high)
    assert set(np.unique(trees.least)) <= {1.5, 2.5}


def test_evidence_that_is_always_the_same_grows_nothing():
    evidence = np.ones((100, 4))
    trees = boost(evidence, np.arange(100) % 2 == 0, np.zeros(100))
    assert np.array_equal(trees.units(), nothing())
    assert trees.score(evidence).tolist() == [0.0] * 100
    none = boost(np.zeros((0, 4)), np.zeros(0, np.bool_), np.zeros(0))
    assert np.array_equal(none.units(), nothing())


def test_trees_that_say_nothing_are_left_out():
    empty = Trees.of(nothing())
    assert len(empty.leaves) == 0
    assert empty.score(np.ones((3, 2))).tolist() == [0.0, 0.0, 0.0]


def test_many_values_are_asked_about_in_as_many_places_as_there_are_bins(both):
    evidence, taken = both
    trees = boost(evidence, taken, np.zeros(ROWS))
    for column in range(evidence.shape[1]):
        asked = np.unique(trees.least[trees.column == column])
        assert len(asked) < BINS
        assert asked.min() > evidence[:, column].min()
        assert asked.max() <= evidence[:, column].max()
