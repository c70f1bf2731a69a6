"""Segments: groups of people with similar habits, and what of them may be released."""

from privet.segments.base import Segmenter
from privet.segments.evaluating import Cohesion
from privet.segments.face import Segments
from privet.segments.kmeans import KMeans
from privet.segments.release import Release

__all__ = ["Cohesion", "KMeans", "Release", "Segmenter", "Segments"]
