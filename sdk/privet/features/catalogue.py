"""The item catalogue as arrays: plain data of the shop, nothing of a person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST = 120
"""No item asks for more years than these."""
ITEM = "item"
"""The level on which every item is its own entry."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Level:
    """The entries of one attribute (or the items themselves) and which item belongs where.

    Attributes:
        attribute: the catalogue attribute, or ``"item"``.
        names: the known values, sorted and unique; the index in here is an entry's index.
        of_item: item code to entry index, -1 where the value is unknown, shape (I,), int64.
        hidden: entries of which an item reveals what may not be inferred (GDPR Art. 9;
            CJEU C-184/20), shape (L,), bool. They are never trained on, recommended or
            given as a reason.
        listed: entries that have an item in the catalogue, shape (L,), bool.
        min_age: the age in years that all items of an entry may be shown from, 0 for any,
            shape (L,), int64.
    """

    attribute: str
    names: tuple[str, ...]
    of_item: np.ndarray
    hidden: np.ndarray
    listed: np.ndarray
    min_age: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Level({self.attribute!r}, entries={len(self)})"

    @property
    def candidates(self) -> np.ndarray:
        """What anybody may be shown: listed, not hidden, without a minimum age. (L,), bool.

        Whoever bought it, and however often, has no part in it.
        """
        shown: np.ndarray = self.listed & ~self.hidden & (self.min_age == 0)
        return shown

    def of_age(self, age: int | None) -> Level:
        """The level for somebody known to be this old; minimum ages that she reached are gone.

        Args:
            age: in whole years; None where nothing is known.
        """
        return _of_age(self, int(self.min_age[self.min_age <= (age or 0)].max(initial=0)))

    def known(self, codes: np.ndarray) -> np.ndarray:
        """Entry index of item codes, hidden entries included; -1 for no known entry.

        Args:
            codes: item codes as in ``Events``, shape (R,), int64; negative ones are
                ids that the catalogue did not know.

        Raises:
            InvalidInput: a code is newer than this catalogue.
        """
        if codes.size and int(codes.max()) >= len(self.of_item):
            raise InvalidInput(
                "an item code is newer than the catalogue at hand",
                why="items were added since this catalogue was read",
                remedy="Read the catalogue again and repeat.",
                reason="catalogue.outdated",
            )
        index = np.full(len(codes), -1, np.int64)
        listed = codes >= 0
        index[listed] = self.of_item[codes[listed]]
        return index

    def visible(self, codes: np.ndarray) -> np.ndarray:
        """Like ``known``, with -1 for what is hidden or has a minimum age as well."""
        index = self.known(codes)
        shown = index >= 0
        kept_out = self.hidden | (self.min_age > 0)
        index[shown] = np.where(kept_out[index[shown]], -1, index[shown])
        return index


@lru_cache(maxsize=64)
def _of_age(level: Level, reached: int) -> Level:
    """One object for each minimum age that is reached: what is derived from it is kept."""
    if not reached:
        return level
    return replace(level, min_age=np.where(level.min_age <= reached, 0, level.min_age))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Catalogue:
    """Items by code, with their attributes and what may not be inferred from them.

    Attributes:
        ids: the item ids by code.
        attributes: attribute name to its value per item; ``""`` stands for unknown.
        hidden: items that a policy's ``never`` forbids, shape (I,), bool; none by default.
        min_age: the age in years below which an item is not shown, shape (I,), int64; 0,
            which is for everybody, by default.

    Example:
        >>> shop = Catalogue(("k-1", "k-2", "t-1"), {"type": ("kettle", "kettle", "toaster")})
        >>> shop.level("type").names
        ('kettle', 'toaster')
    """

    ids: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(0, np.bool_))
    min_age: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _levels: dict[tuple[str, tuple[str, ...] | None], Level] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.hidden.size:
            object.__setattr__(self, "hidden", np.zeros(len(self.ids), np.bool_))
        if not self.min_age.size:
            object.__setattr__(self, "min_age", np.zeros(len(self.ids), np.int64))
        columns = [*self.attributes.values(), self.hidden, self.min_age]
        if self.hidden.dtype != np.bool_ or any(len(c) != len(self.ids) for c in columns):
            raise InvalidInput(
                "a catalogue column does not fit its items",
                why="an item needs a text per attribute, a bool in `hidden`, an age in `min_age`",
                reason="catalogue.shape",
            )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Catalogue(items={len(self)}, attributes={sorted(self.attributes)})"

    def values(self, attribute: str) -> tuple[str, ...]:
        """The attribute's value per item; ``"item"`` stands for the ids themselves.

        Raises:
            InvalidInput: the catalogue has no such attribute.
        """
        if attribute == ITEM:
            return self.ids
        if attribute not in self.attributes:
            raise InvalidInput(
                f"the catalogue has no attribute {attribute!r}",
                why=f"it has {', '.join(sorted(self.attributes)) or 'none'}",
                remedy="Name one of these, or load the catalogue with it.",
                reason="catalogue.attribute",
            )
        return self.attributes[attribute]

    def level(self, attribute: str | None = None, names: tuple[str, ...] | None = None) -> Level:
        """The entries of an attribute, computed once per catalogue.

        Args:
            attribute: what counts as one entry; None and ``"item"`` mean each item.
            names: the entries of a model trained earlier, so that its indices keep their
                meaning while the catalogue grows; values outside it are unknown.

        Raises:
            InvalidInput: the catalogue has no such attribute.
        """
        key = (attribute or ITEM, names)
        if key not in self._levels:
            self._levels[key] = self._build(*key)
        return self._levels[key]

    def _build(self, attribute: str, names: tuple[str, ...] | None) -> Level:
        values = self.values(attribute)
        if names is None:
            names = tuple(sorted({v for v in values if v}))
        position = {name: i for i, name in enumerate(names)}
        of_item = np.fromiter((position.get(v, -1) for v in values), np.int64, len(values))
        listed, hidden = np.zeros((2, len(names)), np.bool_)
        listed[of_item[of_item >= 0]] = True
        hidden[of_item[(of_item >= 0) & self.hidden]] = True
        min_age = np.zeros(len(names), np.int64)
        np.maximum.at(min_age, of_item[of_item >= 0], self.min_age[of_item >= 0])
        return Level(attribute, names, of_item, hidden, listed, min_age)
