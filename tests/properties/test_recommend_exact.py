"""Forgetting is exact: whatever the order, what remains is as if the others had never been."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from privet.clock import DAY_US
from privet.features import Catalogue
from privet.recommend import (
    EASE,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    SparseEASE,
    from_bytes,
    pack,
    to_bytes,
)
from privet.recommend.codec import Artifact, unpack
from privet.types import Events

SIZE = 6
SHOP = Catalogue(
    tuple(f"i{n}" for n in range(SIZE)), hidden=np.array([False] * (SIZE - 1) + [True])
)
MODELS = [
    Popularity(least=1),
    PersonalFrequency(least=1),
    ItemItem(floor=1),
    EASE(floor=1, least=1, regularization=1),
    EASE(floor=1, least=1, weights="log"),
    EASE(floor=2, least=2, weights="recency", half_life_days=3),
    NextBasket(floor=1, least=1, group=2),
    SparseEASE(floor=1, least=1, weights="log", near=2),
]

row = st.tuples(st.integers(0, 9), st.integers(-1, SIZE - 1), st.sampled_from(["x", "y", None]))
people = st.lists(st.lists(row, max_size=6), min_size=1, max_size=5)


def dense(array) -> bytes:
    """The bits of a dense or a sparse array."""
    return (array if isinstance(array, np.ndarray) else array.toarray()).tobytes()


class Forgetting(RuleBasedStateMachine):
    """Adds, subtracts, stores and opens again; compares with a fit of those who remain."""

    @initialize(model=st.sampled_from(MODELS))
    def begin(self, model):
        self.model = model
        self.state = model.empty(SIZE)
        self.kept: dict[int, bytes] = {}
        self.next = 0

    @rule(found=st.lists(row, max_size=6))
    def add(self, found):
        cohort = self.model.histories({"purchase": events_of([found])}, SHOP.level())
        added = self.model.contribution(cohort[0], 9)
        self.model.add(self.state, added)
        self.kept[self.next] = to_bytes(added)
        self.next += 1

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def forget(self, data):
        who = data.draw(st.sampled_from(sorted(self.kept)))
        self.model.add(self.state, from_bytes(self.kept.pop(who)), sign=-1)

    @rule()
    def store_and_open(self):
        names = tuple(str(i) for i in range(SIZE))
        self.state = unpack(pack(Artifact(self.model, names, self.state))).state

    @invariant()
    def equals_a_fit_of_those_who_remain(self):
        if not hasattr(self, "model"):
            return
        # The other way round: no order of additions may show.
        fresh = self.model.empty(SIZE)
        for kept in reversed(list(self.kept.values())):
            self.model.add(fresh, from_bytes(kept))
        assert self.model.fits(self.state)
        for name, array in fresh.arrays.items():
            np.testing.assert_array_equal(self.state.arrays[name], array)
        assert self.state.equal(fresh)
        one, other = (self.model.finish(state, SHOP) for state in (self.state, fresh))
        for name in ("says", "products", "total"):
            if hasattr(one, name):
                assert dense(getattr(one, name)) == dense(getattr(other, name))


TestForgetting = Forgetting.TestCase


def events_of(found: list[list[tuple]], first: int = 1) -> Events:
    rows = [r for p in found for r in sorted(p, key=lambda r: r[0])]
    day, item, basket = zip(*rows, strict=True) if rows else ((),) * 3
    return Events(
        np.arange(first, first + len(found), dtype=np.int64),
        np.cumsum([0, *(len(p) for p in found)]),
        np.array(day, np.int64) * DAY_US,
        {"item": np.array(item, np.int64), "basket": np.array(basket, object)},
    )


def fit(model, found, first=1):
    cohort = model.histories({"purchase": events_of(found, first)}, SHOP.level())
    return model.add_all(model.empty(SIZE), model.contributions(cohort, 9)), cohort


@pytest.mark.parametrize("model", MODELS, ids=str)
@given(found=people)
def test_a_cohort_at_once_equals_one_by_one(model, found):
    state, cohort = fit(model, found)
    single = model.empty(SIZE)
    for position in range(len(cohort)):
        model.add(single, model.contribution(cohort[position], 9))
    assert state.equal(single)


@pytest.mark.parametrize("model", MODELS, ids=str)
@given(found=people, random=st.randoms(), first=st.integers(1, 2**40))
def test_ordinals_and_order_of_people_leave_no_mark(model, found, random, first):
    shuffled = random.sample(found, len(found))
    assert fit(model, found)[0].digest() == fit(model, shuffled, first)[0].digest()


@pytest.mark.parametrize("model", MODELS, ids=str)
@given(found=people, data=st.data())
def test_lists_after_forgetting_equal_lists_without_the_person(model, found, data):
    gone = data.draw(st.integers(0, len(found) - 1))
    state, cohort = fit(model, found)
    model.add(state, model.contribution(cohort[gone], 9), sign=-1)
    rest = found[:gone] + found[gone + 1 :]
    without, _ = fit(model, rest)
    one, other = model.finish(state, SHOP), model.finish(without, SHOP)
    for position in range(len(cohort)):
        asked = cohort[position]
        assert one.score(asked, 9).tobytes() == other.score(asked, 9).tobytes()


@given(found=people, data=st.data())
def test_a_history_does_not_depend_on_the_others(found, data):
    model = PersonalFrequency()
    _, cohort = fit(model, found)
    position = data.draw(st.integers(0, len(found) - 1))
    _, alone = fit(model, [found[position]])
    one, many = alone[0], cohort[position]
    for name in ("index", "visit", "day"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


@given(found=people)
def test_what_is_hidden_leaves_no_trace_in_a_state(found):
    seen = [[r for r in p if r[1] != SIZE - 1] for p in found]
    for model in MODELS:
        assert fit(model, found)[0].equal(fit(model, seen)[0])


@given(found=people)
def test_who_has_no_visible_entry_is_not_counted(found):
    for model in MODELS:
        more = [*found, [], [(1, -1, "x"), (1, SIZE - 1, None)]]
        assert fit(model, more)[0].equal(fit(model, found)[0])
