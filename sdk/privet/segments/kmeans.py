"""k-means over quantized features, followed from training to training.

Lloyd's algorithm with k-means++ seeds (Arthur & Vassilvitskii 2007) over integer sums and
quantized centroids (after Ginart et al. 2019), so that a fit depends on who is in it and on
nothing else: neither on their order nor on the machine's threads. From the second day on it
starts from the centroids of the day before (warm start), rows are smoothed exponentially,
and somebody keeps her segment unless another is nearer by a margin (hysteresis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privet.errors import InvalidInput
from privet.segments.base import ABSENT, NOBODY, Fit, Segmenter

FINE = 1 << 16
"""Fixed point of a standardized value: 1/65536."""
ROUNDS = 60


@dataclass(frozen=True)
class KMeans(Segmenter):
    """k segments around centroids.

    Attributes:
        k: number of segments, 2 to 64.
        smoothing: share of the row before that stays in a row, 0 to 0.9.
        hysteresis: by how much nearer another segment must be, as a share of the distance,
            before somebody moves, 0 to 0.9.
        seed: of the first centroids.
    """

    k: int = 8
    smoothing: float = 0.5
    hysteresis: float = 0.1
    seed: int = 0
    kind: ClassVar[str] = "segments/kmeans"

    def __post_init__(self) -> None:
        super().__post_init__()
        sound = (
            type(self.k) is int
            and 2 <= self.k <= 64
            and type(self.seed) is int
            and self.seed >= 0
            and all(0 <= share <= 0.9 for share in (self.smoothing, self.hysteresis))
        )
        if not sound:
            raise InvalidInput(
                "a parameter of the segmenter is out of range",
                remedy="Give k from 2 to 64, shares from 0 to 0.9, and a seed of 0 or more.",
                reason="segments.parameter",
            )

    def fit(self, tracks: Sequence[np.ndarray], width: int) -> Fit:
        """Go through the days in order; see ``Segmenter.fit``."""
        days = [track.reshape(-1, width + 1)[:, 0] for track in tracks]
        smoothed = [_smoothed(track.reshape(-1, width + 1)[:, 1:], self) for track in tracks]
        labels = np.full(len(tracks), NOBODY)
        centroids = np.zeros((0, width), np.int64)
        for day in sorted({int(d) for own in days for d in own}):
            there = [int(np.searchsorted(own, day)) for own in days]
            present = [
                i for i, (own, at) in enumerate(zip(days, there, strict=True))
                if at < len(own) and own[at] == day
            ]  # fmt: skip
            rows = np.array([smoothed[i][there[i]] for i in present], np.int64)
            points = standardized(rows)
            if len(np.unique(points, axis=0)) < self.k:
                continue
            centroids = lloyd(points, centroids if len(centroids) else self._seeds(points))
            labels[present] = self._assign(points, centroids, labels[present])
        return Fit({"centroids": centroids}, labels)

    def _seeds(self, points: np.ndarray) -> np.ndarray:
        """k-means++ over the distinct points in their own order, whoever they belong to."""
        distinct = np.unique(points, axis=0)
        rng = np.random.default_rng(self.seed)
        chosen = [distinct[rng.integers(len(distinct))]]
        while len(chosen) < self.k:
            far = distances(distinct, np.array(chosen)).min(axis=1)
            chosen.append(distinct[np.searchsorted(np.cumsum(far), rng.random() * far.sum())])
        return np.array(sorted(map(tuple, chosen)), np.int64)

    def _assign(self, points: np.ndarray, centroids: np.ndarray, was: np.ndarray) -> np.ndarray:
        far = distances(points, centroids)
        nearest: np.ndarray = far.argmin(axis=1)
        known = was != NOBODY
        rows = np.flatnonzero(known)
        own = far[rows, was[rows]]
        stays = far[rows, nearest[rows]] >= (1 - self.hysteresis) ** 2 * own
        nearest[rows[stays]] = was[rows[stays]]
        return nearest


def _smoothed(rows: np.ndarray, by: KMeans) -> np.ndarray:
    """Each row with a share of the one before; her own rows alone, in integers."""
    share = round(by.smoothing * 1024)
    result = rows.astype(np.int64)
    for i in range(1, len(result)):
        mixed = (share * result[i - 1] + (1024 - share) * result[i]) // 1024
        known = (rows[i] != ABSENT) & (result[i - 1] != ABSENT)
        result[i] = np.where(known, mixed, np.where(rows[i] == ABSENT, result[i - 1], result[i]))
    return result


def standardized(rows: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1 in units of 1/``FINE``; absent values count as the mean.

    Sums are exact in integers, so that no order of rows changes a bit.

    Args:
        rows: shape (S, F), int64, ``ABSENT`` where unknown.
    """
    known = rows != ABSENT
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0).sum(axis=0) // count
    centred = np.where(known, rows - mean, 0)
    # Scaled down first where squares of many rows would not fit in 64 bits.
    shift = max(int(np.abs(centred).max(initial=0)).bit_length() - 24, 0)
    squares = ((centred >> shift) ** 2).sum(axis=0) // count
    deviation = np.maximum(np.sqrt(squares.astype(np.float64)) * 2.0**shift, 1.0)
    points: np.ndarray = np.clip(np.rint(centred / deviation * FINE), -8 * FINE, 8 * FINE)
    return points.astype(np.int64)


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


def distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Squared distances in integers, shape (S, k), int64: each is of its own pair alone."""
    return np.stack([((points - c) ** 2).sum(axis=1) for c in centroids], axis=1)
