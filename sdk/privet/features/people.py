"""Demographics, in bands only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.features.rows import NULL
from privet.features.spec import Cohort, Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 10
"""Width of the bands that whole numbers are put in."""


def demographic(name: str, width: int = WIDTH) -> Feature:
    """A profile field as a band such as ``"30-39"``; None where unknown.

    Text (the policy's own bands included) stays as it is; whole numbers never leave
    without their band (GDPR Art. 5(1)(c)).
    """

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        positions, values = cohort.profile(name)
        bands = np.full(len(cohort.subjects), None, dtype=object)
        bands[positions] = band(values, width) if values.dtype == np.int64 else values
        return {f"profile:{name}": bands}

    return Feature(
        f"profile:{name}", frozenset({f"profile.{name}"}), columns, f"Band of {name}.", "band"
    )


def band(values: np.ndarray, width: int) -> np.ndarray:
    """Whole numbers as bands ``"low-high"`` of equal width from 0.

    Args:
        values: shape (R,), int64, absent ones as in ``Events``.
        width: how many numbers share a band, at least 1.

    Returns:
        shape (R,), object: str, or None where absent.
    """
    bands = np.full(len(values), None, dtype=object)
    for i, value in enumerate(values.tolist()):
        if value != NULL:
            low = value // width * width
            bands[i] = f"{low}-{low + width - 1}"
    return bands
