"""Lists whose entries differ, and entries that are alike, by the catalogue's text alone.

How alike two entries are is the cosine between the TF-IDF weights of the words of their
items' attributes. No person is in it, so it may be asked for anybody and anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.recommend.base import ranked
from privet.recommend.content import ContentTFIDF
from privet.recommend.request import Request

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from privet.features.catalogue import Catalogue, Level

POOL = 100
"""The least number of the best entries that a diverse list is chosen from."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Alike:
    """How alike the entries of one level are.

    Attributes:
        terms: term weights of each entry, rows of length one (or none), shape (L, T).
    """

    terms: csr_matrix

    def among(self, entries: np.ndarray) -> np.ndarray:
        """Cosines between some entries, shape (N, N), 0 to 1."""
        rows = self.terms[entries]
        cosines: np.ndarray = (rows @ rows.T).toarray()
        return cosines

    def to(self, entry: int) -> np.ndarray:
        """Cosines of all entries to one, shape (L,); its own is 0."""
        cosines: np.ndarray = (self.terms @ self.terms[entry].T).toarray().ravel()
        cosines[entry] = 0
        return cosines


def alike(catalogue: Catalogue, level: Level) -> Alike:
    """Weigh the words of every attribute of a level's items.

    Raises:
        InvalidInput: the catalogue has no text (reason ``recommend.text``).
    """
    if not catalogue.attributes:
        raise InvalidInput(
            "the items have no text to compare",
            why="the catalogue has no attribute",
            remedy="Load the catalogue with text.",
            reason="recommend.text",
        )
    method = ContentTFIDF(by=level.attribute, text=tuple(sorted(catalogue.attributes)))
    return Alike(method.finish(method.empty(len(level)), catalogue, level.names).terms)


def choose(scores: np.ndarray, allowed: np.ndarray, asked: Request, near: Alike) -> np.ndarray:
    """A list by maximal marginal relevance, best first; int64.

    Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries" (SIGIR 1998): each next entry has the greatest
    ``(1 - d) * score - d * greatest likeness to those already chosen``. Scores are brought
    to 0..1 within the pool of the best ``max(POOL, 5 * k)`` entries. The best entry stays
    first; with ``d = 0`` the order is that of the scores.

    Args:
        scores: shape (L,), -inf where there is no evidence.
        allowed: shape (L,), bool.
        asked: how many, and how diverse.
        near: how alike entries are.
    """
    pool = ranked(scores, allowed, max(POOL, 5 * asked.k))
    places = mmr(scores[pool], near.among(pool), asked.k, asked.diversity)
    chosen: np.ndarray = pool[places]
    return chosen


def mmr(relevance: np.ndarray, likeness: np.ndarray, k: int, diversity: float) -> np.ndarray:
    """Positions of at most ``k`` entries; ties go to the more relevant, then the earlier.

    Args:
        relevance: falling, shape (N,).
        likeness: shape (N, N), 0 to 1.
        k: how many at most.
        diversity: what likeness weighs, 0 to 1.
    """
    count = min(k, len(relevance))
    if not count:
        return np.zeros(0, np.int64)
    span = float(relevance[0] - relevance[-1])
    own = (relevance - relevance[-1]) / span if span else np.ones(len(relevance))
    nearest = np.zeros(len(relevance))
    chosen = np.zeros(count, np.int64)
    for place in range(count):
        value = (1 - diversity) * own - diversity * nearest
        value[chosen[:place]] = -np.inf
        chosen[place] = value.argmax()
        nearest = np.maximum(nearest, likeness[chosen[place]])
    return chosen
