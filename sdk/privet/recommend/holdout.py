"""What weights are chosen on: people as they were known, and what each of them had beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.rows import until, where, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from privet.recommend.history import History

PART = 3
MOST = 10
"""A third of a person's entries is held out, and not more than a list of ten can show."""
NEAREST = 60
"""Candidates of a person whose lists hold only what is new: what decides the top of them."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Held:
    """People at one time, or without a part of what they had.

    Attributes:
        past: what is known, person by person.
        came: the entries that are asked for, ascending, person by person.
        day: the day that is asked on.
        nearest: candidates to weigh; None for all, and for what she had before as well.
    """

    past: Sequence[History]
    came: Sequence[np.ndarray]
    day: int
    nearest: int | None


def by_windows(people: Sequence[History], windows: int, days: int) -> Iterator[Held]:
    """As of the start of each of the windows before the end, and what came in it.

    Args:
        people: histories, their days counted from 0, the end.
        windows: how many.
        days: of one window.
    """
    for window in range(1, windows + 1):
        cut = -days * window
        yield Held(
            [until(history, cut) for history in people],
            [within(history, cut, cut + days) for history in people],
            cut,
            None,
        )


def by_share(people: Sequence[History], times: int) -> Iterator[Held]:
    """Without a part of each person's entries, each time another; as if of one sitting.

    Which ones depends on what she had and on nothing else.

    Args:
        people: histories, their days counted from 0, the end.
        times: how many times.
    """
    for time in range(times):
        came = [_drawn(history.entries(), time) for history in people]
        past = [
            where(history, ~np.isin(history.index, out))
            for history, out in zip(people, came, strict=True)
        ]
        yield Held(past, came, 0, NEAREST)


def _drawn(entries: np.ndarray, time: int) -> np.ndarray:
    """The entries that come first in an order of her own, ascending."""
    mixed = _mix(entries.astype(np.uint64) + np.uint64(1))
    hers = _mix(np.array([int(mixed.sum(dtype=np.uint64)) ^ time], np.uint64))
    order = np.argsort(_mix(mixed ^ hers), kind="stable")
    return np.sort(entries[order[: min(len(entries) // PART, MOST)]])


def _mix(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer: Steele et al., "Fast splittable pseudorandom number generators"."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = numbers ^ (numbers >> np.uint64(31))
    return mixed
