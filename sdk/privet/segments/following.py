"""Going through the days: clusters of each day, under the labels of the day before.

Rows are smoothed exponentially, labels follow the people whom two days share, and somebody
keeps her segment unless another is nearer by a margin (hysteresis). Clustering sees points
in an order of their own and not of people, so that a fit is the same whatever their order.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from privet.errors import InvalidInput
from privet.segments.base import ABSENT, NOBODY, Fit, Segmenter
from privet.segments.matching import match

FINE = 1 << 16
"""Fixed point of a standardized value: 1/65536."""


@dataclass(frozen=True)
class Followed(Segmenter):
    """A method that is followed from training to training.

    Attributes:
        smoothing: share of the row before that stays in a row, 0 to 0.9.
        hysteresis: by how much nearer another segment must be, as a share of the distance,
            before somebody moves, 0 to 0.9.
        components: principal components that points are projected on; 0 for none.
    """

    smoothing: float = 0.5
    hysteresis: float = 0.1
    components: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("smoothing", "hysteresis"):
            self._in_range(name, 0, 0.9)
        self._in_range("components", 0, 64)

    @abstractmethod
    def cluster(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Labels of points, shape (S,), ``NOBODY`` for those in none.

        Args:
            points: ascending, two distinct ones at least, shape (S, F), int64 in units of
                1/``FINE``.
            before: centroids of the day before, shape (k, F); none on the first day.
        """

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the method sees them: standardized, and projected if it asks for that."""
        whole = standardized(rows)
        return projected(whole, self.components) if self.components else whole

    def fit(self, tracks: Sequence[np.ndarray], width: int) -> Fit:
        """Go through the days in order; see ``Segmenter.fit``."""
        labels = np.full(len(tracks), NOBODY)
        centroids = np.zeros((0, 0), np.int64)
        for there, rows in _day_by_day(tracks, width, self.smoothing):
            points = self.points(rows)
            was = labels[there]
            found = relabelled(self._of_day(points, centroids), was)
            centroids = centroids_of(points, found)
            labels[there] = self._settled(points, found, was, centroids)
        return Fit({"centroids": centroids}, labels)

    def _of_day(self, points: np.ndarray, before: np.ndarray) -> np.ndarray:
        distinct, first, of = np.unique(points, axis=0, return_index=True, return_inverse=True)
        if len(distinct) < 2:
            return np.zeros(len(points), np.int64)
        usable = before.shape[1:] == points.shape[1:]
        known = before if usable else np.zeros((0, points.shape[1]), np.int64)
        order = np.lexsort(points.T[::-1])
        labels = np.empty(len(points), np.int64)
        labels[order] = self.cluster(points[order], known)
        together: np.ndarray = labels[first][of.reshape(-1)]  # equal people are never parted
        return together

    def _settled(
        self, points: np.ndarray, found: np.ndarray, was: np.ndarray, centroids: np.ndarray
    ) -> np.ndarray:
        """Everybody's label after hysteresis."""
        # Whoever fits none has none; and nobody stays in a segment that there is no more.
        rows = np.flatnonzero((found != NOBODY) & (was != NOBODY) & np.isin(was, found))
        far = distances(points[rows], centroids)
        each = np.arange(len(rows))
        stays = far[each, found[rows]] >= (1 - self.hysteresis) ** 2 * far[each, was[rows]]
        settled = found.copy()
        settled[rows[stays]] = was[rows[stays]]
        return settled

    def _in_range(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        kind = int if isinstance(high, int) else (int, float)
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            raise InvalidInput(
                f"{name} is out of range",
                remedy=f"Give a number from {low} to {high}.",
                reason="segments.parameter",
            )


def relabelled(found: np.ndarray, was: np.ndarray) -> np.ndarray:
    """Labels of a day under those of the day before, as most of their people had them."""
    names = match(found, [None if label == NOBODY else str(label) for label in was.tolist()])
    taken = {int(name) for name in names.values()}
    free = (label for label in range(len(found) + len(taken) + 1) if label not in taken)
    number = {label: int(name) for label, name in names.items()}
    for label in sorted(set(found.tolist()) - {NOBODY} - number.keys()):
        number[label] = next(free)
    return np.array([number.get(label, NOBODY) for label in found.tolist()], np.int64)


def centroids_of(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Means of the points of each label, in integers; zeros for a label of nobody."""
    means = np.zeros((int(labels.max(initial=NOBODY)) + 1, points.shape[1]), np.int64)
    for label in set(labels.tolist()) - {NOBODY}:
        mine = points[labels == label]
        means[label] = mine.sum(axis=0) // len(mine)
    return means


def standardized(rows: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1 in units of 1/``FINE``; absent ones count as the mean.

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


def projected(points: np.ndarray, components: int) -> np.ndarray:
    """Points on their principal components, the largest first (Pearson 1901), in integers.

    The covariance is a sum of integers, exact in any order; signs are set by the largest
    loading, so that equal points give equal projections.
    """
    coarse = points >> 4  # products of many rows fit in 64 bits
    gram = (coarse.T @ coarse).astype(np.float64)
    _, vectors = np.linalg.eigh(gram)
    loadings = vectors[:, ::-1][:, :components]
    largest = np.abs(loadings).argmax(axis=0)
    loadings = loadings * np.sign(loadings[largest, np.arange(loadings.shape[1])])
    fixed = np.rint(loadings * 4096).astype(np.int64)
    onto: np.ndarray = (points @ fixed) >> 12
    return onto


def distinct(points: np.ndarray) -> int:
    """How many different points there are: no method finds more segments than these."""
    return len(np.unique(points, axis=0))


def distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Squared distances in integers, shape (S, k), int64: each is of its own pair alone."""
    far = np.zeros((len(points), len(centroids)), np.int64)
    for c, centroid in enumerate(centroids):
        far[:, c] = ((points - centroid) ** 2).sum(axis=1)
    return far


def _day_by_day(
    tracks: Sequence[np.ndarray], width: int, smoothing: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Who has a row on each day, ascending, and her row with a share of the one before.

    A smoothed row is made of her own rows alone, in integers; a value that is unknown on a
    day is that of the day before.

    Yields:
        positions of the people, shape (P,), and their rows, shape (P, F), int64.
    """
    share = round(smoothing * 1024)
    whole = np.concatenate([np.zeros((0, width + 1), np.int32), *_rows_of(tracks, width)])
    owner = np.repeat(np.arange(len(tracks)), [len(t) // (width + 1) for t in tracks])
    held = np.full((len(tracks), width), ABSENT, np.int64)
    order = np.argsort(whole[:, 0], kind="stable")
    _, starts = np.unique(whole[order, 0], return_index=True)
    for of_day in np.split(order, starts[1:]) if len(order) else ():
        there, now = owner[of_day], whole[of_day, 1:].astype(np.int64)
        before = held[there]
        mixed = (share * before + (1024 - share) * now) // 1024
        held[there] = np.where(now == ABSENT, before, np.where(before == ABSENT, now, mixed))
        yield there, held[there]


def _rows_of(tracks: Sequence[np.ndarray], width: int) -> list[np.ndarray]:
    return [track.reshape(-1, width + 1) for track in tracks]
