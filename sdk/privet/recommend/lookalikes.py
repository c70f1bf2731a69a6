"""Where an entry that few people have belongs: among those whose text reads alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from privet.recommend.content import ContentFitted

NEIGHBOURS = 5
CAUTION = 1.0
"""What an entry that nobody vouches for is put back, in log odds."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Lookalikes:
    """For each cold entry its nearest known ones by text.

    Attributes:
        words: the text of all entries.
        cold: entries that too few people have and that share a word with a known one, (C,).
        near: their nearest known entries, shape (C, N), int64.
        share: how much each of those counts, rows summing to one, shape (C, N).
    """

    words: ContentFitted
    cold: np.ndarray
    near: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, words: ContentFitted, known: np.ndarray) -> Lookalikes:
        """Find the nearest known entries of all others."""
        warm, cold = np.flatnonzero(known), np.flatnonzero(~known)
        cosine = (words.terms[cold] @ words.terms[warm].T).toarray()
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :NEIGHBOURS]
        share = np.take_along_axis(cosine, order, axis=1)
        some = share.sum(axis=1) > 0
        share = share[some] / share[some].sum(axis=1, keepdims=True)
        return cls(words, cold[some], warm[order[some]], share)

    def place(self, score: np.ndarray) -> None:
        """Give each cold entry the mean of its lookalikes, put back a little; in place."""
        score[self.cold] = (score[self.near] * self.share).sum(axis=1) - CAUTION
