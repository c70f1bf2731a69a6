"""Traits and content in the hybrid: exact, shrunk, silent below the floors, truly explained."""

from __future__ import annotations

import numpy as np
import pytest
from tests.movielens import movielens

from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import (
    EASE,
    EMPTY,
    Artifact,
    Contributions,
    History,
    Hybrid,
    SparseEASE,
    State,
    lists,
    pack,
    quality,
    traits,
    unpack,
)
from privet.recommend.ease import solve
from privet.recommend.further import FADES
from privet.recommend.holdout import by_share
from privet.recommend.metrics import per_person
from privet.recommend.split import entries_of
from privet.recommend.words import Leaning, Words
from privet.types import Events

SIZE, HIDDEN, NOW = 12, 11, 200
KINDS = ("red", "blue")
SHOP = Catalogue(
    tuple(f"i{n:02d}" for n in range(SIZE)),
    {"colour": tuple(KINDS[n >= SIZE // 2] for n in range(SIZE))},
    hidden=np.arange(SIZE) == HIDDEN,
)
YOUNG, OLD = 7, 8
SMALL = {"floor": 2, "least": 3, "windows": 2, "validate": "share"}
BOTH = {**SMALL, "traits": ("age",), "content": ("colour",)}
GIVEN = {"fresh.prior": 1.0, "fresh.trait.age": 1.0}


def person(seed, trait=None):
    """Half of the shop by age, of which she has some."""
    random = np.random.default_rng(seed)
    half = np.arange(5) + 6 * (seed % 2)
    index = np.sort(random.choice(half, 4, replace=False, p=[0.4, 0.3, 0.1, 0.1, 0.1]))
    trait = (YOUNG, OLD)[seed % 2] if trait is None else trait
    return History(index, np.zeros(4, np.int64), np.full(4, NOW - 3), np.array([trait]))


def unknown(trait):
    return History(EMPTY.index, EMPTY.visit, EMPTY.day, np.array([trait]))


@pytest.fixture(scope="module")
def people():
    return [person(seed) for seed in range(30)]


def learn(model, histories):
    kept = Contributions.of(model.contribution(history, NOW) for history in histories)
    return model.fit(SIZE, kept, model.of_items(SHOP, SHOP.level()))


def profiles(**columns):
    columns = {
        name: np.array(values, object if isinstance(values[0], str | None) else np.int64)
        for name, values in columns.items()
    }
    rows = len(next(iter(columns.values())))
    # The second of the subjects has no profile.
    starts = np.array([0, 1, 1, *range(2, rows + 1)])
    return Events(np.arange(rows + 1) * 10, starts, np.zeros(rows, np.int64), columns)


def test_traits_are_hashes_of_field_and_value():
    events = {"profile": profiles(age=[31, 38, 44], kids=[0, 1, 1], town=["Ulm", None, "Bonn"])}
    found = traits.read(events, np.array([0, 10, 20, 30, 40]), ("age", "kids", "town"))
    assert found.shape == (5, 3)
    assert found[0, 0] == found[2, 0] != found[3, 0]  # by their ten
    assert found[0, 1] != found[2, 1] == found[3, 1]  # small numbers as they are
    assert found[2, 2] == traits.ABSENT
    assert not found[1].any()  # no profile
    assert not found[4].any()  # not among them
    assert len(set(found[found > 0].tolist())) == 6
    assert np.array_equal(traits.unpack(traits.pack(found[3])), found[3])


@pytest.mark.parametrize("events", [{}, {"profile": profiles(town=["Ulm"])}])
def test_what_was_not_read_is_refused(events):
    with pytest.raises(InvalidInput):
        traits.read(events, np.array([0]), ("age",))


def test_a_field_that_hardly_anybody_shares_is_refused():
    many = [person(0, trait=n + 1) for n in range(traits.MOST + 1)]
    with pytest.raises(InvalidInput) as caught:
        learn(Hybrid(**SMALL, traits=("age",), weights={}), many)
    assert caught.value.reason == "recommend.size"


def test_it_needs_these_fields_and_no_others():
    assert Hybrid().needs == {"purchase.item", "purchase.basket"}
    assert Hybrid(traits=("age",)).needs - Hybrid().needs == {"profile.age"}


def test_forgetting_gives_the_bytes_of_never_having_seen_her(people):
    model, names = Hybrid(**BOTH), SHOP.level().names
    people = [*people, person(1, trait=9)]  # the only one with her trait
    every, never = learn(model, people), learn(model, people[:-1])
    assert 9 in every.arrays["traits.codes"]
    assert 9 not in never.arrays["traits.codes"]
    again = learn(model, people[:-1][::-1])  # in whatever order
    assert pack(Artifact(model, names, again)) == pack(Artifact(model, names, never))
    kept = Contributions.of(model.contribution(history, NOW) for history in people[:-1])
    assert model.fit(SIZE, kept, every.arrays).equal(never)  # by what the state remembers


def test_with_weights_given_it_is_a_sum(people):
    model = Hybrid(**BOTH, weights=GIVEN)
    people = [*people, person(1, trait=9)]
    state = learn(model, people)
    one_by_one = model.empty(SIZE)
    for history in reversed(people):
        model.add(one_by_one, model.contribution(history, NOW))
    assert one_by_one.equal(state)
    for gone in (30, 4):
        model.add(state, model.contribution(people[gone], NOW), sign=-1)
    assert state.equal(learn(model, [*people[:4], *people[5:30]]))
    with pytest.raises(IntegrityError):
        model.add(model.empty(SIZE), model.contribution(people[4], NOW), sign=-1)
    other = History(*(getattr(people[4], f) for f in ("index", "visit", "day")), np.array([9]))
    with pytest.raises(IntegrityError):
        model.add(state, model.contribution(other, NOW), sign=-1)


def test_a_segment_is_shrunk_to_everybody(people):
    state = learn(Hybrid(**BOTH), people)
    found = traits.Segments.of(state, floor=2, least=3)
    sets = np.array([np.bincount(h.index, minlength=SIZE) for h in people])
    young = np.array([h.traits[0] == YOUNG for h in people])
    usual = (sets.sum(0) + 0.5) / (len(people) + 1)
    counts = np.maximum(sets[young].sum(0), 2)
    lift = np.log((counts + traits.CAUTION * usual) / (young.sum() + traits.CAUTION) / usual)
    few = sets[young].sum(0) < 2
    np.testing.assert_allclose(found.row(YOUNG), np.where(few, np.minimum(lift, 0), lift))
    assert (found.row(YOUNG)[few] <= 0).all()
    assert not found.row(99).any()


def test_a_trait_of_few_people_says_nothing(people):
    two = [person(1, trait=9), person(3, trait=9)]
    state = learn(Hybrid(**BOTH), [*people, *two])
    assert not traits.Segments.of(state, floor=2, least=3).row(9).any()
    assert traits.Segments.of(state, floor=2, least=2).row(9).any()


def test_who_is_unknown_gets_what_people_like_her_take(people):
    model = Hybrid(**BOTH, weights=GIVEN)
    fitted = model.finish(learn(model, people), SHOP)
    for trait, half in ((YOUNG, range(5)), (OLD, range(6, 11))):
        top = fitted.top(unknown(trait), 3, now_day=NOW)
        assert set(top) <= set(half)
        reason = fitted.reason(unknown(trait), int(top[0]))
        assert (reason.kind, reason.trait, reason.count) == ("segment", "age", 2)
    for nobody in (EMPTY, unknown(traits.ABSENT), unknown(99)):
        # Popularity alone: the best of both halves.
        assert set(fitted.top(nobody, 2, now_day=NOW)) == {0, 6}
        assert fitted.reason(nobody, 0).kind == "popular"
    assert set(fitted.popular(2)) == {0, 6}


def test_a_reason_names_a_segment_only_where_so_many_have_it(people):
    model = Hybrid(**BOTH)
    fitted = model.finish(learn(model, people), SHOP)
    sets = np.array([np.bincount(h.index, minlength=SIZE) for h in people])
    for trait in (YOUNG, OLD):
        theirs = np.array([h.traits[0] == trait for h in people])
        top = fitted.top(unknown(trait), SIZE, now_day=NOW)
        for entry, reason in zip(top, fitted.reasons(unknown(trait), top), strict=True):
            if reason.kind == "segment":
                assert sets[theirs, entry].sum() >= reason.count
                assert sets[theirs, entry].mean() > sets[:, entry].mean()


def test_popularity_fades_with_what_is_known(people):
    model = Hybrid(**SMALL, traits=("age",), weights={"fresh.prior": 1.0})
    further = model.finish(learn(model, people), SHOP).sources.further
    new, known = further.of(unknown(YOUNG))[:, 0], further.of(people[0])[:, 0]
    np.testing.assert_allclose(known, new * (1 - np.log(5) / FADES))


def test_leaning_is_by_the_share_of_her_words(people):
    level = SHOP.level()
    words = Words.of(SHOP, level, ("colour",))
    had = np.arange(SIZE)
    leaning = Leaning.of(words, had)
    red = (had[:6].sum() + 1) / (had.sum() + 2)
    only_red = History(np.array([0, 1, 1]), np.arange(3), np.zeros(3, np.int64))
    found = leaning.of_person(only_red)
    np.testing.assert_allclose(found[0], np.log((2 + 10 * red) / 12 / red))
    assert found[0] == found[5] > 0 > found[6]
    assert not leaning.of_person(EMPTY).any()


def test_content_carries_and_says_so(people):
    model = Hybrid(**SMALL, content=("colour",), weights={"fresh.content": 5.0})
    fitted = model.finish(learn(model, people), SHOP)
    narrow = History(np.array([1]), np.zeros(1, np.int64), np.array([NOW]))
    top = fitted.top(narrow, 3, now_day=NOW, exclude=narrow.index)
    assert set(top) <= {0, 2, 3, 4}
    reasons = fitted.reasons(narrow, top)
    assert {(reason.kind, reason.entry) for reason in reasons} == {("like", "i01")}


@pytest.mark.parametrize(
    "parts", [("habit",), ("ease",), ("baskets",), ("trend",), ("ease", "baskets", "trend")]
)
@pytest.mark.parametrize("validate", ["share", "windows"])
def test_it_works_with_any_part_missing(people, parts, validate):
    model = Hybrid(**{**BOTH, "validate": validate}, parts=parts)
    fitted = model.finish(learn(model, people), SHOP)
    for history in (people[0], EMPTY, unknown(OLD)):
        top = fitted.top(history, SIZE, now_day=NOW)
        assert len(top)
        assert HIDDEN not in top
        assert len(fitted.reasons(history, top)) == len(top)


def test_weights_are_chosen_on_a_share_held_out(people):
    state = learn(Hybrid(**BOTH), people)
    before = Hybrid(**BOTH).empty(SIZE).arrays["weights"]
    assert not np.array_equal(state.arrays["weights"], before)
    seen = [name.startswith("seen.") for name in Hybrid(**BOTH).names]
    assert np.array_equal(state.arrays["weights"][seen], before[seen])


def test_popularity_counts_as_much_as_any_trait(people):
    model = Hybrid(**BOTH)
    chosen = dict(zip(model.names, learn(model, people).arrays["weights"].tolist(), strict=True))
    assert chosen["fresh.prior"] >= chosen["fresh.trait.age"]


def test_a_share_is_drawn_by_what_she_has_alone(people):
    many = History(np.arange(60), np.zeros(60, np.int64), np.zeros(60, np.int64), np.array([7]))
    first, second = by_share([*people, many], 2)
    for held in (first, second):
        for history, past, came in zip([*people, many], held.past, held.came, strict=True):
            assert len(came) == min(len(history.entries()) // 3, 10)
            assert set(past.entries()) == set(history.entries()) - set(came.tolist())
            assert past.traits is history.traits
    assert not np.array_equal(first.came[-1], second.came[-1])
    (alone,) = by_share([many], 1)
    assert np.array_equal(alone.came[0], first.came[-1])
    # Not the same entries of everybody: none is missing where all of them are learned from.
    fewer = [History(np.delete(np.arange(60), n), *np.zeros((2, 59), np.int64)) for n in range(40)]
    (held,) = by_share(fewer, 1)
    assert set(np.concatenate([past.index for past in held.past]).tolist()) == set(range(60))


def test_the_bytes_come_back(people):
    for model in (Hybrid(**BOTH), Hybrid(**BOTH, weights=GIVEN)):
        made = pack(Artifact(model, SHOP.level().names, learn(model, people)))
        back = unpack(made)
        assert back.recommender == model
        assert pack(back) == made


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("traits.codes", np.array([OLD, YOUNG])),
        ("traits.people", np.array([3, 0])),
        ("traits.people", np.array([3])),
        ("traits.entries", np.zeros((2, SIZE + 1), np.int64)),
        ("words.starts", np.zeros(SIZE + 1, np.int64)),
        ("words.starts", np.zeros(SIZE, np.int64)),
        ("words.words", np.full(SIZE, -1)),
        ("words.words", np.zeros(SIZE, np.int32)),
        ("people", np.zeros(2, np.int64)),
        ("more", np.zeros(1, np.int64)),
    ],
)
def test_a_state_that_it_cannot_have_made_is_refused(people, name, array):
    model, state = Hybrid(**BOTH), learn(Hybrid(**BOTH), people)
    assert model.fits(state)
    assert not model.fits(State(SIZE, {**state.arrays, name: array}))
    fewer = {held: a for held, a in state.arrays.items() if held != name}
    assert model.fits(State(SIZE, fewer)) == (name == "more")


@pytest.mark.parametrize("packed", [[1, 2, 3], [-1, 0], [5]])
def test_a_contribution_that_does_not_fit_is_refused(packed):
    with pytest.raises(IntegrityError):
        traits.unpack(np.array(packed, np.int32))


def test_content_without_its_words_is_refused(people):
    model = Hybrid(**BOTH)
    with pytest.raises(InvalidInput):
        model.fit(SIZE, Contributions.of([model.contribution(people[0], NOW)]))


@pytest.mark.parametrize("bad", [{"validate": "never"}, {"scaling": 2}, {"scaling": -0.1}])
def test_parameters_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInput):
        Hybrid(**bad)


def test_scaling_divides_by_length_while_it_is_solved(people):
    sets = np.array([np.bincount(h.index, minlength=SIZE) for h in people], float)[:, :5]
    length = np.sqrt(sets.sum(0)) ** 0.5
    scaled = sets / length
    wanted = solve(scaled.T @ scaled, 2) / length[:, None] * length
    # What a scaled row says for a scaled column, told of rows and columns as they are.
    assert np.allclose(sets / length @ solve(scaled.T @ scaled, 2) * length, sets @ wanted)
    same = {"floor": 1, "least": 1, "regularization": 2, "scaling": 0.5}
    for model in (EASE(**same), SparseEASE(**same, near=SIZE)):
        kept = Contributions.of(model.contribution(h, NOW) for h in people)
        says = model.finish(model.fit(SIZE, kept), SHOP).says
        says = says if isinstance(says, np.ndarray) else says.toarray()
        np.testing.assert_allclose(says[:5, :5], wanted, atol=1e-12)


def films(**floors):
    """What is right for MovieLens: everybody came once, in one sitting."""
    return Hybrid(
        event="rating",
        basket=None,
        parts=("ease",),
        traits=("age", "gender", "occupation"),
        content=("genres",),
        regularization=50,
        half_life_days=100_000,
        scaling=0.5,
        themes=False,
        validate="share",
        **floors,
    )


def fit(data, model, chosen=slice(None)):
    """The model of some people, and the histories of all."""
    shop = data.catalogue()
    events = {"rating": data.events(data.train), "profile": data.profiles()}
    cohort = model.histories(events, shop.level())
    everybody = model.contributions(cohort, data.last_day)
    words = model.of_items(shop, shop.level())
    state = model.fit(
        len(shop),
        Contributions.of(everybody[int(i)] for i in np.arange(len(cohort))[chosen]),
        words,
    )
    return model.finish(state, shop), cohort


def test_movielens_with_genres_and_demographics():
    """nDCG@10 on ``ua``, full ranking without what was rated before; EASE alone gives 0.317.

    Weights are chosen on ``ua.base`` alone. Without floors, like what it is compared with.
    """
    data = movielens()
    fitted, cohort = fit(data, films(floor=1, least=1))
    ranked = lists(fitted, cohort, 10, data.last_day)["new"]
    found = quality(ranked, entries_of(data.events(data.test), fitted.level))
    assert found.people == 943
    assert found.ndcg >= 0.324


def test_movielens_who_is_new():
    """Every fifth person is known by her traits alone: better than what is popular by 0.02."""
    data = movielens()
    fitted, cohort = fit(data, films(), np.arange(943) % 5 != 0)
    truth = entries_of(data.events(data.train), fitted.level)
    ndcg = []
    for blind in (False, True):
        ranked = np.full((943, 10), -1)
        for i in range(0, 943, 5):
            trait = np.zeros(3, np.int64) if blind else cohort[i].traits
            someone = History(EMPTY.index, EMPTY.visit, EMPTY.day, trait)
            ranked[i] = fitted.top(someone, 10, now_day=data.last_day)
        ndcg.append(per_person(ranked, truth).values["ndcg"][::5].mean())
    assert ndcg[0] >= ndcg[1] + 0.02
