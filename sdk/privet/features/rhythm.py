"""How lately, how often and how regularly a subject comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.clock import DAY_US
from privet.features.rows import select, share
from privet.features.spec import Cohort, Feature
from privet.features.visits import starts_of, visit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.types import Events


def recency(event: str = "purchase", basket: str = "basket") -> Feature:
    """Days, with fractions, since the subject's last event; NaN without one."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        rows = cohort.event(event)
        days = np.full(len(cohort.subjects), np.nan)
        some = np.diff(rows.starts) > 0
        days[some] = (cohort.now - rows.at[rows.starts[1:][some] - 1]) / np.float64(DAY_US)
        return {"recency": days}

    return Feature(
        "recency",
        frozenset({f"{event}.{basket}"}),
        columns,
        "Days since the last purchase.",
        "days",
    )


def frequency(event: str = "purchase", basket: str = "basket") -> Feature:
    """Number of distinct baskets; a row without a basket counts for its day."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        return {"frequency": _visits(cohort.event(event), basket)}

    return Feature(
        "frequency", frozenset({f"{event}.{basket}"}), columns, "Number of baskets.", "baskets"
    )


def visits_30_days(event: str = "purchase", basket: str = "basket") -> Feature:
    """Number of distinct baskets in the 30 times 24 hours before now."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        rows = cohort.event(event)
        recent = select(rows, rows.at > cohort.now - 30 * DAY_US)
        return {"visits_30_days": _visits(recent, basket)}

    return Feature(
        "visits_30_days",
        frozenset({f"{event}.{basket}"}),
        columns,
        "Number of baskets in the last 30 days.",
        "baskets",
    )


def days_between_visits(event: str = "purchase", basket: str = "basket") -> Feature:
    """Mean gap in days between the starts of consecutive baskets; NaN below two.

    The gaps of one subject add up to last start minus first, so the mean is one division.
    """

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        rows = cohort.event(event)
        first_rows, offsets = starts_of(visit_of(rows, basket), rows.starts)
        gaps = np.diff(offsets) - 1
        span = np.zeros(len(gaps), np.int64)
        several = gaps > 0
        begun = rows.at[first_rows]
        span[several] = begun[offsets[1:][several] - 1] - begun[offsets[:-1][several]]
        return {"days_between_visits": share(span, gaps * DAY_US)}

    return Feature(
        "days_between_visits",
        frozenset({f"{event}.{basket}"}),
        columns,
        "Mean of the days between one basket and the next.",
        "days",
    )


def _visits(rows: Events, basket: str) -> np.ndarray:
    _, offsets = starts_of(visit_of(rows, basket), rows.starts)
    return np.diff(offsets)
