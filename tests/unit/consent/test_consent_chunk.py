"""A chunk: marks in, the same marks out, whatever way they came."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privet.consent.chunk import SPAN, Chunk, build, decode, update

NUMBER = 3
ordinals = st.integers(NUMBER * SPAN, NUMBER * SPAN + 12) | st.just((NUMBER + 1) * SPAN - 1)
marks = st.tuples(st.booleans(), st.none() | st.integers(-5, 5) | st.just(2**62))


def same(a: Chunk, b: Chunk) -> bool:
    return (
        (a.number, a.on, a.off) == (b.number, b.on, b.off)
        and np.array_equal(a.expires, b.expires)
        and np.array_equal(a.lapsing, b.lapsing)
    )


@given(st.dictionaries(ordinals, marks))
def test_a_chunk_reads_back_the_same(given_marks: dict[int, tuple[bool, int | None]]) -> None:
    chunk = build(NUMBER, given_marks)
    again = decode(NUMBER, chunk.encode())
    assert same(chunk, again)
    assert again.encode() == chunk.encode()


@given(st.dictionaries(ordinals, marks), st.dictionaries(ordinals, st.none() | marks))
def test_updating_equals_building_anew(
    first: dict[int, tuple[bool, int | None]], then: dict[int, tuple[bool, int | None] | None]
) -> None:
    whole = {s: m for s, m in {**first, **then}.items() if m is not None}
    assert update(build(NUMBER, first), then).encode() == build(NUMBER, whole).encode()


@given(st.dictionaries(ordinals, marks), st.integers(-6, 6))
def test_the_lapsed_are_those_whose_expiry_has_come(
    given_marks: dict[int, tuple[bool, int | None]], now: int
) -> None:
    chunk = build(NUMBER, given_marks)
    lapsed = {s for s, (on, e) in given_marks.items() if on and e is not None and e <= now}
    assert set(chunk.lapsed(now)) == lapsed
    assert lapsed <= set(chunk.on)
    assert (chunk.due is not None and chunk.due <= now) == bool(lapsed)
