"""Opened events as histories: distinct, visible, in order of time."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from privet.clock import DAY_US
from privet.errors import InvalidInput
from privet.recommend import EMPTY, Histories, PersonalFrequency, Popularity
from privet.recommend.history import histories

NAMES = ("item", "basket")


@pytest.fixture
def events(table):
    rows = [
        (5, 1 * DAY_US + 10, 1, "b"),  # tea
        (5, 1 * DAY_US + 10, 0, "b"),  # milk
        (5, 1 * DAY_US + 10, 1, "b"),  # tea again in the same basket
        (5, 1 * DAY_US + 20, 1, "a"),  # tea in another basket of that day
        (5, 4 * DAY_US, 3, "c"),  # pills: hidden
        (5, 4 * DAY_US, -1, "c"),  # unknown when sealed
        (8, 2 * DAY_US, 2, "b"),  # soap, a basket id that 5 had too
    ]
    return {"purchase": table(rows, NAMES, [5, 6, 8])}


def test_a_history_holds_distinct_visible_entries_per_basket(events, shop):
    level = shop.level()
    cohort = histories(events["purchase"], level, basket="basket")
    mine = cohort[0]
    named = [
        (level.names[i], int(v), int(d))
        for i, v, d in zip(mine.index, mine.visit, mine.day, strict=True)
    ]
    assert named == [("milk", 0, 1), ("tea", 0, 1), ("tea", 1, 1)]


def test_days_are_visits_where_no_basket_is_read(events, shop):
    cohort = histories(events["purchase"], shop.level())
    assert cohort[0].visit.tolist() == [0, 0]


def test_everybody_asked_for_has_a_history_even_an_empty_one(events, shop):
    cohort = histories(events["purchase"], shop.level(), basket="basket")
    assert [len(cohort[i]) for i in range(len(cohort))] == [3, 0, 1]
    assert cohort.subjects.tolist() == [5, 6, 8]


def test_a_cohort_ends(events, shop):
    cohort = histories(events["purchase"], shop.level())
    with pytest.raises(IndexError):
        cohort[3]
    with pytest.raises(IndexError):
        cohort[-1]


def test_items_of_one_type_are_one_entry(table, shop):
    events = table([(1, 0, 0), (1, 0, 1)], ["item"], [1])
    assert len(histories(events, shop.level("department"))[0]) == 1


def test_a_recommender_reads_the_fields_it_needs_and_no_more(events, shop, table):
    assert Popularity(event="view").needs == {"view.item"}
    assert PersonalFrequency().needs == {"purchase.item", "purchase.basket"}
    assert PersonalFrequency(basket=None).needs == {"purchase.item"}
    views = {"view": table([(1, 0, 0)], ["item"], [1])}
    assert len(Popularity(event="view").histories(views, shop.level())) == 1


def test_an_event_that_was_not_read_is_refused(events, shop):
    with pytest.raises(InvalidInput) as caught:
        Popularity(event="view").histories(events, shop.level())
    assert caught.value.reason == "recommend.unread"


def test_histories_show_no_entry(events, shop):
    cohort = histories(events["purchase"], shop.level(), basket="basket")
    assert repr(cohort) == "Histories(subjects=3, rows=4)"
    assert repr(cohort[0]) == "History(rows=3)"
    assert repr(EMPTY) == "History(rows=0)"


def test_histories_travel_to_another_process(events, shop):
    cohort = histories(events["purchase"], shop.level())
    copy = pickle.loads(pickle.dumps(cohort))
    assert isinstance(copy, Histories)
    np.testing.assert_array_equal(copy.rows.index, cohort.rows.index)
