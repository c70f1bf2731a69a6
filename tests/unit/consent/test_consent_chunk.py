"""A chunk: marks in, the same marks out, whatever way they came."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privet.consent.chunk import (
    NEVER,
    PERIOD_US,
    SPAN,
    Chunk,
    Mark,
    Part,
    decode,
    empty,
    merged,
    period_of,
    shortened,
    update,
)

NUMBER = 3
ordinals = st.integers(NUMBER * SPAN, NUMBER * SPAN + 12) | st.just((NUMBER + 1) * SPAN - 1)
instants = st.integers(-5, 5) | st.integers(-2, 2).map(PERIOD_US.__mul__) | st.just(2**62)
marks = st.tuples(st.booleans(), st.none() | instants)


def build(given_marks: dict[int, Mark]) -> Chunk:
    return update(empty(NUMBER), given_marks)


def same(a: Chunk, b: Chunk) -> bool:
    return (a.number, a.on, a.off) == (b.number, b.on, b.off) and np.array_equal(
        a.expires, b.expires
    )


@given(st.dictionaries(ordinals, marks))
def test_a_chunk_reads_back_the_same(given_marks: dict[int, Mark]) -> None:
    chunk = build(given_marks)
    bits, parts = chunk.encode()
    again = decode(NUMBER, bits).whole(parts)
    assert same(chunk, again)
    assert again.encode() == (bits, parts)


@given(st.dictionaries(ordinals, marks), st.dictionaries(ordinals, st.none() | marks))
def test_updating_equals_building_anew(
    first: dict[int, Mark], then: dict[int, Mark | None]
) -> None:
    whole = {s: m for s, m in {**first, **then}.items() if m is not None}
    assert update(build(first), then).encode() == build(whole).encode()


@given(st.dictionaries(ordinals, marks), st.lists(st.tuples(ordinals, marks), min_size=1))
def test_merging_very_many_equals_updating(
    first: dict[int, Mark], then: list[tuple[int, Mark]]
) -> None:
    snos = np.array([sno for sno, _ in then], np.int64)
    on = np.array([on for _, (on, _) in then])
    expires = np.array([NEVER if e is None else e for _, (_, e) in then], np.int64)
    made = merged(build(first), snos, on, expires)
    assert made.encode() == update(build(first), dict(then)).encode()


@given(st.dictionaries(ordinals, marks), instants)
def test_the_lapsed_are_those_whose_expiry_has_come(given_marks: dict[int, Mark], now: int) -> None:
    chunk = build(given_marks)
    bits, parts = chunk.encode()
    today = period_of(now)
    needed = {
        p: part if p == today else Part(part.who, b"") for p, part in parts.items() if p <= today
    }
    found = decode(NUMBER, bits).lapsed(now, needed)
    lapsed = {s for s, (on, e) in given_marks.items() if on and e is not None and e <= now}
    assert set(found) == lapsed
    assert lapsed <= set(chunk.on)
    assert (chunk.due is not None and chunk.due <= now) == bool(lapsed)
    before = {(s, e) for s, (on, e) in given_marks.items() if on and e is not None and e < now}
    assert set(chunk.lapsing(now)) == before


@given(st.dictionaries(ordinals, marks), instants)
def test_shortened_nobody_holds_longer_and_nobody_less(
    given_marks: dict[int, Mark], at: int
) -> None:
    expected = {
        s: (on, at if e is None or not on else min(e, at)) for s, (on, e) in given_marks.items()
    }
    assert same(shortened(build(given_marks), at), build(expected))
