"""Estimators of scikit-learn for whoever builds a pipeline: clip, quantize, cluster in integers.

They do what ``privet.segments.KMeans`` does behind the gate, on a matrix that somebody
already holds: ``make_pipeline(Winsorizer(), Quantizer(), QuantizedKMeans(6))``. All three
give the same whatever the order of rows. Not imported by ``privet.segments`` itself, since
scikit-learn takes a second to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from privet.segments.following import distances, distinct
from privet.segments.kmeans import lloyd, seeds

LARGEST = 1 << 24
"""Largest quantized value: squares of the differences over 4096 features fit in 64 bits."""


class Winsorizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Draw the furthest values of each column in to a quantile (Tukey 1962).

    One huge basket no longer decides where a centroid lies, and the bounds are of many
    rows.

    Args:
        share: share of rows at each end that is drawn in, 0 to less than 0.5.

    Attributes:
        low_: lower bound of each column, shape (F,), float64.
        high_: upper bound.
    """

    def __init__(self, share: float = 0.01) -> None:
        self.share = share

    def fit(self, X: Any, y: Any = None) -> Winsorizer:  # noqa: N803  # scikit-learn's name
        """Find the bounds; ``y`` is not looked at.

        Raises:
            ValueError: the share is out of range, or X is no finite matrix.
        """
        if not 0 <= self.share < 0.5:
            raise ValueError(f"share must be from 0 to less than 0.5, not {self.share!r}")
        rows = validate_data(self, X, dtype=np.float64)
        self.low_ = np.quantile(rows, self.share, axis=0, method="lower")
        self.high_ = np.quantile(rows, 1 - self.share, axis=0, method="higher")
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """X with every value within the bounds, shape (S, F), float64."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        inside: np.ndarray = np.clip(rows, self.low_, self.high_)
        return inside


class Quantizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Standardize columns, and round to a lattice on which sums are exact.

    Mean and deviation are rounded to the lattice too, and summed in an order of the values
    and not of the rows, so that permuting rows changes no bit.

    Args:
        step: distance of neighbouring values, in deviations; a power of two is exact.

    Attributes:
        mean_: of each column, shape (F,), float64.
        deviation_: of each column, 1 where it is constant.
    """

    def __init__(self, step: float = 2.0**-12) -> None:
        self.step = step

    def fit(self, X: Any, y: Any = None) -> Quantizer:  # noqa: N803
        """Find means and deviations; ``y`` is not looked at.

        Raises:
            ValueError: the step is not above 0, or X is no finite matrix.
        """
        _check_step(self.step)
        rows = np.sort(validate_data(self, X, dtype=np.float64), axis=0)
        self.mean_ = rows.mean(axis=0)
        deviation = rows.std(axis=0)
        # A constant column has a deviation of rounding errors alone.
        noise = 10 * np.finfo(np.float64).eps * np.maximum(np.abs(rows).max(axis=0), 1)
        self.deviation_ = np.where(deviation > noise, deviation, 1.0)
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """X in deviations from the mean, each a multiple of the step, shape (S, F), float64."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        lattice: np.ndarray = np.rint((rows - self.mean_) / self.deviation_ / self.step)
        return (lattice + 0.0) * self.step  # -0.0 and 0.0 are the same place


class QuantizedKMeans(ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """k-means whose sums and centroids are integers (after Ginart et al. 2019).

    Clusters are numbered by their centroids, ascending, and ties go to the lower number;
    so rows in another order get the same labels, on every machine.

    Args:
        n_clusters: number of clusters; fewer are found where fewer rows are distinct.
        step: rows are rounded to multiples of it.
        random_state: seed of the first centroids, an integer.

    Attributes:
        cluster_centers_: shape (k, F), float64, multiples of ``step``.
        labels_: of the rows that it was fitted on, shape (S,), int64.
    """

    def __init__(
        self, n_clusters: int = 8, *, step: float = 2.0**-12, random_state: int | None = 0
    ) -> None:
        self.n_clusters = n_clusters
        self.step = step
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> QuantizedKMeans:  # noqa: N803
        """Find the clusters; ``y`` is not looked at.

        Raises:
            ValueError: fewer rows than clusters, a parameter out of range, or values too
                large for the step.
        """
        _check_step(self.step)
        points = self._lattice(validate_data(self, X, dtype=np.float64))
        if not 1 <= self.n_clusters <= len(points):
            raise ValueError(
                f"n_clusters={self.n_clusters!r} must be from 1 to n_samples={len(points)}"
            )
        ordered = points[np.lexsort(points.T[::-1])]
        first = seeds(ordered, min(self.n_clusters, distinct(ordered)), self.random_state or 0)
        found = lloyd(ordered, first)
        self._centers = found[np.lexsort(found.T[::-1])]
        self.cluster_centers_ = self._centers * self.step
        self.labels_ = distances(points, self._centers).argmin(axis=1)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The nearest cluster of each row, shape (S,), int64."""
        check_is_fitted(self)
        points = self._lattice(validate_data(self, X, dtype=np.float64, reset=False))
        nearest: np.ndarray = distances(points, self._centers).argmin(axis=1)
        return nearest

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Distance of each row to each centroid, shape (S, k), float64."""
        check_is_fitted(self)
        points = self._lattice(validate_data(self, X, dtype=np.float64, reset=False))
        away: np.ndarray = np.sqrt(distances(points, self._centers).astype(np.float64))
        return away * self.step

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of what ``transform`` gives: ``quantizedkmeans0`` and so on."""
        check_is_fitted(self)
        return np.array([f"quantizedkmeans{c}" for c in range(len(self._centers))], object)

    def _lattice(self, rows: np.ndarray) -> np.ndarray:
        scaled = np.rint(rows / self.step)
        if np.abs(scaled).max(initial=0) > LARGEST:
            raise ValueError(
                "values are too large for the step; standardize first, or give a larger step"
            )
        points: np.ndarray = scaled.astype(np.int64)
        return points


def _check_step(step: float) -> None:
    if not 0 < step <= 1:
        raise ValueError(f"step must be above 0 and at most 1, not {step!r}")
