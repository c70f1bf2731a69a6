"""Each recommender on a shop small enough to rank by hand."""

from __future__ import annotations

import numpy as np
import pytest

from privet.clock import DAY_US
from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import (
    EASE,
    EMPTY,
    ContentTFIDF,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    SparseEASE,
    because,
)
from privet.recommend.base import best

NAMES = ("item", "basket")


def names_of(fitted, indices):
    return [fitted.level.names[i] for i in indices]


def learn(recommender, events, shop):
    """A model fitted on everybody, and their histories."""
    level = shop.level(recommender.by)
    cohort = recommender.histories({"purchase": events}, level)
    state = recommender.add_all(recommender.empty(len(level)), recommender.contributions(cohort, 9))
    return recommender.finish(state, shop), cohort


@pytest.fixture
def events(table):
    """Three people have milk, two of them tea and two soap, one pills (hidden)."""
    baskets = {1: [[0, 1], [0]], 2: [[0, 1, 3]], 3: [[0], [2], [2, 2]], 4: [[2]]}
    rows = [
        (sno, day * DAY_US, item, f"b{day}")
        for sno, visits in baskets.items()
        for day, items in enumerate(visits)
        for item in items
    ]
    return table(rows, NAMES, [1, 2, 3, 4])


def test_popularity_ranks_by_distinct_people_then_by_name(events, shop):
    fitted, _ = learn(Popularity(least=2), events, shop)
    # soap was bought by two people, tea by two: the tie is decided by name
    assert names_of(fitted, fitted.popular(5)) == ["milk", "soap", "tea"]
    assert fitted.score(EMPTY, 0)[fitted.level.names.index("milk")] == 3 / 4


def test_what_fewer_than_the_least_people_have_never_appears(events, shop):
    fitted, _ = learn(Popularity(least=3), events, shop)
    assert names_of(fitted, fitted.popular(5)) == ["milk"]


def test_popularity_says_how_many_at_least(events, shop):
    fitted, _ = learn(Popularity(least=2), events, shop)
    reason = fitted.reason(EMPTY, 0)
    assert not reason.personal
    assert because(reason) == "popular with at least 2 customers"


def test_personal_frequency_counts_own_baskets_and_completes_by_popularity(events, shop):
    fitted, cohort = learn(PersonalFrequency(least=2), events, shop)
    assert names_of(fitted, fitted.top(cohort[2], 5, now_day=2)) == ["soap", "milk", "tea"]
    assert names_of(fitted, fitted.top(EMPTY, 5, now_day=2)) == ["milk", "soap", "tea"]


def test_a_basket_counts_half_after_a_half_life(events, shop):
    fitted, cohort = learn(PersonalFrequency(half_life_days=10, prior=0), events, shop)
    score = fitted.score(cohort[0], now_day=11)
    milk, tea = fitted.level.names.index("milk"), fitted.level.names.index("tea")
    assert score[milk] == pytest.approx(0.5 + 2**-1.1)
    assert score[tea] == pytest.approx(2**-1.1)
    assert score[fitted.level.names.index("soap")] == -np.inf


def test_a_basket_of_tomorrow_weighs_no_more_than_one_of_today(events, shop):
    fitted, cohort = learn(PersonalFrequency(prior=0), events, shop)
    assert fitted.score(cohort[3], now_day=-5).max() == 1


def test_very_old_baskets_still_rank(events, shop):
    fitted, cohort = learn(PersonalFrequency(half_life_days=1, prior=0), events, shop)
    assert names_of(fitted, fitted.top(cohort[0], 3, now_day=10**6)) == ["milk", "tea"]


def test_personal_frequency_names_the_habit(events, shop):
    fitted, cohort = learn(PersonalFrequency(least=2), events, shop)
    names = fitted.level.names
    assert because(fitted.reason(cohort[2], names.index("soap"))) == (
        "you bought soap in 2 of your last 3 baskets"
    )
    assert because(fitted.reason(cohort[3], names.index("soap"))) == "you bought soap last time"
    assert not fitted.reason(cohort[3], names.index("milk")).personal


def test_item_item_recommends_what_is_found_together(events, shop):
    fitted, cohort = learn(ItemItem(floor=1), events, shop)
    # soap's only companion is milk: 1 of sqrt(2 * 3)
    top = fitted.top(cohort[3], 5, now_day=0, exclude=cohort[3].index)
    assert names_of(fitted, top) == ["milk"]
    milk = fitted.level.names.index("milk")
    assert fitted.score(cohort[3], 0)[milk] == 1 / np.sqrt(6)
    assert because(fitted.reason(cohort[3], milk)) == (
        "often found together with soap, which you bought"
    )


def test_pairs_of_fewer_people_than_the_floor_are_dropped(events, shop):
    fitted, cohort = learn(ItemItem(floor=2), events, shop)
    assert not len(fitted.top(cohort[3], 5, now_day=0, exclude=cohort[3].index))


def test_item_item_keeps_the_nearest_neighbours_only(events, shop):
    fitted, _ = learn(ItemItem(floor=1, neighbours=2), events, shop)
    assert fitted.neighbour.shape == (5, 2)


def test_item_item_says_when_an_entry_was_bought_before(events, shop):
    fitted, cohort = learn(ItemItem(floor=1), events, shop)
    soap = fitted.level.names.index("soap")
    assert because(fitted.reason(cohort[3], soap)) == "you bought soap before"


def test_item_item_refuses_more_entries_than_pairs_can_hold():
    with pytest.raises(InvalidInput, match="at most 4096") as caught:
        ItemItem().empty(4097)
    assert caught.value.reason == "recommend.size"


def test_three_items_and_one_person_suffice_for_content(table):
    shop = Catalogue(
        ("kettle-1", "kettle-2", "towel-1"),
        {"title": ("steel kettle", "glass kettle", "cotton towel")},
    )
    views = table([(1, 0, 0)], ["item"], [1])
    model = ContentTFIDF(event="view", text=("title",))
    history = model.histories({"view": views}, shop.level())[0]
    fitted = model.finish(model.empty(3), shop)
    top = fitted.top(history, 3, now_day=0, exclude=history.index)
    assert names_of(fitted, top) == ["kettle-2"]
    assert because(fitted.reason(history, int(top[0]))) == "because you looked at kettle-1"


def test_content_compares_whole_types_by_the_text_of_their_items(events, shop):
    fitted, cohort = learn(ContentTFIDF(by="type", text=("department",)), events, shop)
    own = cohort[0].index[:1]
    assert names_of(fitted, fitted.top(cohort[0], 5, now_day=0)) == ["dairy", "hot drinks"]
    assert fitted.score(cohort[0], 0)[own] == pytest.approx(1)


def test_content_learns_nothing_from_people(events, shop):
    model = ContentTFIDF(text=("type",))
    cohort = model.histories({"purchase": events}, shop.level())
    assert model.forgets == "nothing"
    assert model.contribution(cohort[0], 9) is None
    assert model.contributions(cohort, 9) is None
    nobody = model.empty(5).digest()
    assert model.add_all(model.add(model.empty(5), None), None).digest() == nobody


def test_content_without_a_word_is_refused():
    shop = Catalogue(("a",), {"type": ("-",)})
    with pytest.raises(InvalidInput) as caught:
        ContentTFIDF(text=("type",)).finish(ContentTFIDF(text=("type",)).empty(1), shop)
    assert caught.value.reason == "recommend.text"


@pytest.mark.parametrize(
    "model",
    [
        Popularity(least=1),
        PersonalFrequency(least=1),
        ItemItem(floor=1),
        ContentTFIDF(text=("type", "department")),
        EASE(floor=1, least=1),
        SparseEASE(floor=1, least=1),
        NextBasket(floor=1, least=1),
    ],
)
def test_what_is_hidden_is_never_recommended_nor_learned(model, events, shop):
    fitted, cohort = learn(model, events, shop)
    pills = shop.level().names.index("pills")
    for i in range(len(cohort)):
        assert pills not in cohort[i].index
        assert pills not in fitted.top(cohort[i], 5, now_day=3)


def test_what_became_hidden_after_training_is_not_recommended(events, shop):
    model = Popularity(least=1)
    level = shop.level()
    cohort = model.histories({"purchase": events}, level)
    state = model.add_all(model.empty(5), model.contributions(cohort, 9))
    stricter = Catalogue(shop.ids, shop.attributes, np.array([True, False, False, True, False]))
    fitted = model.finish(state, stricter, level.names)
    assert names_of(fitted, fitted.popular(5)) == ["soap", "tea"]


def test_a_list_keeps_to_what_it_may_choose_among(events, shop):
    fitted, _ = learn(Popularity(least=1), events, shop)
    tea = fitted.level.names.index("tea")
    assert fitted.popular(5, among=np.array([tea])).tolist() == [tea]


def test_equal_scores_are_ordered_by_index(shop):
    level = shop.level()
    scores = np.array([1.0, 2.0, 3.0, 2.0, 2.0])
    assert best(scores, level, 2).tolist() == [1, 3]  # 2 is hidden
    assert best(scores, level, 9).tolist() == [1, 3, 4, 0]


@pytest.mark.parametrize("model", [Popularity(), PersonalFrequency(), ItemItem()])
@pytest.mark.parametrize("entries", [[3, 1], [1, 1], [-1, 2], [0, 5]])
def test_a_contribution_that_does_not_fit_is_refused(model, entries):
    with pytest.raises(IntegrityError):
        model.add(model.empty(5), np.array(entries, np.int32))


@pytest.mark.parametrize("model", [Popularity(), PersonalFrequency(), ItemItem()])
def test_what_was_not_added_cannot_be_subtracted(model):
    state = model.add(model.empty(5), np.array([0, 1], np.int32))
    before = state.digest()
    with pytest.raises(IntegrityError):
        model.add(state, np.array([1, 2], np.int32), sign=-1)
    assert state.digest() == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: Popularity(least=0),
        lambda: ItemItem(floor=0),
        lambda: ItemItem(neighbours=0),
        lambda: PersonalFrequency(half_life_days=float("nan")),
        lambda: PersonalFrequency(prior=-1),
        lambda: PersonalFrequency(least=True),
        lambda: ContentTFIDF(text=()),
    ],
)
def test_parameters_out_of_range_are_refused(make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.reason == "recommend.parameter"


def test_models_show_nothing_of_people(events, shop):
    fitted, _ = learn(ItemItem(floor=1), events, shop)
    assert repr(fitted) == "ItemItemFitted(entries=5)"
    assert repr(ItemItem().empty(2)) == "State(size=2, arrays=['pairs'])"
