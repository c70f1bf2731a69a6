"""What is released moves only by nobody or by enough people."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.segments.placing import coarse, place, shared

segments = st.sampled_from(["a", "b", "c"])
placements = st.dictionaries(st.integers(0, 40), segments, max_size=40)


def crowd(**sizes: int) -> dict[int, str]:
    names = [name for name, n in sizes.items() for _ in range(n)]
    return dict(enumerate(names))


def test_the_first_placing_takes_every_segment_that_is_large_enough() -> None:
    placing = place({}, crowd(a=5, b=4), {}, least=5)
    assert Counter(placing.where.values()) == {"a": 5}
    assert placing.fresh == {"a"}
    assert placing.waiting == 4


def test_one_who_moves_waits_for_others() -> None:
    before = crowd(a=6, b=6)
    counted = {"a": 6, "b": 6}
    one = place(before, before | {0: "b"}, counted, least=3)
    assert (one.where, one.waiting) == (before, 1)
    three = place(before, before | {0: "b", 1: "b", 2: "b"}, counted, least=3)
    assert Counter(three.where.values()) == {"a": 3, "b": 9}


def test_one_who_joins_waits_for_others() -> None:
    before = crowd(a=6)
    assert 6 not in place(before, before | {6: "a"}, {"a": 6}, least=3).where
    more = {6: "a", 7: "a", 8: "a"}
    assert place(before, before | more, {"a": 6}, least=3).where == before | more


def test_who_left_is_gone_at_once_and_the_figures_stay() -> None:
    before = crowd(a=6, b=6)
    without = {p: s for p, s in before.items() if p != 0}
    placing = place(without, without, {"a": 6, "b": 6}, least=3)
    assert 0 not in placing.where
    assert placing.fresh == {"b"}, "new figures of a would tell that one person left it"


def test_who_left_counts_as_a_difference_of_what_follows() -> None:
    before = dict.fromkeys(range(2, 9), "a")  # two of nine left
    counted = {"a": 9}
    assert place(before, before | {9: "a"}, counted, least=3).where == before | {9: "a"}


def test_moves_that_hang_together_are_held_back_together() -> None:
    before = crowd(a=6, b=6, c=6)
    # Three leave a: two to b, which is too few for b, so one alone would leave for c.
    placing = place(before, before | {0: "b", 1: "b", 2: "c"}, dict(Counter(before.values())), 3)
    assert placing.where == before


@given(placements, placements, st.integers(1, 6), st.sets(st.integers(0, 40)))
def test_no_segment_changes_by_fewer_than_the_least(
    first: dict[int, str], second: dict[int, str], least: int, gone: set[int]
) -> None:
    released = place({}, first, {}, least)
    counted = Counter(released.where.values())
    assert all(n >= least for n in counted.values())
    before = {p: s for p, s in released.where.items() if p not in gone}
    after = {p: s for p, s in second.items() if p not in gone}
    placing = place(before, after, counted, least)
    assert gone.isdisjoint(placing.where)
    for segment in ("a", "b", "c"):
        was = {p for p, s in released.where.items() if s == segment}
        now = {p for p, s in placing.where.items() if s == segment}
        stayed = {p for p in was if p in after}
        if segment in placing.fresh:
            assert len(was ^ now) == 0 or len(was ^ now) >= least
        else:
            assert now == stayed or not now, "only leaving may be read from it"


@given(placements, placements, st.integers(1, 6))
def test_what_waits_is_applied_once_enough_wait(
    first: dict[int, str], second: dict[int, str], least: int
) -> None:
    again = place(first, second, Counter(first.values()), 1)
    assert again.where == second
    assert again.waiting == 0


def test_only_ways_that_many_went_are_told() -> None:
    ways = [("a", "b")] * 3 + [("a", "c")] + [("a", "a")] * 5
    assert shared(ways, 3) == {("a", "a"): 5, ("a", "b"): 3}


@pytest.mark.parametrize(
    ("count", "least", "told"), [(49, 50, 0), (50, 50, 50), (57, 50, 50), (7, 3, 6), (2, 3, 0)]
)
def test_counts_are_told_in_tens(count: int, least: int, told: int) -> None:
    assert coarse(count, least) == told
