"""What pictures are drawn from: counts of many, blind to the order of people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.segments.base import ABSENT, NOBODY
from privet.segments.charts import cells, profiles, project, silhouettes

LEAST = 10


def crowd(seed: int = 0, people: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(people) % 3
    return rng.normal(0, 0.5, (people, 4)) + 4 * labels[:, None], labels


def test_a_cell_counts_least_people_in_tens() -> None:
    points, labels = crowd()
    found = cells(project(points, "pca"), labels, LEAST)
    assert found
    assert {cell.people % 10 for cell in found} == {0}
    assert min(cell.people for cell in found) >= LEAST
    assert {cell.label for cell in found} == {0, 1, 2}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    least=st.integers(1, 30),
    spread=st.floats(0.01, 100),
    people=st.integers(1, 90),
)
def test_nobody_stands_in_a_cell_of_few(seed: int, least: int, spread: float, people: int) -> None:
    flat = np.random.default_rng(seed).normal(0, spread, (people, 2))
    found = cells(flat, np.zeros(people, np.int64), least)
    assert all(cell.people >= min(10, least) * (least // min(10, least)) for cell in found)
    assert sum(cell.people for cell in found) <= people
    if people < least:
        assert not found


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_order_of_people_changes_no_map(method: Any) -> None:
    points, labels = crowd(people=60)
    order = np.random.default_rng(3).permutation(len(points))
    flat = project(points, method)
    assert np.array_equal(project(points[order], method), flat[order])
    assert cells(flat, labels, 3) == cells(flat[order], labels[order], 3)


def test_neighbours_stay_together_in_a_map() -> None:
    points, labels = crowd()
    for method in ("pca", "tsne"):
        flat = project(points, method)
        near = np.argsort(((flat[:, None] - flat[None]) ** 2).sum(axis=2), axis=1)[:, 1]
        assert (labels[near] == labels).mean() > 0.95


def test_a_silhouette_shows_quantiles_of_large_segments_alone() -> None:
    points, labels = crowd()
    labels = np.where(np.arange(len(labels)) < 5, 3, labels)
    labels[-1] = NOBODY
    found = silhouettes(points, labels, LEAST)
    assert list(found) == [0, 1, 2]
    assert all(values == sorted(values) and len(values) == 11 for values in found.values())
    assert found[0][5] > 0.5


def test_a_single_segment_has_no_silhouette() -> None:
    points, labels = crowd()
    assert silhouettes(points, np.zeros_like(labels), LEAST) == {}


def test_a_profile_is_of_means_of_many() -> None:
    points, labels = crowd()
    rows = np.rint(points * 1000).astype(np.int32)
    rows[labels == 0, 3] = ABSENT
    rows[0, 3] = 1
    labels[labels == 2] = np.where(np.arange(40) < 4, 3, 2)
    found = profiles(("a", "b", "c", "d"), rows, labels, LEAST)
    assert list(found) == [0, 1, 2]
    assert set(found[0]) == {"a", "b", "c"}
    assert found[0]["a"] < -1
    assert found[2]["a"] > 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda p, n: cells(project(p, "pca"), n, LEAST),
        lambda p, n: cells(project(p, "tsne"), n, LEAST),
        lambda p, n: silhouettes(p, n, LEAST),
        lambda p, n: profiles(tuple("abcd"), p.astype(np.int32), n, LEAST),
    ],
)
@pytest.mark.parametrize("people", [0, 1, 2, 5])
def test_of_few_nothing_is_told(
    draw: Callable[[np.ndarray, np.ndarray], object], people: int
) -> None:
    points, labels = crowd(people=9)
    assert not draw(points[:people], labels[:people])
