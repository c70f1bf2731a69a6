"""The hybrid: exact forgetting, no peeking, any part missing, reasons from one's own history."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import EMPTY, Artifact, Contributions, History, Hybrid, build, pack, unpack
from privet.recommend.choosing import NAMES
from privet.recommend.hybrid import PARTS
from privet.recommend.rows import pack_rows, unpack_rows
from privet.recommend.state import State

SIZE, COLD, HIDDEN, NOW = 12, 10, 11, 200
TEXT = (
    "red tea",
    "green tea",
    "black tea",
    *(f"thing {i}" for i in range(7)),
    "white tea",
    "pills",
)
SHOP = Catalogue(
    tuple(f"i{n:02d}" for n in range(SIZE)),
    {"title": TEXT},
    hidden=np.array([n == HIDDEN for n in range(SIZE)]),
)
SMALL = {"floor": 2, "least": 3, "windows": 2}
FIXED = {"seen.groups-log": 1.0, "fresh": -2.0, "fresh.score": 1.0, "fresh.ease-root": 1.5}


def person(seed, until=NOW):
    """Visits over two hundred days: some entries of her own half of the shop, again and again."""
    random = np.random.default_rng(seed)
    half = np.arange(5) + 5 * (seed % 2)
    days = np.sort(random.choice(np.arange(1, NOW + 30), 25, replace=False))
    rows = [
        (entry, visit, day)
        for visit, day in enumerate(days)
        for entry in np.sort(random.choice(half, 2, replace=False))
        if day <= until
    ]
    return History(*np.array(rows, np.int64).reshape(-1, 3).T)


@pytest.fixture(scope="module")
def people():
    return [person(seed) for seed in range(24)]


def learn(model, histories):
    kept = Contributions.of(model.contribution(history, NOW) for history in histories)
    return model.fit(SIZE, kept)


def test_rows_come_back_as_they_were_counted_from_the_end():
    history = History(np.array([3, 1, 3]), np.array([0, 1, 1]), np.array([5, 9, 12]))
    packed = pack_rows(history, 10)
    assert packed.tolist() == [3, 1, 0, 1, 5, 1]  # what came after the end is left out
    back = unpack_rows(packed, 4)
    assert (back.index.tolist(), back.visit.tolist(), back.day.tolist()) == (
        [3, 1],
        [0, 1],
        [-5, -1],
    )


@pytest.mark.parametrize("rows", [[1], [4, 0, 0], [-1, 0, 0], [0, 0, -1], [0, 0, 1, 0, 3, 3]])
def test_rows_that_do_not_fit_are_refused(rows):
    with pytest.raises(IntegrityError):
        unpack_rows(np.array(rows, np.int32), 4)


def test_forgetting_gives_the_bytes_of_never_having_seen_her(people):
    model = Hybrid(**SMALL)
    assert model.forgets == "refit"
    without = [*people[:7], *people[8:]]
    names = SHOP.level().names
    never = pack(Artifact(model, names, learn(model, without)))
    every = pack(Artifact(model, names, learn(model, people)))
    assert every != never
    assert pack(Artifact(model, names, learn(model, without))) == never
    with pytest.raises(TypeError):
        model.add(model.empty(SIZE), model.contribution(people[0], NOW))


def test_with_weights_given_it_is_a_sum(people):
    model = Hybrid(**SMALL, weights=FIXED)
    assert model.forgets == "subtract"
    state = learn(model, people)
    one_by_one = model.empty(SIZE)
    for history in reversed(people):
        model.add(one_by_one, model.contribution(history, NOW))
    assert one_by_one.equal(state)
    model.add(state, model.contribution(people[4], NOW), sign=-1)
    assert state.equal(learn(model, [*people[:4], *people[5:]]))
    with pytest.raises(IntegrityError):
        model.add(model.empty(SIZE), model.contribution(people[4], NOW), sign=-1)


def test_the_order_of_people_moves_no_byte(people):
    model = Hybrid(**SMALL)
    assert learn(model, people).equal(learn(model, people[::-1]))


def test_nothing_after_the_end_is_read(people):
    model = Hybrid(**SMALL)
    later = [person(seed, until=NOW + 30) for seed in range(24)]
    assert sum(map(len, later)) > sum(map(len, people))
    assert learn(model, later).equal(learn(model, people))


def test_who_adds_nothing_changes_nothing(people):
    model = Hybrid(**SMALL)
    assert learn(model, [*people, EMPTY]).equal(learn(model, people))


def test_weights_are_learned_from_what_came_next(people):
    state = learn(Hybrid(**SMALL), people)
    chosen = dict(zip(NAMES, state.arrays["weights"].tolist(), strict=True))
    assert chosen["fresh.score"] > 0
    assert not np.array_equal(state.arrays["weights"], Hybrid().empty(SIZE).arrays["weights"])


def test_trees_mend_the_score_of_entries_she_had_and_of_no_other(people):
    model = Hybrid(**SMALL)
    state = learn(model, people)
    trees = state.arrays["trees"]
    assert trees.dtype == np.int64
    assert trees.any()
    assert not learn(Hybrid(**SMALL, weights=FIXED), people).arrays["trees"].any()
    bare = State(SIZE, {**state.arrays, "trees": np.zeros_like(trees)})
    mended, plain = (model.finish(s, SHOP).score(people[0], NOW) for s in (state, bare))
    own = people[0].entries()
    assert (mended[own] != plain[own]).any()
    others = np.delete(np.arange(SIZE), own)
    assert np.array_equal(mended[others], plain[others])


@pytest.mark.parametrize(
    "parts", [c for n in (1, 2, 3, 4) for c in itertools.combinations(PARTS, n)]
)
def test_it_works_with_any_part_missing(people, parts):
    model = Hybrid(**SMALL, parts=parts)
    fitted = model.finish(learn(model, people), SHOP)
    for history in (people[0], EMPTY):
        top = fitted.top(history, SIZE, now_day=NOW)
        assert set(top) <= set(range(COLD))
        assert len(fitted.reasons(history, top)) == len(top)
    assert len(top)


def test_own_habit_ranks_first_and_says_so(people):
    model = Hybrid(**SMALL)
    fitted = model.finish(learn(model, people), SHOP)
    for history in people:
        own = history.entries()
        top = fitted.top(history, 3, now_day=NOW)
        assert set(top) <= set(own)
        reason = fitted.reason(history, int(top[0]))
        assert (reason.kind, reason.count) == ("habit", int((history.index == top[0]).sum()))


def test_new_entries_are_explained_by_her_own_or_by_popularity(people):
    model = Hybrid(**SMALL)
    fitted = model.finish(learn(model, people), SHOP)
    narrow = History(np.array([0, 1]), np.array([0, 0]), np.array([NOW, NOW]))
    top = fitted.top(narrow, 9, now_day=NOW, exclude=narrow.index)
    assert set(top[:3]) == {2, 3, 4}  # her half of the shop
    kinds = set()
    for reason in fitted.reasons(narrow, top):
        kinds.add(reason.kind)
        assert reason.entry in ({"i00", "i01"} if reason.personal else {""})
    assert "together" in kinds


def test_a_cold_entry_is_placed_by_its_text_and_a_cold_person_gets_what_is_popular(people):
    model = Hybrid(**SMALL, text=("title",))
    fitted = model.finish(learn(model, people), SHOP)
    scores = fitted.score(people[0], NOW)
    assert np.isfinite(scores[COLD])
    assert COLD not in Hybrid(**SMALL).finish(learn(Hybrid(**SMALL), people), SHOP).top(
        people[0], SIZE, now_day=NOW
    )
    assert fitted.reason(people[0], COLD).kind == "like"
    assert fitted.reason(person(1), COLD).kind == "popular"  # no word in common
    popular = fitted.popular(4)
    assert len(popular) == 4
    assert all(reason.kind == "popular" for reason in fitted.reasons(EMPTY, popular))


def test_hidden_entries_are_never_listed(people):
    fitted = Hybrid(**SMALL, text=("title",)).finish(
        learn(Hybrid(**SMALL, text=("title",)), people), SHOP
    )
    assert HIDDEN not in fitted.top(people[0], SIZE, now_day=NOW)
    hiding = Catalogue(SHOP.ids, SHOP.attributes, hidden=np.arange(SIZE) < 2)
    again = Hybrid(**SMALL).finish(learn(Hybrid(**SMALL), people), hiding)
    assert not {0, 1} & set(again.top(person(0), SIZE, now_day=NOW).tolist())


def test_an_entry_of_too_few_people_is_in_no_list_of_others(people):
    rare = History(np.array([9, 10]), np.array([0, 1]), np.array([NOW - 60, NOW]))
    model = Hybrid(**SMALL)
    fitted = model.finish(learn(model, [*people, rare]), SHOP)
    assert COLD in fitted.top(rare, SIZE, now_day=NOW)  # her own
    assert COLD not in fitted.top(people[1], SIZE, now_day=NOW)


def test_the_bytes_come_back(people):
    model = Hybrid(**SMALL, text=("title",))
    made = Artifact(model, SHOP.level().names, learn(model, people))
    back = unpack(pack(made))
    assert back.recommender == model
    assert pack(back) == pack(made)
    assert build("hybrid", model.params()) == model
    fixed = Hybrid(weights=FIXED)
    assert build("hybrid", fixed.params()) == fixed


@pytest.mark.parametrize(
    "bad",
    [
        {"parts": ("magic",)},
        {"parts": ()},
        {"weights": {"nose": 1.0}},
        {"floor": 0},
        {"windows": 0},
        {"validate_days": 0},
        {"regularization": 0},
        {"weights": {"fresh": float("nan")}},
    ],
)
def test_parameters_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInput):
        Hybrid(**bad)
