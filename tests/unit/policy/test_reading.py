# ruff: noqa: E501 (documents and look-alikes stand as an author would write them)
"""YAML is read within bounds, whatever comes."""

from __future__ import annotations

import time

import pytest

from privet.policy.problems import Problems
from privet.policy.reading import MAX_DEPTH, MAX_NODES, read


def refused(text: str) -> tuple[str, int]:
    problems = Problems()
    assert read(text, "x.yaml", problems) is None
    (fault,) = problems.found.values()
    return str(fault["what"]), int(fault["line"])


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a: 1\nb: &x 2", "anchors", 2),
        ("a: &x [1]\nb: [*x, *x]", "anchors", 1),
        ("a: 1\n\nb: *x", "anchors", 3),
        ("a: !!python/object/apply:os.system [x]", "tags", 1),
        ("a: !secret x", "tags", 1),
        ("a: 1\nb: 2\na: 3", "stands twice", 3),
        ("a: {b: 1, b: 2}", "stands twice", 1),
        ("a: 1\n---\nb: 2", "several documents", 2),
        ("? [a]\n: b", "a key is a list", 1),
        ("- a", "not one mapping", 1),
        ("word", "not one mapping", 1),
        ("", "not one mapping", 1),
        ("a:\n\t- b", "not valid YAML", 2),
        ("a: [1", "not valid YAML", 1),
        ("a: \x00", "not valid YAML", 1),
        ('a: "\\U7fffffff"', "not valid YAML", 1),
        ("a: \ud800", "not valid YAML", 1),
        ("a: " + "x" * 5000, "too long", 1),
        ("a: " + "[" * (MAX_DEPTH + 1), "nested too deeply", 1),
    ],
)
def test_what_is_not_taken_is_named_with_its_line(text: str, what: str, line: int) -> None:
    found, where = refused(text)
    assert what in found
    assert where == line


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 100_000, "a: " + "{a: " * 100_000, "a" * (1 << 21), "é" * (1 << 20)],
    ids=["lists", "mappings", "long", "long in bytes"],
)
def test_hostile_shapes_are_refused_quickly(text: str) -> None:
    refused("a: 1\n- b")  # the library is loaded
    began = time.perf_counter()
    refused(text)
    assert time.perf_counter() - began < 2


def test_the_number_of_entries_is_bounded() -> None:
    assert "too many" in refused("a: [" + "1," * (MAX_NODES + 1) + "]")[0]


def test_only_a_few_words_are_not_text() -> None:
    text = "a: NO\nb: 1_000\nc: 0123\nd: 2026-11-01\ne: 'true'\nf: true\ng: -5\nh: ~\ni: 1.5\nj: 1:30\nk: y"
    document = read(text, "x", Problems())
    assert document is not None
    assert document.data == {
        "a": "NO", "b": "1_000", "c": "0123", "d": "2026-11-01", "e": "true",
        "f": True, "g": -5, "h": None, "i": "1.5", "j": "1:30", "k": "y",
    }  # fmt: skip


def test_each_entry_knows_its_place() -> None:
    document = read("a:\n  - x\n  - b: 1\n    c: 2\n", "x", Problems())
    assert document is not None
    assert document.place(("a", 1, "c")) == (4, 5)
    assert document.place(("a", 1, "c", "missing", 7)) == (4, 5)
    assert document.place(("zzz",)) == (1, 1)
