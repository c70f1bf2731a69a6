"""k-means over quantized features, exact whatever the order of people.

Lloyd's algorithm with k-means++ seeds (Arthur & Vassilvitskii 2007) over integer sums and
quantized centroids (after Ginart et al. 2019), so that a fit depends on who is in it and on
nothing else, not on the machine's threads either. From the second day on it starts from the
centroids of the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privet.segments.following import Followed, distances, distinct

ROUNDS = 60


@dataclass(frozen=True)
class KMeans(Followed):
    """k segments around centroids.

    Attributes:
        k: number of segments, 2 to 64.
        seed: of the first centroids.
    """

    k: int = 8
    seed: int = 0
    kind: ClassVar[str] = "segments/kmeans"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._in_range("k", 2, 64)
        self._in_range("seed", 0, 2**31)

    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """See ``Followed.cluster``."""
        fresh = len(before) != self.k
        k = min(self.k, distinct(points))
        start = seeds(points, k, self.seed) if fresh else before
        nearest: np.ndarray = distances(points, lloyd(points, start)).argmin(axis=1)
        return nearest


def seeds(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    """k-means++ over points in their own order, whoever they belong to.

    Args:
        points: ascending, ``k`` distinct ones at least, shape (S, F), int64.
        k: number of centroids.
        seed: of the draw.

    Returns:
        centroids, ascending, shape (k, F), int64.
    """
    rng = np.random.default_rng(seed)
    chosen = [points[rng.integers(len(points))]]
    while len(chosen) < k:
        far = distances(points, np.array(chosen)).min(axis=1)
        chosen.append(points[np.searchsorted(np.cumsum(far), rng.random() * far.sum())])
    return np.array(sorted(map(tuple, chosen)), np.int64)


def lloyd(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Centroids that no assignment moves any more, quantized; an empty one stays put."""
    for _ in range(ROUNDS):
        nearest = distances(points, centroids).argmin(axis=1)
        moved = centroids.copy()
        for c in range(len(centroids)):
            mine = points[nearest == c]
            if len(mine):
                moved[c] = mine.sum(axis=0) // len(mine)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids
