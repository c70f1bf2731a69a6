"""What is released moves only by nobody or by enough people."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.segments.placing import Told, coarse, place, shared

segments = st.sampled_from(["a", "b", "c"])
placements = st.dictionaries(st.integers(0, 40), segments, max_size=40)


def crowd(**sizes: int) -> dict[int, str]:
    names = [name for name, n in sizes.items() for _ in range(n)]
    return dict(enumerate(names))


def test_the_first_placing_takes_every_segment_that_is_large_enough() -> None:
    placing = place([], crowd(a=5, b=4), least=5)
    assert Counter(placing.where.values()) == {"a": 5}
    assert placing.fresh == {"a"}
    assert placing.waiting == 4


def test_one_who_moves_waits_for_others() -> None:
    before = crowd(a=6, b=6)
    past = [Told(before, {"a": 6, "b": 6})]
    one = place(past, before | {0: "b"}, least=3)
    assert (one.where, one.waiting) == (before, 1)
    three = place(past, before | {0: "b", 1: "b", 2: "b"}, least=3)
    assert Counter(three.where.values()) == {"a": 3, "b": 9}


def test_one_who_joins_waits_for_others() -> None:
    before = crowd(a=6)
    past = [Told(before, {"a": 6})]
    assert 6 not in place(past, before | {6: "a"}, least=3).where
    more = {6: "a", 7: "a", 8: "a"}
    assert place(past, before | more, least=3).where == before | more


def test_who_left_is_gone_at_once_and_the_figures_stay() -> None:
    before = crowd(a=6, b=6)
    without = {p: s for p, s in before.items() if p != 0}
    placing = place([Told(without, {"a": 6, "b": 6})], without, least=3)
    assert 0 not in placing.where
    assert placing.fresh == {"b"}, "new figures of a would tell that one person left it"


def test_who_left_counts_as_a_difference_of_what_follows() -> None:
    before = dict.fromkeys(range(2, 9), "a")  # two of nine left
    past = [Told(before, {"a": 9})]
    assert place(past, before | {9: "a"}, least=3).where == before | {9: "a"}


def test_moves_that_hang_together_are_held_back_together() -> None:
    before = crowd(a=6, b=6, c=6)
    # Three leave a: two to b, which is too few for b, so one alone would leave for c.
    placing = place([Told(before, Counter(before.values()))], before | {0: "b", 1: "b", 2: "c"}, 3)
    assert placing.where == before


def test_one_who_moves_out_waits_for_others() -> None:
    before = crowd(a=6, b=6)
    past = [Told(before, {"a": 6, "b": 6})]
    one = place(past, {p: s for p, s in before.items() if p != 0}, least=3)
    assert (one.where, one.waiting) == (before, 1)
    three = place(past, {p: s for p, s in before.items() if p > 2}, least=3)
    assert Counter(three.where.values()) == {"a": 3, "b": 6}


def test_what_a_month_ago_would_tell_waits_too() -> None:
    """Three joined and three left again, one of them another: of a month ago that is two."""
    first = crowd(a=6, b=6)
    second = first | {20: "a", 21: "a", 22: "a"}
    third = {**first, 20: "a"}
    del third[0]
    past = [Told(told, Counter(told.values())) for told in (first, second)]
    assert place(past[1:], third, least=3).where == third
    assert place(past, third, least=3).where == second


weeks = st.lists(st.tuples(placements, st.sets(st.integers(0, 40), max_size=3)), max_size=6)


@given(weeks, st.integers(1, 6))
def test_no_segment_differs_from_an_earlier_release_by_fewer_than_the_least(
    told: list[tuple[dict[int, str], set[int]]], least: int
) -> None:
    releases: list[dict[int, str]] = []
    gone: set[int] = set()
    for after, leave in told:
        gone |= leave
        past = [
            Told({p: s for p, s in where.items() if p not in gone}, Counter(where.values()))
            for where in releases
        ]
        placing = place(past, {p: s for p, s in after.items() if p not in gone}, least)
        assert gone.isdisjoint(placing.where)
        for where in releases or [{}]:
            for segment in ("a", "b", "c"):
                was = {p for p, s in where.items() if s == segment}
                now = {p for p, s in placing.where.items() if s == segment}
                if segment in placing.fresh:
                    assert len(was ^ now) == 0 or len(was ^ now) >= least
        releases.append(dict(placing.where))


@given(placements, st.sets(st.integers(0, 40), max_size=5), st.integers(1, 6))
def test_of_a_segment_that_stays_as_it_was_only_leaving_may_be_read(
    first: dict[int, str], gone: set[int], least: int
) -> None:
    released = place([], first, least).where
    before = {p: s for p, s in released.items() if p not in gone}
    after = dict.fromkeys(before, "a")
    placing = place([Told(before, Counter(released.values()))], after, least)
    for segment in {*released.values()} - placing.fresh:
        now = {p for p, s in placing.where.items() if s == segment}
        assert now in (set(), {p for p, s in before.items() if s == segment})


@given(placements, placements, st.integers(1, 6))
def test_what_waits_is_applied_once_enough_wait(
    first: dict[int, str], second: dict[int, str], least: int
) -> None:
    again = place([Told(first, Counter(first.values()))], second, 1)
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
