"""scikit-learn's clusterers, followed from training to training like k-means.

They are fitted as a whole over points in an order of their own, with a fixed seed,
so that the same people give the same segments; whoever leaves is left out of all days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from privet.errors import InvalidInput
from privet.segments.base import NOBODY
from privet.segments.following import FINE, Followed, distinct

MOST_PAIRS = 6000
"""People whose distances to each other a method may hold: 36 million numbers, 288 MB."""


@dataclass(frozen=True)
class _OfK(Followed):
    """A method that is told the number of segments.

    Attributes:
        k: number of segments, 2 to 64.
        seed: of what it draws.
    """

    k: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._in_range("k", 2, 64)
        self._in_range("seed", 0, 2**31)


@dataclass(frozen=True)
class MiniBatchKMeans(_OfK):
    """k-means by samples (Sculley 2010), for many people: nearly as good, and quicker."""

    kind: ClassVar[str] = "segments/mini-batch"

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.cluster import MiniBatchKMeans as Method

        k = min(self.k, distinct(points))
        warm = len(before) == k
        method = Method(
            k, init=before / FINE if warm else "k-means++", n_init=1 if warm else 3,
            random_state=self.seed,
        )  # fmt: skip
        return _numbered(method.fit_predict(points / FINE))


@dataclass(frozen=True)
class GaussianMixture(_OfK):
    """A mixture of Gaussians with independent features: segments may differ in their width."""

    kind: ClassVar[str] = "segments/gaussian"

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.mixture import GaussianMixture as Method

        k = min(self.k, distinct(points))
        method = Method(
            k, covariance_type="diag", reg_covar=1e-3, random_state=self.seed,
            means_init=before / FINE if len(before) == k else None,
        )  # fmt: skip
        return _numbered(method.fit_predict(points / FINE))


@dataclass(frozen=True)
class Agglomerative(_OfK):
    """Joins the two nearest segments until k are left (Ward 1963)."""

    kind: ClassVar[str] = "segments/agglomerative"

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.cluster import AgglomerativeClustering as Method

        _check_pairs(points)
        return _numbered(Method(min(self.k, distinct(points))).fit_predict(points / FINE))


@dataclass(frozen=True)
class Spectral(_OfK):
    """Cuts the graph of nearest neighbours where it is thinnest (Ng, Jordan & Weiss 2001).

    Attributes:
        neighbours: how many each person is joined with, 2 to 100.
    """

    neighbours: int = 15
    kind: ClassVar[str] = "segments/spectral"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._in_range("neighbours", 2, 100)

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.cluster import spectral_clustering
        from sklearn.neighbors import kneighbors_graph

        _check_pairs(points)
        k = min(self.k, distinct(points), len(points) - 1)
        nearest = kneighbors_graph(points / FINE, min(self.neighbours, len(points) - 1))
        # A trace of everybody with everybody keeps the graph in one piece.
        graph = (0.5 * (nearest + nearest.T)).toarray() + 1e-6
        labels = spectral_clustering(
            graph, n_clusters=k, random_state=self.seed, assign_labels="cluster_qr"
        )
        return _numbered(labels)


@dataclass(frozen=True)
class DBSCAN(Followed):
    """Dense places, and whoever lies in none is in no segment (Ester et al. 1996).

    Attributes:
        radius: how near neighbours are, in deviations, 0.01 to 100.
        people: how many make a place dense, 2 to 10000.
    """

    radius: float = 0.5
    people: int = 10
    kind: ClassVar[str] = "segments/dbscan"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._in_range("radius", 0.01, 100.0)
        self._in_range("people", 2, 10_000)

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.cluster import DBSCAN as Method  # noqa: N811  # the method's own name

        _check_pairs(points)
        return _numbered(
            Method(eps=self.radius, min_samples=self.people).fit_predict(points / FINE)
        )


@dataclass(frozen=True)
class HDBSCAN(Followed):
    """Dense places of any density, found by how long they last (Campello et al. 2013).

    Attributes:
        people: fewest people of a place, 2 to 10000.
        method: which places are taken: ``"eom"`` for few large ones, ``"leaf"`` for many.
    """

    people: int = 20
    method: Literal["eom", "leaf"] = "eom"
    kind: ClassVar[str] = "segments/hdbscan"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._in_range("people", 2, 10_000)
        if self.method not in {"eom", "leaf"}:
            raise InvalidInput(
                "the method is unknown",
                remedy="Give eom or leaf.",
                reason="segments.parameter",
            )

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        from sklearn.cluster import HDBSCAN as Method  # noqa: N811  # the method's own name

        if len(points) < self.people:
            return np.full(len(points), NOBODY)
        _check_pairs(points)
        method = Method(
            min_cluster_size=self.people, cluster_selection_method=self.method, copy=True
        )
        return _numbered(method.fit_predict(points / FINE))


def _check_pairs(points: np.ndarray) -> None:
    if len(points) > MOST_PAIRS:
        raise InvalidInput(
            "there are too many people for this method",
            why=f"it compares everybody with everybody, at most {MOST_PAIRS} people",
            remedy="Use KMeans, MiniBatchKMeans or GaussianMixture.",
            reason="segments.size",
        )


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Labels by the order in which their first points come, so that equal cuts are equal."""
    _, first = np.unique(labels, return_index=True)
    order = [label for label in labels[np.sort(first)].tolist() if label != NOBODY]
    number = {label: n for n, label in enumerate(order)}
    return np.array([number.get(label, NOBODY) for label in labels.tolist()], np.int64)
