"""Segments that keep their ids: the optimal matching by the people that they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privet.segments.base import NOBODY


def match(labels: np.ndarray, before: Sequence[str | None]) -> dict[int, str]:
    """Labels of a new fit to the ids that most of their people had before.

    The assignment that keeps most people under their id (Kuhn 1955, Hungarian method); a
    label that shares nobody with the id it would get has none.

    Args:
        labels: label of each person, shape (S,).
        before: the id that each had, None for who is new.
    """
    from scipy.optimize import linear_sum_assignment

    found = sorted(set(labels.tolist()) - {NOBODY})
    ids = sorted({was for was in before if was is not None})
    shared = np.zeros((len(found), len(ids)), np.int64)
    row, column = ({v: i for i, v in enumerate(values)} for values in (found, ids))
    for label, was in zip(labels.tolist(), before, strict=True):
        if label != NOBODY and was is not None:
            shared[row[label], column[was]] += 1
    chosen = linear_sum_assignment(shared, maximize=True)
    return {found[r]: ids[c] for r, c in zip(*chosen, strict=True) if shared[r, c]}
