"""EASE over many entries: equal to the dense one where it should be, and its limits."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import IntegrityError, InvalidInput
from privet.features import Catalogue
from privet.recommend import EASE, Artifact, History, SparseEASE, State, pack, sparse, unpack
from privet.recommend.gram import MOST_ENTRIES

SIZE = 5
SHOP = Catalogue(tuple(f"i{n}" for n in range(SIZE)))


def people(count=40, size=SIZE):
    """Visits of people; every pair of entries is shared by somebody."""
    random = np.random.default_rng(5)
    for _ in range(count):
        index = random.integers(0, size, random.integers(2, 9))
        yield History(index, np.arange(len(index)), random.integers(0, 9, len(index)))


def learn(model, found):
    state = model.empty(SIZE)
    for history in found:
        model.add(state, model.contribution(history, 9))
    return state


@pytest.mark.parametrize("weights", ["binary", "log", "recency"])
def test_with_everything_near_it_is_ease(weights):
    found = list(people())
    same = {"floor": 1, "least": 1, "regularization": 3, "weights": weights}
    dense, near = EASE(**same), SparseEASE(**same, near=SIZE)
    one = dense.finish(learn(dense, found), SHOP)
    other = near.finish(learn(near, found), SHOP)
    np.testing.assert_allclose(other.says.toarray(), one.says, atol=1e-12)
    history = found[3]
    np.testing.assert_allclose(other.score(history, 9), one.score(history, 9), atol=1e-12)
    np.testing.assert_allclose(other.together(2), one.together(2), atol=1e-12)
    ranked = np.array([0, 4])
    assert other.reasons(history, ranked) == one.reasons(history, ranked)


def test_only_the_nearest_speak():
    found = list(people())
    model = SparseEASE(floor=1, least=1, near=2)
    says = model.finish(learn(model, found), SHOP).says.toarray()
    sets = np.array([np.bincount(h.index, minlength=SIZE) > 0 for h in found], float)
    cosine = sets.T @ sets / np.sqrt(np.outer(sets.sum(0), sets.sum(0)))
    np.fill_diagonal(cosine, -1)
    for entry in range(SIZE):
        assert set(np.flatnonzero(says[:, entry])) == set(np.argsort(-cosine[:, entry])[:2])


def test_pairs_and_entries_of_few_people_say_nothing():
    model = SparseEASE(floor=3, least=2)
    state = model.empty(SIZE)
    for entries, times in (([0, 1], 4), ([0, 2], 2), ([3], 1), ([0, 3], 1)):
        for _ in range(times):
            model.add(state, np.array(entries, np.int32))
    fitted = model.finish(state, SHOP)
    assert fitted.kept.tolist() == [0, 1, 2, 3]
    says = fitted.says.toarray()
    assert says[0, 1] > 0
    assert not says[:, 2:].any()
    assert not says[2:].any()


def test_it_takes_more_entries_than_there_are_places_for_pairs():
    size = 20 * MOST_ENTRIES
    model = SparseEASE(floor=1, least=1)
    state = model.add(model.empty(size), np.array([3, size - 1], np.int32))
    assert state.arrays["keys"].tolist() == [3 * size + 3, 4 * size - 1, size**2 - 1]
    catalogue = Catalogue(tuple(f"{n:06}" for n in range(size)))
    artifact = unpack(pack(Artifact(model, catalogue.level().names, state)))
    fitted = artifact.finish(catalogue)
    asked = History(np.array([3]), np.array([0]), np.array([0]))
    assert fitted.top(asked, 3, now_day=0).tolist() == [size - 1]


def test_more_pairs_than_a_model_may_hold_are_refused(monkeypatch):
    model = SparseEASE()
    monkeypatch.setattr(sparse, "MOST_PAIRS", 3)
    state = model.add(model.empty(SIZE), np.array([0, 1], np.int32))
    with pytest.raises(InvalidInput) as caught:
        model.add(state, np.array([0, 2], np.int32))
    assert caught.value.reason == "recommend.size"


@pytest.mark.parametrize("gone", [[0, 2], [2], [4], [0, 1, 3]])
def test_who_was_never_added_cannot_be_subtracted(gone):
    model = SparseEASE()
    state = model.add(model.empty(SIZE), np.array([0, 1], np.int32))
    before = state.digest()
    with pytest.raises(IntegrityError):
        model.add(state, np.array(gone, np.int32), sign=-1)
    assert state.digest() == before


def test_the_last_of_a_pair_must_leave_nothing():
    model = SparseEASE(weights="log")
    state = model.add(model.empty(SIZE), np.array([0, 9], np.int32))
    with pytest.raises(IntegrityError):
        model.add(state, np.array([0, 8], np.int32), sign=-1)


@pytest.mark.parametrize(
    ("keys", "pairs"), [([1, 0], [1, 1]), ([0, 25], [1, 1]), ([-1, 0], [1, 1]), ([0, 1], [1, 0])]
)
def test_a_state_that_cannot_be_is_refused(keys, pairs):
    arrays = {"keys": np.array(keys), "pairs": np.array(pairs, np.int32), "gram": np.ones(2, int)}
    data = pack(Artifact(SparseEASE(), SHOP.ids, State(SIZE, arrays)))
    with pytest.raises(IntegrityError):
        unpack(data)


def test_arrays_of_another_form_are_refused():
    good = SparseEASE().empty(SIZE)
    for name in good.arrays:
        for wrong in (np.zeros(1, good.arrays[name].dtype), np.zeros(0, np.int16)):
            assert not SparseEASE().fits(State(SIZE, {**good.arrays, name: wrong}))
    assert not SparseEASE().fits(State(SIZE, {}))
