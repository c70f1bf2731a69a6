"""Whatever text comes as a document: a policy or a PolicyError, nothing else, no echo."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import PolicyError
from privet.policy import compile_documents, load, schema

TEXTS = dict(load("pack:shop").documents)
KEYS = ("data", "policy")


def attempt(document: str, text: str) -> str:
    """All that a refusal says; empty when the text was accepted."""
    try:
        compile_documents(TEXTS | {document: text})
    except PolicyError as caught:
        error = caught
    else:
        return ""
    assert error.problems
    for problem in error.problems:
        assert set(problem) == {"file", "line", "column", "what", "why", "near", "fix"}
        assert min(int(problem["line"]), int(problem["column"])) >= 1
    return f"{error}{error.problems}{error.to_json()}"


@given(st.sampled_from(KEYS), st.text(max_size=200))
def test_any_text_is_answered(document: str, text: str) -> None:
    assert attempt(document, text)


@given(st.sampled_from(KEYS), st.integers(0, 10_000), st.text(max_size=4), st.integers(0, 6))
def test_any_damage_is_answered(document: str, at: int, put: str, cut: int) -> None:
    text = TEXTS[document]
    at %= len(text)
    attempt(document, text[:at] + put + text[at + cut :])


plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
TOP = [
    (document, key)
    for document in KEYS
    for key in schema(document)["properties"]
    if key != "privet"
]


@given(st.sampled_from(TOP), plain)
def test_any_value_under_any_key_is_answered(where: tuple[str, str], value: Any) -> None:
    import json

    document, key = where
    head = f"privet: {document}/1\n"
    attempt(document, head + f"{key}: {json.dumps(value)}\n")


@given(st.sampled_from(KEYS), st.randoms(use_true_random=False))
def test_a_value_put_anywhere_is_never_repeated(document: str, source: random.Random) -> None:
    canary = "Canary Value 4711 é"
    words = [i for i, c in enumerate(TEXTS[document]) if c in ":[,"]
    at = source.choice(words) + 1
    text = TEXTS[document][:at] + f" '{canary}' " + TEXTS[document][at:]
    assert canary not in attempt(document, text)


@pytest.mark.parametrize("document", KEYS)
def test_each_line_left_out_is_answered(document: str) -> None:
    lines = TEXTS[document].splitlines(keepends=True)
    for i in range(len(lines)):
        attempt(document, "".join(lines[:i] + lines[i + 1 :]))
