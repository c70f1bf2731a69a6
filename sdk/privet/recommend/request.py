"""What is asked of a list, and which entries that leaves to choose from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.features.catalogue import Level

MOST = 1000
OLDEST = 150


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is asked of a list.

    Attributes:
        k: how many entries.
        model: the model's name; None for the purpose's last served one.
        among: only these entries; None for all.
        exclude: never these entries.
        stock: the items that can be had, by id: an entry none of whose items is here is left
            out; None for all.
        age: how old who asks is known to be, in years. Entries with a minimum age are left
            out unless it is reached; None leaves all of them out.
        unseen: leave out what the person had already.
        diversity: 0 for the best entries, towards 1 for entries ever less alike.
        until: as of this instant, UTC microseconds; None for now.
    """

    k: int = 10
    model: str | None = None
    among: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    stock: Collection[str] | None = None
    age: int | None = None
    unseen: bool = False
    diversity: float = 0
    until: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it leaves everything to choose from that anybody may be shown."""
        return self.among is None and self.stock is None and not self.exclude and not self.age

    def check(self) -> None:
        """Refuse what no list can satisfy.

        Raises:
            InvalidInput: an argument is of another type or out of range.
        """
        if type(self.k) is not int or not 1 <= self.k <= MOST:
            raise InvalidInput(
                "k is out of range", remedy=f"Ask for 1 to {MOST}.", reason="k.range"
            )
        if self.age is not None and (type(self.age) is not int or not 0 <= self.age <= OLDEST):
            raise InvalidInput(
                "an age is out of range",
                remedy=f"Give whole years from 0 to {OLDEST}, or leave it out.",
                reason="age.range",
            )
        if type(self.diversity) not in {int, float} or not 0 <= self.diversity <= 1:
            raise InvalidInput(
                "diversity is out of range",
                remedy="Give a number from 0 (the best entries) to 1.",
                reason="diversity.range",
            )
        _refuse_unless(self.among, "what a list is chosen among", reason="among.type")
        _refuse_unless(self.exclude, "what is excluded", reason="exclude.type")
        _refuse_unless(self.stock, "what is in stock", reason="stock.type")


def _refuse_unless(names: Collection[str] | None, what: str, *, reason: str) -> None:
    if not all(isinstance(name, str) for name in names or ()):
        raise InvalidInput(
            f"{what} are not names of entries",
            remedy="Give the ids of items, or the entries that the model ranks.",
            reason=reason,
        )


def candidates(level: Level, codes: Mapping[str, int], asked: Request) -> np.ndarray:
    """Which entries a list may hold: by the catalogue and the request, never by people.

    Args:
        level: the entries.
        codes: item id to code.
        asked: what is asked of the list.

    Returns:
        shape (L,), bool.
    """
    allowed = level.of_age(asked.age).candidates
    if asked.among is not None:
        allowed &= _named(level, asked.among)
    if asked.exclude:
        allowed &= ~_named(level, asked.exclude)
    if asked.stock is not None:
        allowed &= _stocked(level, codes, asked.stock)
    return allowed


@lru_cache(maxsize=16)
def everyday(level: Level) -> np.ndarray:
    """What a plain request leaves to choose from; one array per level object, read-only."""
    allowed = candidates(level, {}, Request())
    allowed.flags.writeable = False
    return allowed


@lru_cache(maxsize=16)
def positions(level: Level) -> Mapping[str, int]:
    """Name to index of a level's entries; one per level object."""
    return {name: index for index, name in enumerate(level.names)}


def _named(level: Level, names: Collection[str]) -> np.ndarray:
    found = positions(level)
    return _mask(level, [found[name] for name in names if name in found])


def _stocked(level: Level, codes: Mapping[str, int], stock: Collection[str]) -> np.ndarray:
    entries = level.of_item[[codes[item] for item in stock if item in codes]]
    return _mask(level, entries[entries >= 0])


def _mask(level: Level, indices: np.ndarray | list[int]) -> np.ndarray:
    mask = np.zeros(len(level), np.bool_)
    mask[np.asarray(indices, np.int64)] = True
    return mask
