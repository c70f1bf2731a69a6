"""What reads like what the person had: the text of items alone, no other person's data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from privet.errors import InvalidInput
from privet.recommend.base import Fitted, Forgets, Recommender
from privet.recommend.reasons import Reason
from privet.recommend.state import Contributions, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_matrix

    from privet.features.catalogue import Catalogue, Level
    from privet.recommend.history import Histories, History


WORD = re.compile(r"\w+")
"""Numbers and single letters tell sizes and models apart, so they are words too."""


@dataclass(frozen=True, kw_only=True)
class ContentTFIDF(Recommender):
    """Cosine between an entry's text and the mean of the texts in a history, day by day.

    Term weights as in Salton and Buckley, "Term-weighting approaches in automatic text
    retrieval" (1988), by scikit-learn's ``TfidfVectorizer``. Learns nothing from people,
    so three items and one person suffice and there is nothing to forget.

    Args:
        text: the catalogue attributes whose text describes an entry.
    """

    kind: ClassVar[str] = "content"
    forgets: ClassVar[Forgets] = "nothing"
    text: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", tuple(self.text))
        if not self.text:
            raise InvalidInput(
                "a content model needs text",
                remedy="Name catalogue attributes: text=('type', 'brand').",
                reason="recommend.parameter",
            )

    def contribution(self, history: History, now_day: int) -> None:
        """Nothing: no person is learned from."""

    def contributions(self, cohort: Histories, now_day: int) -> Contributions | None:
        """Nothing: no person is learned from."""
        return None

    def empty(self, size: int) -> State:
        """A state without arrays."""
        return State(size, {})

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Leave the state as it is."""
        return state

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> ContentFitted:
        """Weigh the terms of the catalogue's text.

        Raises:
            InvalidInput: the catalogue lacks an attribute, or has no word in any.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        level = catalogue.level(self.by, names)
        try:
            terms = TfidfVectorizer(analyzer=WORD.findall).fit_transform(
                documents(catalogue, level, self.text)
            )
        except ValueError:
            raise InvalidInput(
                "the items have no text to compare",
                why="the attributes named hold no word",
                remedy="Load the catalogue with text, or name other attributes.",
                reason="recommend.text",
            ) from None
        return ContentFitted(
            level=level, event=self.event, terms=terms.tocsr(), entries=terms.T.tocsr()
        )


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ContentFitted(Fitted):
    """Term weights of each entry, rows of length one.

    Attributes:
        terms: shape (L, T), float64.
        entries: the transpose, stored by row.
    """

    terms: csr_matrix
    entries: csr_matrix

    def score(self, history: History, now_day: int) -> np.ndarray:
        """Cosine to the mean text of the history; -inf where no word is shared."""
        own = np.bincount(history.index, minlength=len(self.level)).astype(np.float64)
        profile = self.entries @ own
        length = np.sqrt(np.sum(profile * profile))
        cosine = self.terms @ profile / (length or 1)
        return np.where(cosine > 0, cosine, -np.inf)

    def reason(self, history: History, index: int) -> Reason:
        """The entry of her history whose text is nearest."""
        own = history.entries()
        if index in own:
            return Reason("again", self.event, self.level.names[index])
        alike = self.terms[own] @ self.terms[index].toarray()[0]
        return Reason("like", self.event, self.level.names[own[int(alike.argmax())]])


def documents(catalogue: Catalogue, level: Level, text: Sequence[str]) -> list[str]:
    """One text per entry: the distinct values of its items, in sorted order, in small letters.

    Raises:
        InvalidInput: the catalogue lacks an attribute.
    """
    words: list[set[str]] = [set() for _ in level.names]
    columns = [catalogue.values(attribute) for attribute in text]
    for item, entry in enumerate(level.of_item.tolist()):
        if entry >= 0:
            words[entry].update(column[item] for column in columns)
    return [" ".join(sorted(values)).lower() for values in words]
