"""Time split, tasks and measures, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privet.clock import DAY_US
from privet.recommend import Popularity, after, before, lists, quality, truth
from privet.recommend.split import Truth, entries_of, join

CUT = 10 * DAY_US


@pytest.fixture
def events(table):
    rows = [
        (1, 1 * DAY_US, 0),  # milk before
        (1, CUT, 1),  # tea at the very cut: before
        (1, CUT + 1, 0),  # milk again
        (1, CUT + 2, 3),  # pills: hidden, yet really bought
        (1, CUT + 3, 4),  # of no known type
        (2, CUT + 5, 2),  # soap, only after
        (3, 2 * DAY_US, 2),  # soap, only before
    ]
    return table(rows, ["item"], [1, 2, 3])


def test_the_cut_itself_belongs_to_the_past(events):
    assert before(events, CUT).at.tolist() == [DAY_US, CUT, 2 * DAY_US]
    assert after(events, CUT).starts.tolist() == [0, 3, 4, 4]


def test_repeat_holds_out_every_known_entry_hidden_ones_too(events, shop):
    level = shop.level("type")
    held = truth(events, level, CUT, "repeat")
    assert [level.names[i] for i in held.entries] == ["dairy", "laxatives", "hygiene"]
    assert held.starts.tolist() == [0, 2, 3, 3]


def test_new_holds_out_what_was_not_had_before(events, shop):
    level = shop.level("type")
    held = truth(events, level, CUT, "new")
    assert [level.names[i] for i in held.entries] == ["laxatives", "hygiene"]
    assert held.starts.tolist() == [0, 1, 2, 2]


def test_everybody_gets_a_list_for_both_tasks(events, shop):
    level = shop.level("type")
    model = Popularity(least=1, by="type")
    cohort = model.histories({"purchase": before(events, CUT)}, level)
    state = model.add_all(model.empty(len(level)), model.contributions(cohort, 9))
    ranked = lists(model.finish(state, shop), cohort, 4, 10)
    named = {t: [[level.names[i] for i in row if i >= 0] for row in r] for t, r in ranked.items()}
    assert named["repeat"] == [["dairy", "hot drinks", "hygiene"]] * 3
    assert named["new"] == [
        ["hygiene"],
        ["dairy", "hot drinks", "hygiene"],
        ["dairy", "hot drinks"],
    ]
    assert ranked["new"].shape == (3, 4)


def test_ndcg_and_recall_follow_their_definitions():
    ranked = np.array([[4, 2, 9], [1, -1, -1], [7, 8, 9]])
    held = Truth(np.array([0, 2, 6, 6]), np.array([2, 3, 1, 2, 3, 4]), 10)
    found = quality(ranked, held)
    one = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    two = 1 / (1 + 1 / math.log2(3) + 1 / 2)
    assert found.people == 2
    assert found.ndcg == pytest.approx((one + two) / 2)
    assert found.recall == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_a_perfect_list_scores_one():
    found = quality(np.array([[3, 1]]), Truth(np.array([0, 3]), np.array([1, 2, 3]), 5))
    assert (found.ndcg, found.recall) == (1, 1)


def test_nobody_to_score_is_not_a_number():
    found = quality(
        np.zeros((1, 2), np.int64), Truth(np.zeros(2, np.int64), np.zeros(0, np.int64), 5)
    )
    assert found.people == 0
    assert math.isnan(found.ndcg)


def test_the_end_of_a_short_list_is_no_hit_of_a_neighbour():
    # -1 in row 1 would fall on the last entry of row 0 if the end were not marked
    held = Truth(np.array([0, 1, 2]), np.array([4, 0]), 5)
    assert quality(np.array([[-1], [-1]]), held).recall == 0


def test_truths_of_chunks_join(events, shop):
    level = shop.level("type")
    whole = entries_of(events, level)
    joined = join([whole, whole], len(level))
    assert joined.starts.tolist() == [*whole.starts, *(whole.starts[1:] + whole.starts[-1])]
    assert len(join([], len(level)).entries) == 0
