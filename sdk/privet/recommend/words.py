"""What attributes of the catalogue say of entries, and which of them a person leans to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.content import WORD, documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.features.catalogue import Catalogue, Level
    from privet.recommend.history import History
    from privet.recommend.state import State

WORDS = ("words.starts", "words.words")
"""The arrays of a state that remembers them."""
CAUTION = 10
"""Entries of everybody's that stand beside a person's own: how far her leaning is trusted."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Words:
    """Which words each entry has.

    Attributes:
        starts: offsets per entry, shape (L + 1,), int64.
        words: numbers of words, ascending within an entry, int64.
    """

    starts: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, catalogue: Catalogue, level: Level, attributes: Sequence[str]) -> Words:
        """The words of these attributes.

        Raises:
            InvalidInput: the catalogue lacks an attribute.
        """
        found = [sorted(set(WORD.findall(t))) for t in documents(catalogue, level, attributes)]
        number = {word: i for i, word in enumerate(sorted({w for words in found for w in words}))}
        starts = np.cumsum([0, *(len(words) for words in found)])
        return cls(starts, np.array([number[w] for words in found for w in words], np.int64))

    @classmethod
    def held(cls, arrays: Mapping[str, np.ndarray]) -> Words:
        """Those that a state remembers."""
        return cls(*(arrays[name] for name in WORDS))

    def arrays(self) -> dict[str, np.ndarray]:
        """As a state remembers them: plain data of the shop."""
        return dict(zip(WORDS, (self.starts, self.words), strict=True))

    @staticmethod
    def fits(state: State) -> bool:
        """Whether a state's arrays can be the words of its entries."""
        if not all(name in state.arrays and state.arrays[name].dtype == np.int64 for name in WORDS):
            return False
        starts, words = (state.arrays[name] for name in WORDS)
        if starts.shape != (state.size + 1,) or words.shape != (starts[-1],) or starts[0]:
            return False
        inside = (words >= 0) & (words < max(len(words), 1))
        return bool((np.diff(starts) >= 0).all() and inside.all())


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Leaning:
    """How a person's entries lean to some words, against everybody's.

    Attributes:
        entry: the entry of each pair of an entry and one of its words, int64.
        word: the word of each pair, int64.
        count: how many words each entry has, shape (L,), int64.
        usual: share of everybody's entries that have each word, shape (W,), above 0.
    """

    entry: np.ndarray
    word: np.ndarray
    count: np.ndarray
    usual: np.ndarray

    @classmethod
    def of(cls, words: Words, people: np.ndarray) -> Leaning:
        """Weigh the words.

        Args:
            words: of each entry.
            people: how many people have each entry, shape (L,), int64.
        """
        count = np.diff(words.starts)
        entry = np.repeat(np.arange(len(count)), count)
        had = np.bincount(words.words, people[entry], minlength=1)
        return cls(entry, words.words, count, (had + 1) / (people.sum() + 2))

    def of_person(self, history: History) -> np.ndarray:
        """Mean over an entry's words of the logarithm of her share against the usual, (L,).

        0 for an entry without words, and for somebody without a history.
        """
        own = np.zeros(len(self.count), np.bool_)
        own[history.index] = True
        hers = np.bincount(self.word[own[self.entry]], minlength=len(self.usual))
        share = (hers + CAUTION * self.usual) / (int(own.sum()) + CAUTION)
        lean = np.log(share / self.usual)
        summed = np.bincount(self.entry, lean[self.word], minlength=len(self.count))
        mean: np.ndarray = summed / np.maximum(self.count, 1)
        return mean
