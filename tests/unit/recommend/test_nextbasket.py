"""The next basket: weights by hand, neighbours as a plain mean over people, reasons."""

from __future__ import annotations

import numpy as np
import pytest

from privet.clock import DAY_US
from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import EMPTY, History, NextBasket
from privet.recommend.nextbasket import SCALE

SIZE = 6
SHOP = Catalogue(tuple(f"i{n}" for n in range(SIZE)), hidden=np.array([False] * 5 + [True]))


def people(seed=3, count=40):
    """Histories of people: some baskets each, of entries 0 to 5."""
    random = np.random.default_rng(seed)
    return [
        [random.choice(SIZE, random.integers(1, 4), replace=False) for _ in range(baskets)]
        for baskets in random.integers(1, 9, count)
    ]


def learn(model, table, baskets):
    rows = [
        (who, day * DAY_US, int(item), f"b{day}")
        for who, visits in enumerate(baskets)
        for day, items in enumerate(visits)
        for item in items
    ]
    level = SHOP.level()
    events = table(rows, ["item", "basket"], list(range(len(baskets))))
    cohort = model.histories({"purchase": events}, level)
    state = model.add_all(model.empty(SIZE), model.contributions(cohort, 9))
    return model.finish(state, SHOP), cohort


def dense(model, history):
    own, weight = model.frequency(history)
    vector = np.zeros(SIZE)
    vector[own] = weight
    return vector


def test_baskets_weigh_by_their_group_and_their_place_in_it():
    model = NextBasket(group=2, within=0.5, between=0.1)
    visits = History(np.array([0, 1, 1, 2, 0]), np.array([0, 1, 2, 3, 4]), np.arange(5))
    own, weight = model.frequency(visits)  # back 4, 3, 2, 1, 0: groups 2, 1, 1, 0, 0
    assert own.tolist() == [0, 1, 2]
    np.testing.assert_allclose(weight, [0.01 + 1, 0.05 + 0.1, 0.5])


def test_a_contribution_is_a_vector_of_length_one_in_whole_numbers():
    visits = History(np.array([0, 1]), np.array([0, 0]), np.array([1, 1]))
    kept = NextBasket().contribution(visits, 1)
    assert kept.tolist() == [0, 1, round(SCALE / 2**0.5), round(SCALE / 2**0.5)]
    assert not len(NextBasket().contribution(EMPTY, 1))


def test_neighbours_are_the_mean_over_all_by_likeness(table):
    model = NextBasket(floor=1, least=1, neighbours=3)
    fitted, cohort = learn(model, table, people())
    vectors = np.array([dense(model, cohort[i]) for i in range(len(cohort))])
    long = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(long > 0, long, 1)
    for asked in (0, 7, 20):
        likeness = units @ units[asked]
        mean = likeness @ units / likeness.sum()
        found = fitted.score(cohort[asked], 9)
        np.testing.assert_allclose(found[:5], (vectors[asked] + 3 * mean)[:5], atol=1e-3)
        assert found[5] == -np.inf  # hidden


def test_without_neighbours_it_is_her_own_frequency(table):
    model = NextBasket(floor=1, least=1, neighbours=0)
    fitted, cohort = learn(model, table, people())
    own = dense(model, cohort[2])
    np.testing.assert_array_equal(fitted.score(cohort[2], 9), np.where(own > 0, own, -np.inf))


def test_what_few_people_share_is_left_out(table):
    baskets = [[[0, 1]]] * 5 + [[[0, 2]]] * 2 + [[[2]]] * 4 + [[[3]]]
    fitted, _ = learn(NextBasket(floor=3, least=2), table, baskets)
    assert fitted.kept.tolist() == [0, 1, 2]  # one person has 3
    assert fitted.products[0, 1] > 0
    assert fitted.products[0, 2] == fitted.products[2, 0] == 0  # two people share them


def test_the_unknown_get_a_list_that_is_the_same_for_everybody(table):
    fitted, _ = learn(NextBasket(floor=1, least=2), table, [[[0, 1]], [[0]], [[0, 2]], [[2]]])
    assert fitted.popular(5).tolist() == [0, 2]
    assert fitted.reason(EMPTY, 0).kind == "popular"
    assert not fitted.reason(EMPTY, 0).personal
    stranger = History(np.array([4]), np.array([0]), np.array([3]))  # alike with nobody
    assert fitted.top(stranger, 5, now_day=3, exclude=np.array([4])).tolist() == [0, 2]
    assert fitted.reason(stranger, 0).kind == "popular"


def test_reasons_are_her_habit_or_what_it_goes_with(table):
    fitted, _ = learn(NextBasket(floor=1, least=1), table, [[[0, 1]]] * 3 + [[[2]]])
    history = History(np.array([0, 0, 2]), np.array([0, 1, 1]), np.array([1, 2, 2]))
    habit, together = fitted.reasons(history, np.array([0, 1]))
    assert (habit.kind, habit.entry, habit.count, habit.of) == ("habit", "i0", 2, 2)
    assert (together.kind, together.entry) == ("together", "i0")


def test_a_vector_that_was_never_added_cannot_be_subtracted():
    model = NextBasket()
    state = model.add(model.empty(SIZE), np.array([0, 1, 9, 9], np.int32))
    before = state.digest()
    for wrong in ([0, 1, 9, 10], [0, 2, 1, 1], [0, 1, 9]):
        with pytest.raises(IntegrityError):
            model.add(state, np.array(wrong, np.int32), sign=-1)
        assert state.digest() == before


@pytest.mark.parametrize(
    "wrong",
    [{"group": 0}, {"within": 0}, {"between": 1.1}, {"within": float("nan")}, {"neighbours": -1}],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput) as caught:
        NextBasket(**wrong)
    assert caught.value.reason == "recommend.parameter"


def test_it_reads_item_and_basket():
    assert NextBasket().needs == {"purchase.item", "purchase.basket"}
    assert NextBasket(basket=None).needs == {"purchase.item"}
