"""What counts as one visit: a basket, or a day where no basket is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.clock import DAY_US
from privet.features.rows import owners

if TYPE_CHECKING:
    from privet.types import Events


def visit_of(events: Events, basket: str | None) -> np.ndarray:
    """The visit of each row, numbered in order of first appearance.

    Two subjects never share a visit, even when their basket ids are equal. The order of
    first appearance depends on a subject's own rows alone.

    Args:
        events: rows as opened.
        basket: the column that identifies a basket; None makes each UTC day one visit.

    Returns:
        shape (R,), int64; a subject's visits are consecutive numbers.
    """
    days = events.at // DAY_US
    if basket is None:
        token = days
    else:
        token = _codes(events.columns[basket], days)
    _, token = np.unique(token, return_inverse=True)
    width = int(token.max(initial=0)) + 1
    _, first, visit = np.unique(
        owners(events) * width + token, return_index=True, return_inverse=True
    )
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[visit]


def starts_of(visit: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of every visit, and where each subject's visits start.

    Args:
        visit: from ``visit_of``, shape (R,).
        starts: row offsets of the subjects, shape (S + 1,).

    Returns:
        rows, shape (V,), and visit offsets, shape (S + 1,), both int64.
    """
    _, rows = np.unique(visit, return_index=True)
    return rows, np.searchsorted(rows, starts)


def _codes(baskets: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Integers for basket ids; a row without one gets an integer of its day."""
    seen: dict[object, int] = {}
    code = np.fromiter((seen.setdefault(b, len(seen)) for b in baskets.tolist()), np.int64)
    if None in seen:
        code = np.where(code == seen[None], -1 - days, code)
    return code
