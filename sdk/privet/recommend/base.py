"""The one interface of all recommenders.

A recommender says what it reads (``needs``) and what one person adds to it
(``contribution``); its state is a function of the contributions kept, their exact sum where
it can be (``forgets``); ``finish`` derives floats from the state, always the same; the
``Fitted`` that results ranks entries for a history given at the moment of asking.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import ITEM, Catalogue, Level
from privet.recommend.history import EMPTY, histories
from privet.recommend.state import contribution, contributions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.recommend.history import Histories, History
    from privet.recommend.reasons import Reason
    from privet.recommend.state import Contributions, State
    from privet.types import Events

Forgets = Literal["nothing", "subtract", "refit"]
"""How a kind forgets: nothing of anybody is in it; by subtraction; by fitting anew."""


@dataclass(frozen=True, kw_only=True)
class Recommender(ABC):
    """A method with its parameters; plain data, holds nothing learned.

    A kind that forgets by ``"subtract"`` has an ``add``; its state is the sum of
    contributions. One that forgets by ``"refit"`` has a ``fit`` over all of them.

    Args:
        event: the event it learns from.
        item: that event's field of the item.
        by: the catalogue attribute that is recommended; ``"item"`` for single items.
    """

    kind: ClassVar[str]
    event: str = "purchase"
    item: str = "item"
    by: str = ITEM

    @property
    def forgets(self) -> Forgets:
        """How somebody is taken out of its state; a class constant in most kinds."""
        return "subtract"

    @property
    def needs(self) -> frozenset[str]:
        """The fields it reads, such as ``{"purchase.item"}``; never more."""
        return frozenset({f"{self.event}.{self.item}"})

    def params(self) -> dict[str, Any]:
        """The parameters as JSON data; ``recommend.build`` makes an equal one of them."""
        return asdict(self)

    def histories(self, events: Mapping[str, Events], level: Level) -> Histories:
        """The histories that this method sees in opened events.

        Raises:
            InvalidInput: its event was not read.
        """
        if self.event not in events:
            raise InvalidInput(
                f"the event {self.event!r} is not among what was read",
                remedy="Read what `needs` lists.",
                reason="recommend.unread",
            )
        return histories(events[self.event], level, item=self.item, basket=self._visit_field())

    def contribution(self, history: History, now_day: int) -> np.ndarray | None:
        """What one person adds, 1-D int32; None if the kind learns from nobody.

        Her distinct entries, unless the kind says otherwise. Empty for who adds nothing.
        These bytes are kept sealed under the person's key, and are what is subtracted or
        fitted again.

        Args:
            history: what is learned from.
            now_day: UTC day number since 1970 of the end of what is learned from, which
                ages count from.
        """
        return contribution(history)

    def contributions(self, cohort: Histories, now_day: int) -> Contributions | None:
        """``contribution`` of each person of a cohort at once."""
        return contributions(cohort)

    @abstractmethod
    def empty(self, size: int) -> State:
        """The state that nobody has added to.

        Args:
            size: number of entries of the level, L.
        """

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add (or with ``sign=-1`` subtract) one contribution, in place, exactly.

        Returns:
            the same state.

        Raises:
            IntegrityError: the contribution does not fit, or was never added.
            TypeError: this kind is fitted as a whole.
        """
        raise TypeError(f"the kind {self.kind!r} is fitted as a whole, never added to")

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add the contributions of a cohort, in place; equal to adding one by one."""
        for entries in cohort or ():
            self.add(state, entries)
        return state

    def of_items(self, catalogue: Catalogue, level: Level) -> dict[str, np.ndarray]:
        """What ``fit`` has to know of the catalogue: plain data of the shop, as integers.

        A state that is fitted remembers it, so that it can be fitted again.
        """
        return {}

    def fit(
        self, size: int, kept: Contributions, items: Mapping[str, np.ndarray] | None = None
    ) -> State:
        """The state of these people, and of nobody else: the same bytes each time.

        Args:
            size: number of entries of the level, L.
            kept: the contributions of all who are in it, ascending by subject. A subject's
                ordinal tells when she came; no result should depend on more than that.
            items: what ``of_items`` said, or the arrays of a state that was fitted with it.

        Raises:
            IntegrityError: a contribution does not fit.
        """
        return self.add_all(self.empty(size), kept)

    def fits(self, state: State) -> bool:
        """Whether this kind can have made a state of these arrays, by names and forms."""
        return state.form() == self.empty(state.size).form()

    @abstractmethod
    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> Fitted:
        """Derive the model that ranks; the same state gives the same floats.

        Args:
            state: exact sums.
            catalogue: the items of now: what it hides or lacks is not recommended.
            names: the entries the state was trained over; None for the catalogue's own.
        """

    def _visit_field(self) -> str | None:
        return None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Fitted(ABC):
    """A model ready to rank. Personal data of those it learned from: never shown or logged.

    Attributes:
        level: the entries it ranks.
        event: the event its histories are made of.
    """

    level: Level
    event: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(entries={len(self.level)})"

    @abstractmethod
    def score(self, history: History, now_day: int) -> np.ndarray:
        """A score of each entry, shape (L,), float64; -inf where there is no evidence.

        Args:
            history: what the person may be known by.
            now_day: UTC day number since 1970 of the moment of asking.
        """

    @abstractmethod
    def reason(self, history: History, index: int) -> Reason:
        """Why this entry, from the person's own history.

        Args:
            history: the history that ``top`` was given.
            index: one of the entries that it answered.
        """

    def reasons(self, history: History, indices: np.ndarray) -> list[Reason]:
        """Why each of these entries; the same as ``reason`` of one by one."""
        return [self.reason(history, int(index)) for index in indices]

    def together(self, index: int) -> np.ndarray | None:
        """What goes with one entry, whoever asks; None for a kind that cannot say.

        Only what rests on at least as many people as the kind's release floor asks for,
        entry by entry, so that it may be shown beside an item to anybody.

        Args:
            index: an entry.

        Returns:
            a score of each entry, shape (L,), 0 where nothing may be said.
        """
        return None

    def top(
        self,
        history: History,
        k: int,
        *,
        now_day: int,
        exclude: np.ndarray | None = None,
        among: np.ndarray | None = None,
    ) -> np.ndarray:
        """The best entries, by falling score and then by index; int64, at most ``k``.

        Args:
            history: what the person may be known by.
            k: how many at most.
            now_day: UTC day number since 1970.
            exclude: entries to leave out.
            among: the only entries to consider; None for all.
        """
        return best(self.score(history, now_day), self.level, k, exclude, among)

    def popular(self, k: int, *, among: np.ndarray | None = None) -> np.ndarray:
        """The non-personal list: what the model recommends to somebody unknown.

        Empty for models that rest on a history alone.
        """
        return self.top(EMPTY, k, now_day=0, among=among)


def best(
    scores: np.ndarray,
    level: Level,
    k: int,
    exclude: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> np.ndarray:
    """The best candidates of a level, by falling score and then by index.

    Which entries are candidates depends on the catalogue alone, never on other people.
    """
    allowed = level.candidates
    if among is not None:
        chosen = np.zeros(len(level), np.bool_)
        chosen[among] = True
        allowed &= chosen
    if exclude is not None:
        allowed[exclude] = False
    return ranked(scores, allowed, k)


def ranked(scores: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    """The best of the allowed entries, by falling score and then by index; int64.

    Args:
        scores: shape (L,), -inf where there is no evidence.
        allowed: shape (L,), bool.
        k: how many at most.
    """
    found = np.flatnonzero(allowed & (scores > -np.inf))
    values = scores[found]
    if k < len(found):
        # Everything as good as the k-th stays, so that ties are decided by index. Sorted, not
        # partitioned: numpy's selection degenerates where many values are equal.
        good = values >= np.sort(values)[-k]
        found, values = found[good], values[good]
    order = np.argsort(-values, kind="stable")
    return found[order[:k]]
