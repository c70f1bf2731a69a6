"""Rankings: total order, candidates from the catalogue alone, no look at the future."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privet.clock import DAY_US
from privet.features import Catalogue
from privet.recommend import (
    EASE,
    ContentTFIDF,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    SparseEASE,
    before,
    lists,
    quality,
    truth,
)
from privet.recommend.base import best
from privet.types import Events

SIZE = 7
SHOP = Catalogue(
    tuple(f"i{n}" for n in range(SIZE)),
    {"text": ("a b", "b c", "c d", "d e", "e", "a e", "b")},
    np.array([False] * (SIZE - 1) + [True]),
)
MODELS = [
    Popularity(least=1),
    PersonalFrequency(least=1),
    ItemItem(floor=1),
    EASE(floor=1, least=1, regularization=1),
    NextBasket(floor=1, least=1),
    SparseEASE(floor=1, least=1, near=3),
    ContentTFIDF(text=("text",)),
]
CUT = 5 * DAY_US

scores = st.lists(st.sampled_from([-np.inf, 0.0, 0.5, 1.0, 2.0]), min_size=SIZE, max_size=SIZE).map(
    np.array
)
row = st.tuples(st.integers(0, 10), st.integers(0, SIZE - 1))
people = st.lists(st.lists(row, max_size=6), min_size=1, max_size=4)


def events_of(found: list[list[tuple]]) -> Events:
    rows = [r for p in found for r in sorted(p)]
    day, item = zip(*rows, strict=True) if rows else ((), ())
    return Events(
        np.arange(len(found), dtype=np.int64),
        np.cumsum([0, *(len(p) for p in found)]),
        np.array(day, np.int64) * DAY_US,
        {"item": np.array(item, np.int64), "basket": np.array([str(d) for d in day], object)},
    )


def ranked(model, events):
    level = SHOP.level()
    cohort = model.histories({"purchase": before(events, CUT)}, level)
    state = model.add_all(model.empty(SIZE), model.contributions(cohort, 9))
    return lists(model.finish(state, SHOP), cohort, 4, 5)


@given(scores, st.integers(1, SIZE + 1), st.sets(st.integers(0, SIZE - 1)))
def test_the_best_are_those_of_a_plain_sort(found, k, gone):
    allowed = [
        i for i in range(SIZE - 1) if i not in gone and found[i] > -np.inf
    ]  # the last is hidden
    plain = sorted(allowed, key=lambda i: (-found[i], i))[:k]
    exclude = np.array(sorted(gone), np.int64)
    assert best(found, SHOP.level(), k, exclude).tolist() == plain


@given(people, people)
def test_no_list_depends_on_what_comes_after_the_cut(found, future):
    past = [[r for r in p if r[0] <= 5] for p in found]
    later = [[(6 + d % 5, i) for d, i in p] for p in future]
    later += [[]] * (len(past) - len(later))
    for model in MODELS:
        one = ranked(model, events_of(past))
        other = ranked(model, events_of([p + f for p, f in zip(past, later, strict=False)]))
        assert all(one[task].tobytes() == other[task].tobytes() for task in one)


@given(people)
def test_new_lists_hold_nothing_had_and_no_list_repeats_itself(found):
    events = events_of(found)
    for model in MODELS:
        for task, rows in ranked(model, events).items():
            for line, person in zip(rows, found, strict=True):
                shown = line[line >= 0].tolist()
                assert len(set(shown)) == len(shown)
                assert SIZE - 1 not in shown
                had = {i for day, i in person if day <= 5}
                assert task == "repeat" or not had & set(shown)


@given(people)
def test_measures_stay_between_none_and_all(found):
    events = events_of(found)
    for task, rows in ranked(MODELS[0], events).items():
        measured = quality(rows, truth(events, SHOP.level(), CUT, task))
        if measured.people:
            assert 0 <= measured.ndcg <= 1 + 1e-12
            assert 0 <= measured.recall <= 1


@given(people, st.randoms())
def test_measures_do_not_depend_on_the_order_of_people(found, random):
    order = random.sample(range(len(found)), len(found))
    events, other = events_of(found), events_of([found[i] for i in order])
    for model in MODELS:
        one, two = ranked(model, events), ranked(model, other)
        for task in one:
            np.testing.assert_array_equal(one[task][order], two[task])
