"""What the pictures of segments are drawn from: figures of many people, never one of them.

A scatter plot of people is personal data. So a map counts people in hexagons, a silhouette
is a curve of quantiles, a profile a mean; and what rests on fewer than ``least`` people is
left out before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from privet.segments.base import ABSENT, NOBODY
from privet.segments.placing import coarse

Projection = Literal["pca", "tsne"]
FINEST = 24
"""Most hexagons from side to side of a map."""
TOLD = 0.75
"""Share of people that hexagons are made large enough for, where they can be."""
MOST = 1500
"""People who are taken into a t-SNE map or a silhouette: both are of all pairs."""
QUANTILES = 11


@dataclass(frozen=True, slots=True)
class Cell:
    """A hexagon of a map.

    Attributes:
        x: of its middle; neighbours in a row are 1 apart.
        y: as x.
        label: the segment that most of its people are in; the lower one of two as large.
        people: how many, in whole tens.
    """

    x: float
    y: float
    label: int
    people: int


def project(points: np.ndarray, method: Projection, seed: int = 0) -> np.ndarray:
    """Points on two axes; the same whatever their order.

    Args:
        points: standardized, shape (S, F), float64; for ``tsne`` at most ``MOST``.
        method: principal components (Pearson 1901), or t-SNE (van der Maaten & Hinton 2008),
            which keeps neighbours together and says nothing of distances.
        seed: of t-SNE.

    Returns:
        shape (S, 2), float64.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(points) < 2:
        return np.zeros((len(points), 2))
    order = np.lexsort(points.T[::-1])
    axes = min(2, *points.shape)
    flat = PCA(axes, svd_solver="full").fit_transform(points[order])
    flat = np.pad(flat, ((0, 0), (0, 2 - axes)))
    if method == "tsne" and len(points) > 3 and np.ptp(flat):
        perplexity = min(30.0, (len(points) - 1) / 3)
        start = flat / max(flat[:, 0].std(), 1e-9) * 1e-4
        flat = TSNE(init=start, perplexity=perplexity, random_state=seed).fit_transform(
            points[order]
        )
    result = np.empty(flat.shape)
    result[order] = flat
    return result


def cells(flat: np.ndarray, labels: np.ndarray, least: int) -> list[Cell]:
    """People counted in hexagons (Carr et al. 1987); those of fewer than ``least`` are left out.

    Args:
        flat: from ``project``, shape (S, 2).
        labels: segment of each person, shape (S,).
        least: fewest people of a hexagon that is told of.
    """
    if len(flat) < least:
        return []
    # Bounds that one person far out does not set.
    low, high = np.quantile(flat, (0.01, 0.99), axis=0)
    scaled = (flat - low) / np.maximum(high - low, 1e-9)
    for across in range(FINEST, 1, -1):
        found = _counted(scaled * across, labels, least)
        if sum(cell.people for cell in found) >= TOLD * len(flat):
            break
    return found


def _counted(scaled: np.ndarray, labels: np.ndarray, least: int) -> list[Cell]:
    middles, inverse = np.unique(_middles(scaled), axis=0, return_inverse=True)
    found = []
    for c, (x, y) in enumerate(middles.tolist()):
        mine = labels[inverse.reshape(-1) == c]
        if len(mine) >= least:
            values, counts = np.unique(mine, return_counts=True)
            label = int(values[counts.argmax()])
            found.append(Cell(round(x, 3), round(y, 3), label, coarse(len(mine), least)))
    return found


def _middles(points: np.ndarray) -> np.ndarray:
    """The middle of the hexagon that each point lies in: the nearer of two lattices."""
    size = np.array([1.0, np.sqrt(3.0)])
    one = np.rint(points / size) * size
    other = (np.floor(points / size) + 0.5) * size
    nearer = ((points - one) ** 2).sum(axis=1) <= ((points - other) ** 2).sum(axis=1)
    chosen: np.ndarray = np.where(nearer[:, None], one, other)
    return chosen


def silhouettes(points: np.ndarray, labels: np.ndarray, least: int) -> dict[int, list[float]]:
    """How well people lie in their segments, as quantiles of each segment (Rousseeuw 1987).

    Quantiles from 0.05 to 0.95 in steps of 0.05: nobody's own value can be read off.

    Returns:
        segment to ``QUANTILES`` values, -1 to 1; segments of fewer than ``least`` are left out.
    """
    from sklearn.metrics import silhouette_samples

    placed = labels != NOBODY
    points, labels = points[placed], labels[placed]
    if not 1 < len(set(labels.tolist())) < len(labels):
        return {}
    order = np.lexsort((labels, *points.T))
    values, labels = silhouette_samples(points[order], labels[order]), labels[order]
    at = np.linspace(0.05, 0.95, QUANTILES)
    return {
        label: [
            round(round(float(v) * 20) / 20, 2) + 0.0
            for v in np.quantile(values[labels == label], at)
        ]
        for label in sorted(set(labels.tolist()))
        if (labels == label).sum() >= least
    }


def profiles(
    names: Sequence[str], rows: np.ndarray, labels: np.ndarray, least: int
) -> dict[int, Mapping[str, float]]:
    """How far the mean of each segment lies from everybody's, in deviations, to one decimal.

    Args:
        names: the columns.
        rows: newest rows, int32, ``ABSENT`` where unknown, shape (S, F).
        labels: segment of each person.
        least: fewest people of a segment, and of a mean, that is told of.
    """
    found: dict[int, Mapping[str, float]] = {}
    for label in sorted(set(labels.tolist()) - {NOBODY}):
        of_segment: dict[str, float] = {}
        for column, name in enumerate(names):
            known = rows[:, column] != ABSENT
            everybody = rows[known, column].astype(np.float64)
            mine = rows[known & (labels == label), column].astype(np.float64)
            if len(mine) >= least and (spread := everybody.std()) > 0:
                of_segment[name] = round(float((mine.mean() - everybody.mean()) / spread), 1) + 0.0
        if (labels == label).sum() >= least:
            found[label] = of_segment
    return found
