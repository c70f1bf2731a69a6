"""The estimators keep to scikit-learn's contract, and do not see the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from privet.segments.estimators import QuantizedKMeans, Quantizer, Winsorizer


@parametrize_with_checks([Winsorizer(), Quantizer(), QuantizedKMeans()])
def test_scikit_learns_checks(estimator: object, check: object) -> None:
    check(estimator)


def blobs(seed: int, people: int = 80) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(people, 3)) + 6 * np.arange(people)[:, None] % 4


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), shuffle=st.integers(0, 2**16))
def test_rows_in_another_order_give_the_same(seed: int, shuffle: int) -> None:
    rows = blobs(seed)
    order = np.random.default_rng(shuffle).permutation(len(rows))
    one = make_pipeline(Winsorizer(), Quantizer(), QuantizedKMeans(4)).fit(rows)
    other = make_pipeline(Winsorizer(), Quantizer(), QuantizedKMeans(4)).fit(rows[order])
    assert one[-1].cluster_centers_.tobytes() == other[-1].cluster_centers_.tobytes()
    assert np.array_equal(one[-1].labels_[order], other[-1].labels_)
    assert np.array_equal(one.predict(rows), one[-1].labels_)


def test_one_huge_basket_does_not_move_the_others() -> None:
    rows = blobs(1)
    rows[0] = 1e9
    bounded = Winsorizer(0.05).fit_transform(rows)
    assert bounded.max() < 40
    assert np.array_equal(bounded[1:][rows[1:].max(axis=1) < 20].min(axis=0) >= -9, [True] * 3)


def test_centres_lie_on_the_lattice() -> None:
    found = QuantizedKMeans(3, step=0.25).fit(blobs(2))
    assert np.array_equal(np.rint(found.cluster_centers_ / 0.25) * 0.25, found.cluster_centers_)


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        (Winsorizer(0.5), blobs(0)),
        (Winsorizer(-0.1), blobs(0)),
        (Quantizer(0), blobs(0)),
        (QuantizedKMeans(step=2), blobs(0)),
        (QuantizedKMeans(0), blobs(0)),
        (QuantizedKMeans(81), blobs(0)),
        (QuantizedKMeans(2), blobs(0) * 1e6),
    ],
)
def test_what_cannot_be_is_refused(estimator: object, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be|too large"):
        estimator.fit(rows)
