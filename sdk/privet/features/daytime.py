"""When in the day a subject comes, on the clock of the deployment's zone."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING

import numpy as np

from privet.clock import DAY_US, MICRO, instant
from privet.features.rows import share
from privet.features.spec import Cohort, Feature
from privet.features.visits import starts_of, visit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BANDS = ("night", "morning", "afternoon", "evening")
"""Bands of six hours of the local day, from midnight."""


def time_of_day(event: str = "purchase", basket: str = "basket") -> Feature:
    """Share of visits (0 to 1) that begin in each band of the local day; NaN without one.

    Needs times finer than a band: where the policy coarsens them to the day, all visits
    fall into the band of that day's first instant.
    """

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        rows = cohort.event(event)
        first_rows, offsets = starts_of(visit_of(rows, basket), rows.starts)
        visits, size = np.diff(offsets), len(cohort.subjects)
        band = local_time(rows.at[first_rows], cohort.zone) * len(BANDS) // DAY_US
        cell = np.repeat(np.arange(size), visits) * len(BANDS) + band
        counts = np.bincount(cell, minlength=size * len(BANDS)).reshape(size, len(BANDS))
        return {f"time_of_day:{name}": share(counts[:, i], visits) for i, name in enumerate(BANDS)}

    return Feature(
        "time_of_day",
        frozenset({f"{event}.{basket}"}),
        columns,
        "Share of visits by six-hour band of the local day.",
        "share, 0 to 1",
    )


def local_time(at: np.ndarray, zone: tzinfo) -> np.ndarray:
    """Microseconds since local midnight on the wall clock, summer time included.

    Args:
        at: UTC microseconds, shape (R,), int64.
        zone: the zone whose clock is read.

    Returns:
        shape (R,), int64, 0 to 86,400,000,000 - 1.
    """
    days, of_row = np.unique(at // DAY_US, return_inverse=True)
    begin = _offsets(days * DAY_US, zone)
    offset = begin[of_row]
    # A day whose end keeps another time than its beginning has a change inside.
    turning = (begin != _offsets((days + 1) * DAY_US, zone))[of_row]
    offset[turning] = _offsets(at[turning], zone)
    clock: np.ndarray = (at + offset) % DAY_US
    return clock


def _offsets(at: np.ndarray, zone: tzinfo) -> np.ndarray:
    """UTC offsets in microseconds at each instant."""

    def offset(us: int) -> int:
        local = instant(us).astimezone(zone)
        return (local.utcoffset() or timedelta()) // MICRO

    return np.fromiter((offset(int(us)) for us in at), np.int64, len(at))
