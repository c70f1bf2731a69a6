"""Every method of segmenting: blind to the order of people, exact without those who left."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.segments import (
    DBSCAN,
    HDBSCAN,
    Agglomerative,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    Segmenter,
    Spectral,
)
from privet.segments.base import ABSENT, NOBODY, UNIT, extend
from privet.segments.codec import Artifact, build, pack, unpack
from privet.segments.following import projected, standardized

FEATURES = ("frequency", "monetary", "average_order")
METHODS: list[Segmenter] = [
    KMeans(FEATURES, k=3),
    KMeans(FEATURES, k=3, components=2),
    MiniBatchKMeans(FEATURES, k=3),
    GaussianMixture(FEATURES, k=3),
    Agglomerative(FEATURES, k=3),
    Spectral(FEATURES, k=3, neighbours=8),
    DBSCAN(FEATURES, radius=0.4, people=4),
    HDBSCAN(FEATURES, people=6),
]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.kind)
CENTRES = np.array([(0, 0, 0), (9, 1, 5), (2, 9, 9)])


def crowd(days: int = 3, people: int = 60, seed: int = 1) -> list[np.ndarray]:
    """Tracks of people of three habits; some come later, and two of them change."""
    rng = np.random.default_rng(seed)
    tracks = []
    for person in range(people):
        track = None
        for day in range(person % 5 == 0, days):
            habit = person % 3 if person > 1 or day < 2 else 2
            row = np.rint((CENTRES[habit] + rng.normal(0, 0.4, 3)) * UNIT).astype(np.int32)
            if person == 7:
                row[1] = ABSENT
            track = extend(track, 7 * day, row, 0)
        tracks.append(track)
    return tracks


@every_method
def test_it_finds_what_is_there(method: Segmenter) -> None:
    labels = method.fit(crowd(), 3).labels
    for habit in range(3):
        mine = labels[np.arange(60) % 3 == habit][3:]
        _, sizes = np.unique(mine[mine != NOBODY], return_counts=True)
        assert sizes.max() >= 12


@every_method
def test_the_order_of_people_changes_nothing(method: Segmenter) -> None:
    tracks = crowd()
    fit = method.fit(tracks, 3)
    order = np.random.default_rng(0).permutation(len(tracks))
    other = method.fit([tracks[i] for i in order], 3)
    assert np.array_equal(other.labels, fit.labels[order])
    assert pack(Artifact(method, FEATURES, fit.arrays)) == pack(
        Artifact(method, FEATURES, other.arrays)
    )


@every_method
def test_people_of_equal_rows_are_together(method: Segmenter) -> None:
    tracks = crowd()
    twice = method.fit([*tracks, tracks[5]], 3).labels
    assert twice[-1] == twice[5]


@every_method
def test_labels_are_kept_from_day_to_day(method: Segmenter) -> None:
    first, second = (method.fit(crowd(days), 3).labels for days in (2, 3))
    kept = (first == second)[2:]
    assert kept.mean() > 0.9


@every_method
def test_it_comes_back_from_bytes(method: Segmenter) -> None:
    assert build(method.kind, method.params()) == method
    held = Artifact(method, FEATURES, method.fit(crowd(), 3).arrays)
    again = unpack(pack(held))
    assert again.segmenter == method
    assert pack(again) == pack(held)


@every_method
@pytest.mark.parametrize("people", [1, 2, 3])
def test_few_people_are_no_error(method: Segmenter, people: int) -> None:
    assert len(method.fit(crowd(people=people), 3).labels) == people


def test_hysteresis_keeps_who_is_on_the_border() -> None:
    def track(*values: float) -> np.ndarray:
        out = None
        for day, value in enumerate(values):
            out = extend(out, day, np.array([round(value * UNIT)], np.int32), 0)
        return out

    tracks = [*(track(0, 0) for _ in range(9)), *(track(10, 10) for _ in range(9)), track(4, 5.5)]
    steady = KMeans(["frequency"], k=2, smoothing=0, hysteresis=0.3).fit(tracks, 1).labels
    nervous = KMeans(["frequency"], k=2, smoothing=0, hysteresis=0).fit(tracks, 1).labels
    assert steady[-1] == steady[0]
    assert nervous[-1] != nervous[0]


def test_standardizing_is_exact_in_any_order() -> None:
    rows = np.random.default_rng(0).integers(-(2**31) + 1, 2**31 - 1, (50, 4))
    order = np.random.default_rng(1).permutation(50)
    assert np.array_equal(standardized(rows)[order], standardized(rows[order]))
    assert np.array_equal(
        projected(standardized(rows), 2)[order], projected(standardized(rows[order]), 2)
    )


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (KMeans, {"k": 1}),
        (KMeans, {"k": True}),
        (KMeans, {"k": 2.0}),
        (KMeans, {"smoothing": 1}),
        (KMeans, {"hysteresis": float("nan")}),
        (KMeans, {"components": -1}),
        (Spectral, {"neighbours": 1}),
        (DBSCAN, {"radius": 0}),
        (HDBSCAN, {"people": 1}),
        (HDBSCAN, {"method": "other"}),
    ],
)
def test_what_is_out_of_range_is_refused(kind: type[Segmenter], params: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        kind(FEATURES, **params)
    assert refusal.value.reason == "segments.parameter"


def test_what_does_not_fit_is_refused() -> None:
    for kind, params, reason in (
        ("segments/none", {}, "segments.kind"),
        ("segments/kmeans", {"features": ["frequency"], "x": 1}, "segments.parameter"),
        ("segments/kmeans", {"features": []}, "features.unknown"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            build(kind, params)
        assert refusal.value.reason == reason


@pytest.mark.parametrize("features", [None, 5, "frequency", {"frequency": 1}, [5], [[]], ["none"]])
def test_features_that_are_none_are_refused(features: object) -> None:
    with pytest.raises(InvalidInput):
        KMeans(features)
