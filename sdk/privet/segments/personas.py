"""What a segment is like, in words: how its people differ from everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privet.segments.base import ABSENT

APART = 0.5
"""How many deviations the mean of a segment lies from everybody's to be a trait."""
MOST = 5
WORDS = {
    "recency": ("not here lately", "here lately"),
    "frequency": ("comes often", "comes seldom"),
    "visits_30_days": ("came often this month", "came seldom this month"),
    "days_between_visits": ("long between visits", "short between visits"),
    "monetary": ("spends much", "spends little"),
    "average_order": ("large baskets", "small baskets"),
    "discount_share": ("buys at a discount", "buys at full price"),
}
"""What a high and a low mean of a feature says."""


def traits(
    names: Sequence[str], features: Sequence[str], rows: np.ndarray, everybody: np.ndarray
) -> list[list[str]]:
    """Features by which a segment stands out, the furthest first, each with words.

    Args:
        names: the columns.
        features: the features that they are of.
        rows: newest rows of its people, int32, ``ABSENT`` where unknown.
        everybody: those of all people.

    Returns:
        [feature, what is said], five at most.
    """
    far = []
    for column, name in enumerate(names):
        mine, all_of_them = (_known(part[:, column]) for part in (rows, everybody))
        spread = all_of_them.std() if len(all_of_them) else 0.0
        if len(mine) and spread:
            apart = float((mine.mean() - all_of_them.mean()) / spread)
            far.append((-round(abs(apart), 3), name, apart > 0))
    return [
        [feature_of(name, features), words(name, high=high)]
        for away, name, high in sorted(far)[:MOST]
        if -away >= APART
    ]


def feature_of(name: str, features: Sequence[str]) -> str:
    """The feature that a column is of: ``share:type=TEA`` is one of ``share:type``."""
    return next(f for f in features if name == f or name.startswith((f"{f}=", f"{f}:")))


def words(name: str, *, high: bool) -> str:
    """A high or low mean of a column in words.

    Example:
        >>> words("frequency", high=True), words("share:type=TEA", high=False)
        ('comes often', 'little TEA')
    """
    if name in WORDS:
        return WORDS[name][0 if high else 1]
    family, _, argument = name.partition(":")
    if family == "share":
        return f"{'much' if high else 'little'} {argument.partition('=')[2]}"
    if family == "time_of_day":
        return f"{'often' if high else 'seldom'} in the {argument}"
    return f"{'high' if high else 'low'} {argument or name}"


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
