"""Evidence that rests on more than her own entries: popularity, her traits, what words she likes.

It is what is left to say of somebody without a history: first what is popular, then what
people who share a trait with her take; the longer her history, the less it needs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.traits import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from privet.recommend.history import History
    from privet.recommend.traits import Segments
    from privet.recommend.words import Leaning

FADES = 4.0
"""Logarithm of the number of entries at which popularity as a prior has faded: some 50."""
OF_TRAIT = "trait."
USUAL = {"prior": 0.5, "content": 0.4}
USUAL_TRAIT = 0.5
"""Weights where there is nothing to choose them on; the last of any trait."""


def names(traits: Sequence[str], content: Sequence[str]) -> tuple[str, ...]:
    """The evidence there is with these fields of the profile and attributes of the catalogue."""
    return (
        *(("prior", *(f"{OF_TRAIT}{name}" for name in traits)) if traits else ()),
        *(("content",) if content else ()),
    )


def usual(names: Sequence[str]) -> dict[str, float]:
    """The weight of each evidence without anything to choose it on."""
    return {name: USUAL.get(name, USUAL_TRAIT) for name in names}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Further:
    """What was learned of traits and words; either may be missing.

    Attributes:
        share: of people who have each entry, shape (L,).
        traits: the fields of the profile that are read.
        segments: what people take who share a trait; None where no field is read.
        leaning: to words; None where no attribute is read.
    """

    share: np.ndarray
    traits: tuple[str, ...]
    segments: Segments | None
    leaning: Leaning | None

    @property
    def names(self) -> tuple[str, ...]:
        """What ``of`` has a column for."""
        return names(self.traits, () if self.leaning is None else ("content",))

    def of(self, history: History) -> np.ndarray:
        """The evidence for each entry, shape (L, number of ``names``), float64."""
        columns = [np.zeros((0, len(self.share))), *(c[None] for c in self._columns(history))]
        return np.concatenate(columns).T

    def popular_with(self, history: History, index: int) -> tuple[str, int]:
        """Which trait of hers speaks most for an entry, and how many who share it have it at least.

        Returns:
            ``""`` and 0 where none speaks for it.
        """
        lifts = [self.segments.row(c)[index] for c in self._codes(history)] if self.segments else []
        if max(lifts, default=0) <= 0 or self.segments is None:
            return "", 0
        return self.traits[int(np.argmax(lifts))], self.segments.floor

    def _columns(self, history: History) -> Iterator[np.ndarray]:
        if self.segments is not None:
            fades = 1 - np.log(len(history.entries()) + 1) / FADES
            yield np.log(self.share + 3e-3) * fades
            for code in self._codes(history):
                yield self.segments.row(code)
        if self.leaning is not None:
            yield self.leaning.of_person(history)

    def _codes(self, history: History) -> list[int]:
        return known(history, len(self.traits)).tolist()  # type: ignore[no-any-return]
