"""What a segment is like, in words: how its people differ from everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privet.segments.base import ABSENT

APART = 0.5
"""How many deviations the mean of a segment lies from everybody's to be a trait."""
CHANGED = 0.3
"""How many deviations the mean of those who moved changed to be why they did."""
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
    told = {f: column_of(f) for f in features}
    return next(f for f, c in told.items() if name == c or name.startswith((f"{c}=", f"{c}:")))


def column_of(feature: str) -> str:
    """How the columns of a feature begin: without the field that it is read from.

    Example:
        >>> column_of("share:genre@watch.item")
        'share:genre'
    """
    return feature.partition("@")[0]


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
    names: Sequence[str],
    tracks: Sequence[np.ndarray],
    everybody: Sequence[np.ndarray],
    least: int,
) -> list[tuple[str, float, float]]:
    """How far each feature moved since the training before.

    Of those alone who were in both trainings, where they are at least ``least``; to one
    decimal, so that nobody's own change shows.

    Args:
        names: the columns.
        tracks: what the people concerned added.
        everybody: what all people added: their deviation before is the unit.
        least: the fewest people to tell anything of.

    Returns:
        name, how far the mean moved in deviations, and the population stability index.
    """
    mine, every = _last_two(tracks, len(names)), _last_two(everybody, len(names))
    moved: list[tuple[str, float, float]] = []
    for column, name in enumerate(names):
        own, whole = (_of_both(rows[:, :, column]) for rows in (mine, every))
        if len(own) >= least and (spread := whole[:, 0].std()) > 0:
            shift = round(float((own[:, 1].mean() - own[:, 0].mean()) / spread), 1)
            # -0.0 reads as if something had moved
            moved.append((name, shift + 0.0, round(stability_index(own[:, 0], own[:, 1]), 1)))
    return moved


def stability_index(before: np.ndarray, after: np.ndarray) -> float:
    """How unlike two distributions are, by the tenths of the first (Siddiqi 2006, PSI).

    Below 0.1 little changed, above 0.25 much did. Half a person is added to each tenth, so
    that an empty one is no infinite difference.

    Args:
        before: values, shape (S,).
        after: values, shape (T,).
    """
    edges = np.unique(np.quantile(before, np.linspace(0.1, 0.9, 9)))
    counts = [np.bincount(edges.searchsorted(v), minlength=10) + 0.5 for v in (before, after)]
    one, other = (c / c.sum() for c in counts)
    return float(((other - one) * np.log(other / one)).sum())


def _last_two(tracks: Sequence[np.ndarray], width: int) -> np.ndarray:
    """The two newest rows of those who have two, shape (S, 2, F)."""
    rows = [t.reshape(-1, width + 1)[-2:, 1:] for t in tracks if len(t) > width + 1]
    return np.array(rows, np.int32).reshape(len(rows), 2, width)


def _of_both(column: np.ndarray) -> np.ndarray:
    """A column of those of whom both values are known, shape (S, 2), float64."""
    known: np.ndarray = column[(column != ABSENT).all(axis=1)].astype(np.float64)
    return known


def reasons(features: Sequence[str], shifts: Sequence[tuple[str, float, float]]) -> list[list[str]]:
    """Why people moved: what of theirs changed most since the training before, in words.

    Args:
        features: the features that the columns are of.
        shifts: the ``drift`` of those who moved.

    Returns:
        [feature, what is said] as ``traits``, three at most.
    """
    far = sorted((-abs(shift), name, shift > 0) for name, shift, _ in shifts)
    return [
        [feature_of(name, features), f"{'more' if up else 'less'}: {name}"]
        for away, name, up in far[:3]
        if -away >= CHANGED
    ]


def _known(column: np.ndarray) -> np.ndarray:
    known: np.ndarray = column[column != ABSENT].astype(np.float64)
    return known
