"""What a person's own visits say of her entries."""

from __future__ import annotations

import numpy as np
import pytest

from privet.recommend import EMPTY, History, NextBasket
from privet.recommend.habit import HABIT, habit

NOW = 100
DECAY = NextBasket().decay


def columns(rows):
    history = History(*np.array(rows, np.int64).reshape(-1, 3).T)
    own, found = habit(history, NOW, DECAY)
    return own.tolist(), dict(zip(HABIT, (c.tolist() for c in found), strict=True))


def test_a_rhythm_is_told_in_days_and_in_visits():
    own, said = columns([(4, 0, 40), (2, 1, 50), (4, 1, 50), (2, 2, 60), (4, 3, 90)])
    assert own == [2, 4]
    assert np.exp(said["last"]) == pytest.approx([41, 11])
    assert np.exp(said["gap"]) == pytest.approx([11, 26])  # 10 days; 10 and 40 days
    assert np.exp(said["since"]) == pytest.approx([2, 1])
    assert np.exp(said["visits-gap"]) == pytest.approx([2, 2.5])  # each visit; 1 and 2 visits
    assert np.exp(said["due"]) == pytest.approx([4.1, 10 / 25 + 0.1])
    assert said["once"] == [0, 0]
    assert np.exp(said["last-gap"]) == pytest.approx([11, 41])
    assert said["uneven"] == pytest.approx([1, 15 / 25])
    assert np.exp(said["longest"]) == pytest.approx([40 / 30 + 0.1, 10 / 40 + 0.1])


def test_windows_with_an_entry_are_counted_once_each():
    # Ages 5 and 20 lie in one window of 28 days, 60 in the third.
    _, said = columns([(7, 0, 40), (7, 1, 80), (7, 2, 95)])
    assert said["windows"] == pytest.approx([2.3 / 4])
    assert said["windows6"] == pytest.approx([2.3 / 4])
    _, said = columns([(7, 0, 100 - 10 * 28), (7, 1, 95)])
    assert said["windows"] == pytest.approx([2.3 / 12])
    assert said["windows6"] == pytest.approx([1.3 / 7])  # the tenth is not one of the six
    _, said = columns([(7, 0, 95), (9, 0, 95)])
    assert said["windows"] == pytest.approx([1.3 / 2, 1.3 / 2])  # each has a window of its own


def test_a_single_visit_has_a_gap_by_how_long_ago_it_was():
    _, said = columns([(1, 0, 70), (3, 1, 80)])
    assert said["once"] == [1, 1]
    assert np.exp(said["gap"]) == pytest.approx([61, 51])
    assert np.exp(said["visits-gap"]) == pytest.approx([10, 9])
    assert np.exp(said["last-gap"]) == pytest.approx([61, 61])
    assert said["uneven"] == [1, 1]


def test_groups_are_the_frequency_of_the_next_basket():
    random = np.random.default_rng(0)
    rows = sorted(
        {(int(e), int(v)) for e, v in random.integers(0, 20, (200, 2))}, key=lambda r: r[1]
    )
    history = History(*np.array([(e, v, 60 + 2 * v) for e, v in rows]).T)
    own, weight = NextBasket().frequency(history)
    entries, found = habit(history, NOW, DECAY)
    assert np.array_equal(entries, own)
    assert np.allclose(found[0], weight)


def test_a_basket_kept_open_for_days_is_no_error():
    _, said = columns([(1, 0, 99), (1, 1, 90), (2, 1, 90), (1, 2, 97)])
    assert all(np.isfinite(column).all() for column in said.values())


def test_somebody_unknown_has_no_habit():
    own, found = habit(EMPTY, NOW, DECAY)
    assert len(own) == 0
    assert [len(column) for column in found] == [0] * len(HABIT)
