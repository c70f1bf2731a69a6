"""Segments: groups of people with similar habits, and what of them may be released."""

from privet.segments.base import Segmenter
from privet.segments.evaluating import Cohesion
from privet.segments.face import Segments
from privet.segments.kmeans import KMeans
from privet.segments.methods import (
    DBSCAN,
    HDBSCAN,
    Agglomerative,
    GaussianMixture,
    MiniBatchKMeans,
    Spectral,
)
from privet.segments.release import Release

__all__ = [
    "DBSCAN",
    "HDBSCAN",
    "Agglomerative",
    "Cohesion",
    "GaussianMixture",
    "KMeans",
    "MiniBatchKMeans",
    "Release",
    "Segmenter",
    "Segments",
    "Spectral",
]
