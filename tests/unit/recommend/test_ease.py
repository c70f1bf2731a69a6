"""EASE against the formula by hand, its floors, and the reasons it gives."""

from __future__ import annotations

import numpy as np
import pytest
from tests.movielens import movielens

from privet.clock import DAY_US
from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import EASE, EMPTY, History, lists, quality
from privet.recommend.ease import SCALE, solve
from privet.recommend.gram import MOST_ENTRIES
from privet.recommend.split import entries_of

SHOP = Catalogue(
    ("beer", "bread", "butter", "pills", "salt"), hidden=np.array([False] * 3 + [True, False])
)
BASKETS = {1: "012", 2: "12", 3: "12", 4: "01", 5: "0", 6: "124", 7: "3"}
"""Bread and butter go together; salt is had once, beer and butter together once; 3 is hidden."""


def learn(model, table, baskets=None):
    baskets = BASKETS if baskets is None else baskets
    rows = [(who, DAY_US, int(item)) for who, items in baskets.items() for item in items]
    level = SHOP.level()
    cohort = model.histories({"purchase": table(rows, ["item"], sorted(baskets))}, level)
    state = model.add_all(model.empty(len(level)), model.contributions(cohort, 1))
    return model.finish(state, SHOP), cohort


def had(*entries, day=1):
    index = np.array(entries, np.int64)
    return History(index, np.zeros(len(index), np.int64), np.full(len(index), day))


def by_formula(people, regularization):
    inverse = np.linalg.inv(people.T @ people + regularization * np.eye(people.shape[1]))
    says = -inverse / np.diag(inverse)
    np.fill_diagonal(says, 0)
    return says


def test_it_is_the_closed_form(table):
    fitted, _ = learn(EASE(floor=1, least=1, regularization=2), table)
    people = np.array(
        [[str(e) in items for e in (0, 1, 2, 4)] for items in BASKETS.values()], float
    )
    assert fitted.kept.tolist() == [0, 1, 2, 4]  # without what is hidden
    shared = people.T @ people > 0
    np.testing.assert_allclose(fitted.says, by_formula(people, 2) * shared, atol=1e-12)


def test_each_column_is_the_ridge_regression_without_itself():
    people = np.random.default_rng(4).integers(0, 2, (30, 6)).astype(float)
    says = solve(people.T @ people, 3.0)
    for entry in range(6):
        others = np.delete(people, entry, axis=1)
        ridge = np.linalg.solve(others.T @ others + 3 * np.eye(5), others.T @ people[:, entry])
        np.testing.assert_allclose(np.delete(says[:, entry], entry), ridge, atol=1e-12)


def test_a_pair_of_few_people_says_nothing(table):
    full, _ = learn(EASE(floor=1, least=1, regularization=2), table)
    floored, _ = learn(EASE(floor=2, least=1, regularization=2), table)
    assert full.says[0, 2] != 0  # beer with butter, once
    assert floored.says[0, 2] == floored.says[2, 0] == 0
    assert floored.says[1, 2] == full.says[1, 2] > 0  # bread with butter, four times


def test_an_entry_of_few_people_is_left_out_before_solving(table):
    fitted, _ = learn(EASE(floor=1, least=2, regularization=2), table)
    without = {who: items.replace("4", "") for who, items in BASKETS.items()}
    other, _ = learn(EASE(floor=1, least=2, regularization=2), table, without)
    assert fitted.kept.tolist() == other.kept.tolist() == [0, 1, 2]
    assert fitted.says.tobytes() == other.says.tobytes()


def test_a_list_rests_on_what_the_person_has(table):
    fitted, _ = learn(EASE(floor=1, least=1, regularization=2), table)
    assert fitted.top(had(1), 5, now_day=1, exclude=np.array([1]))[0] == 2
    assert not len(fitted.popular(5))
    assert not len(fitted.top(EMPTY, 5, now_day=1))


def test_the_reason_is_her_entry_that_says_most(table):
    fitted, _ = learn(EASE(floor=1, least=1, regularization=2), table)
    history = had(0, 1)
    found = fitted.reason(history, 2)
    says = fitted.says[:2, 2]
    assert says[1] > says[0]
    assert (found.kind, found.entry, found.personal) == ("together", "bread", True)
    assert fitted.reasons(history, np.array([2, 1]))[0] == found


def test_who_has_nothing_gets_no_list_and_no_reason(table):
    fitted, _ = learn(EASE(floor=1, least=1), table)
    none = fitted.top(EMPTY, 3, now_day=1)
    assert len(none) == 0
    assert fitted.reasons(EMPTY, none) == []


def test_what_goes_with_an_entry_rests_on_the_floor(table):
    fitted, _ = learn(EASE(floor=2, least=2, regularization=2), table)
    assert fitted.together(1)[2] > 0
    assert fitted.together(0)[2] == 0
    assert not fitted.together(4).any()  # too few people have it
    assert (fitted.together(1) >= 0).all()


def test_weights_by_how_often_and_by_how_lately():
    visits = History(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), np.array([0, 5, 10, 0]))
    own, often = EASE(weights="log").weigh(visits, 10)
    assert own.tolist() == [0, 1]
    np.testing.assert_allclose(often, [2, 1])
    _, lately = EASE(weights="recency", half_life_days=5).weigh(visits, 15)
    np.testing.assert_allclose(lately, [0.5, 0.125])
    kept = EASE(weights="recency", half_life_days=5).contribution(visits, 15)
    assert kept.tolist() == [0, 1, SCALE // 2, SCALE // 8]
    assert EASE().contribution(visits, 15).tolist() == [0, 1]


def test_what_is_long_ago_weighs_nothing():
    visits = History(np.array([0, 1]), np.array([0, 1]), np.array([0, 100]))
    assert EASE(weights="recency", half_life_days=5).contribution(visits, 100).tolist() == [
        1,
        SCALE,
    ]


def test_binary_keeps_no_weights():
    assert sorted(EASE().empty(3).arrays) == ["pairs"]
    assert sorted(EASE(weights="log").empty(3).arrays) == ["gram", "pairs"]


@pytest.mark.parametrize(
    "bad", [[0, 1, 2], [1, 0, 5, 5], [0, 7, 5, 5], [0, 1, 5, 0], [0, 1, 5, 1 << 21]]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_contribution_of_another_form_is_refused_and_leaves_no_mark(bad, sign):
    model = EASE(weights="log")
    state = model.add(model.empty(4), np.array([0, 1, 9, 9], np.int32))
    before = state.digest()
    with pytest.raises(IntegrityError):
        model.add(state, np.array(bad, np.int32), sign=sign)
    assert state.digest() == before


def test_more_weight_than_was_added_cannot_be_subtracted():
    model = EASE(weights="log")
    state = model.add(model.empty(4), np.array([0, 1, 9, 9], np.int32))
    with pytest.raises(IntegrityError):
        model.add(state, np.array([0, 1, 9, 10], np.int32), sign=-1)


@pytest.mark.parametrize(
    "wrong",
    [{"weights": "squared"}, {"regularization": 0}, {"half_life_days": 0}, {"floor": 0}],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput) as caught:
        EASE(**wrong)
    assert caught.value.reason == "recommend.parameter"


def test_a_level_with_too_many_entries_is_refused():
    with pytest.raises(InvalidInput) as caught:
        EASE().empty(MOST_ENTRIES + 1)
    assert caught.value.reason == "recommend.size"


def test_solving_twice_gives_the_same_bits():
    people = np.random.default_rng(1).integers(0, 3, (60, 40)).astype(float)
    one, other = (solve(people.T @ people, 1.5).tobytes() for _ in range(2))
    assert one == other


def test_movielens_as_others_measure_it():
    """nDCG@10 on ``ua``, full ranking without what was rated before; SLIM gives 0.314."""
    data = movielens()
    shop, model = data.catalogue(), EASE(event="rating", regularization=500, floor=10)
    cohort = model.histories({"rating": data.events(data.train)}, shop.level())
    state = model.add_all(model.empty(len(shop)), model.contributions(cohort, 0))
    ranked = lists(model.finish(state, shop), cohort, 10, 0)["new"]
    found = quality(ranked, entries_of(data.events(data.test), shop.level()))
    assert found.people == 943
    assert found.ndcg >= 0.316
