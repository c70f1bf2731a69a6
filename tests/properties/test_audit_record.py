"""Canonical encoding keeps every body and gives equal bodies equal bytes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from privet.audit.record import MAX_INT, decode, encode

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=6)


@given(BODIES)
def test_a_body_comes_back_as_it_was(body: dict[str, object]) -> None:
    assert decode(encode(body)) == body


@given(BODIES)
def test_the_order_of_keys_is_not_seen(body: dict[str, object]) -> None:
    assert encode(dict(reversed(body.items()))) == encode(body)


@given(BODIES)
def test_encoding_is_a_fixed_point(body: dict[str, object]) -> None:
    data = encode(body)
    assert encode(json.loads(data)) == data
