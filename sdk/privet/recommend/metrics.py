"""Measures of a ranking against what people really had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from privet.recommend.split import Truth


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the subjects with something held out.

    Attributes:
        people: how many those are.
        ndcg: normalized discounted cumulative gain at k, 0 to 1 (Järvelin and Kekäläinen,
            "Cumulated gain-based evaluation of IR techniques", 2002), the ideal list having
            min(k, held-out) hits.
        recall: hits over min(k, held-out), 0 to 1.
    """

    people: int
    ndcg: float
    recall: float


def quality(lists: np.ndarray, truth: Truth) -> Quality:
    """Score lists; who has nothing held out is not in the means. NaN when nobody has.

    Args:
        lists: entries by rank, -1 after the end, shape (S, k), int64.
        truth: the held-out entries of the same subjects.
    """
    subjects, k = lists.shape
    keys = np.arange(subjects)[:, None] * max(truth.size, 1) + lists
    hits = np.isin(keys, truth.keys()) & (lists >= 0)
    most = np.minimum(np.diff(truth.starts), k)
    scored = most > 0
    if not scored.any():
        return Quality(0, float("nan"), float("nan"))
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.cumsum(discount)[most[scored] - 1]
    gain = (hits[scored] * discount).sum(axis=1) / ideal
    recall = hits[scored].sum(axis=1) / most[scored]
    return Quality(int(scored.sum()), float(gain.mean()), float(recall.mean()))
