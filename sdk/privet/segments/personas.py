"""What a segment is like, in words: how its people differ from everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privet.segments.base import ABSENT

APART = 0.5
"""How many deviations the mean of a segment lies from everybody's to be a trait."""
MOST = 5


def traits(names: Sequence[str], rows: np.ndarray, everybody: np.ndarray) -> list[list[str]]:
    """Features by which a segment stands out, the furthest first, each with words.

    Args:
        names: the columns.
        rows: newest rows of its people, int32, ``ABSENT`` where unknown.
        everybody: those of all people.

    Returns:
        [feature as it was asked for, what is said], five at most.
    """
    far = []
    for column, name in enumerate(names):
        mine, all_of_them = (_known(part[:, column]) for part in (rows, everybody))
        spread = all_of_them.std() if len(all_of_them) else 0.0
        if len(mine) and spread:
            apart = float((mine.mean() - all_of_them.mean()) / spread)
            far.append((-round(abs(apart), 3), name, "high" if apart > 0 else "low"))
    return [
        [name.partition("=")[0], f"{side} {name}"]
        for away, name, side in sorted(far)[:MOST]
        if -away >= APART
    ]


def drift(
    names: Sequence[str], tracks: Sequence[np.ndarray], least: int
) -> list[tuple[str, float]]:
    """How far the mean of each feature moved since the training before, in its deviations.

    Of those alone who were in both trainings, where they are at least ``least``; to one
    decimal, so that nobody's own change shows.
    """
    width = len(names)
    rows = [t.reshape(-1, width + 1)[-2:, 1:] for t in tracks if len(t) > width + 1]
    if len(rows) < least:
        return []
    before, now = np.array(rows).transpose(1, 0, 2)
    moved: list[tuple[str, float]] = []
    for column, name in enumerate(names):
        both = (before[:, column] != ABSENT) & (now[:, column] != ABSENT)
        old, new = (part[both, column].astype(np.float64) for part in (before, now))
        if len(old) >= least and old.std() > 0:
            moved.append((name, round(float((new.mean() - old.mean()) / old.std()), 1)))
    return moved


def _known(column: np.ndarray) -> np.ndarray:
    known: np.ndarray = column[column != ABSENT].astype(np.float64)
    return known
