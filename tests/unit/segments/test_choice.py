"""Which way to segment is taken, and how far features moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from privet.segments.base import extend
from privet.segments.evaluating import best
from privet.segments.personas import drift, reasons, stability_index

GOOD = {"segments": 4, "silhouette": 0.3, "stability": 0.8, "smallest": 50, "placed": 1.0}


def test_the_greatest_silhouette_is_taken() -> None:
    assert best([GOOD, {**GOOD, "silhouette": 0.5}, {**GOOD, "silhouette": 0.4}]) == 1


def test_of_equal_ones_the_steadier_then_the_fewer_then_the_first() -> None:
    assert best([GOOD, {**GOOD, "stability": 0.9}]) == 1
    assert best([GOOD, {**GOOD, "segments": 3}]) == 1
    assert best([GOOD, GOOD]) == 0


@pytest.mark.parametrize(
    "fault", [{"segments": 1}, {"smallest": 0}, {"placed": 0.8}, {"stability": 0.5}]
)
def test_what_cannot_be_relied_on_is_not_taken(fault: dict[str, Any]) -> None:
    assert best([{**GOOD, "silhouette": 0.9, **fault}, GOOD]) == 1
    assert best([{**GOOD, **fault}]) is None


def test_the_index_is_none_for_the_same_and_large_for_others() -> None:
    values = np.random.default_rng(0).normal(size=500)
    assert stability_index(values, values) == 0
    assert stability_index(values, values + 0.05) < 0.1
    assert stability_index(values, values + 1) > 0.25
    assert stability_index(np.zeros(9), np.zeros(9)) == 0


def test_drift_tells_of_many_and_names_what_moved() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 9000, (60, 2)).astype(np.int32)
    tracks = [extend(extend(None, 0, r, 0), 7, r + np.array([4000, 0], np.int32), 0) for r in rows]
    (first, up, psi), (second, flat, still) = drift(("a", "b"), tracks, tracks, 50)
    assert (first, second, flat, still) == ("a", "b", 0, 0)
    assert up > 1
    assert psi > 0.25
    assert drift(("a", "b"), tracks[:49], tracks, 50) == []
    assert reasons(("a", "b"), [(first, up, psi), (second, flat, still)]) == [["a", "more: a"]]
