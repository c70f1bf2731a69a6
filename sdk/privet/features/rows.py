"""Arithmetic over rows grouped by subject: exact, and blind to who else is in the cohort."""

from __future__ import annotations

import numpy as np

from privet.types import Events

NULL = int(np.iinfo(np.int64).min)
"""How ``Events`` writes an absent integer."""


def owners(events: Events) -> np.ndarray:
    """The position in ``events.subjects`` that each row belongs to, shape (R,), int64."""
    return np.repeat(np.arange(len(events.subjects)), np.diff(events.starts))


def select(events: Events, keep: np.ndarray) -> Events:
    """The rows where ``keep`` is true, for the same subjects in the same order.

    Args:
        events: any events.
        keep: shape (R,), bool.
    """
    if bool(keep.all()):
        return events
    kept = np.concatenate(([0], np.cumsum(keep)))
    return Events(
        subjects=events.subjects,
        starts=kept[events.starts],
        at=events.at[keep],
        columns={name: column[keep] for name, column in events.columns.items()},
        extra=events.extra,
    )


def of_subjects(events: Events, subjects: np.ndarray) -> Events:
    """The rows of some of the subjects.

    Args:
        events: any events.
        subjects: ordinals that are all in ``events.subjects``, ascending, int64.
    """
    if len(subjects) == len(events.subjects):
        return events
    chosen = np.isin(events.subjects, subjects)
    few = select(events, chosen[owners(events)])
    return Events(
        subjects=subjects,
        starts=np.append(few.starts[:-1][chosen], len(few)),
        at=few.at,
        columns=few.columns,
        extra=few.extra,
    )


def sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Exact sum per subject of integers, absent ones counting nothing.

    A running sum may wrap around in 64 bits; the difference of two of its points is
    right all the same, so no neighbour's rows can disturb a subject's sum.

    Args:
        values: shape (R,), int64, ``NULL`` where absent.
        starts: shape (S + 1,), int64.

    Returns:
        shape (S,), int64.
    """
    running = np.concatenate(([0], np.cumsum(np.where(values == NULL, 0, values))))
    return np.diff(running[starts])


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole`` in one rounding, NaN where ``whole`` is not positive; float64."""
    result = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
