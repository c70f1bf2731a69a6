"""What counts as one visit: a basket, or a day where no basket is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.clock import DAY_US
from privet.features.rows import NULL, owners

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
    days, owner = events.at // DAY_US, owners(events)
    baskets = days if basket is None else events.columns[basket]
    # Rows of a visit mostly stand together: sorting their runs is cheaper than the rows.
    fresh = np.zeros(len(days), np.bool_)
    fresh[:1] = True
    for values in (owner, days, baskets):
        fresh[1:] |= values[1:] != values[:-1]
    heads = np.flatnonzero(fresh)
    if len(events.subjects) == 1 and _all_different(
        days[heads] if basket is None else baskets[heads]
    ):
        return np.cumsum(fresh) - 1
    token = days[heads] if basket is None else _codes(baskets[heads], days[heads])
    numbered: np.ndarray = _numbered(owner[heads], token)[np.cumsum(fresh) - 1]
    return numbered


def starts_of(visit: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of every visit, and where each subject's visits start.

    Args:
        visit: from ``visit_of``, shape (R,).
        starts: row offsets of the subjects, shape (S + 1,).

    Returns:
        rows, shape (V,), and visit offsets, shape (S + 1,), both int64.
    """
    # Numbers follow the first appearance, so a visit begins where the greatest one rises.
    rows = np.flatnonzero(np.diff(np.maximum.accumulate(visit), prepend=-1))
    return rows, np.searchsorted(rows, starts)


def _all_different(tokens: np.ndarray) -> bool:
    """Whether every run of one subject's rows is a visit of its own, none of it nameless."""
    seen = set(tokens.tolist())
    return len(seen) == len(tokens) and None not in seen and NULL not in seen


def _numbered(owner: np.ndarray, token: np.ndarray) -> np.ndarray:
    """The pairs of owner and token, numbered in order of first appearance."""
    _, token = np.unique(token, return_inverse=True)
    width = int(token.max(initial=0)) + 1
    _, first, pair = np.unique(owner * width + token, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[pair]


def _codes(baskets: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Integers for basket ids; a row without one gets an integer of its day."""
    if baskets.dtype != object:
        _, code = np.unique(baskets, return_inverse=True)
        return np.where(baskets == NULL, -1 - days, code)
    seen: dict[object, int] = {}
    code = np.fromiter((seen.setdefault(b, len(seen)) for b in baskets.tolist()), np.int64)
    if None in seen:
        code = np.where(code == seen[None], -1 - days, code)
    return code
