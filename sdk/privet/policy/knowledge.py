"""What the shop knows, compiled: fields, events, the catalogue and what items reveal."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from privet.policy.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "id", "item", "int", "decimal", "seconds", "bool", "band"]
PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """Who the data is about.

    Attributes:
        kind: what one subject is, such as ``"loyalty-account"``.
        id: what the app's own identifier of a subject is called, such as ``"household"``.
        age: full name of the field that tells her age in years; empty where none does.
    """

    kind: str
    id: str
    age: str = ""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a profile or of an event.

    Attributes:
        name: full name, ``"purchase.item"`` or ``"profile.age"``.
        event: the event's name, or ``"profile"``.
        bare: the name without the event.
        kind: the type of its values.
        scale: digits after the point of a ``decimal(n)``, else 0.
        values: the bands of a ``band`` in order, else empty.
        category: the data category it belongs to.
        special: whether the category is special (GDPR Art. 9(1)).
        from_device: whether it is read from the person's device (ePrivacy Art. 5(3)).
        optional: whether an event or profile may come without it.
    """

    name: str
    event: str
    bare: str
    kind: Kind
    scale: int
    values: tuple[str, ...]
    category: str
    special: bool
    from_device: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One type of event.

    Attributes:
        name: the event's name.
        unique: bare names of the fields that together are the app's own key.
        fields: bare names of all fields, in the document's order.
    """

    name: str
    unique: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Because(Frozen):
    """Values that reveal something for one reason.

    Attributes:
        why: the reason in words; empty where the document gives none.
        values: catalogue field to its values as the document writes them.
    """

    why: str
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Reveal(Frozen):
    """What an item tells about whoever takes it (CJEU C-184/20, C-21/23).

    Attributes:
        special: whether that is of a special category (GDPR Art. 9(1)).
        min_age: the age below which the item may not be sold, if any.
        values: catalogue field to the values, folded, that reveal it.
        because: the same values as they are written, grouped by reason.
    """

    special: bool
    min_age: int | None
    values: Mapping[str, frozenset[str]]
    because: tuple[Because, ...] = ()

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether an item with these catalogue attributes reveals it."""
        return any(
            fold(value) in self.values[name]
            for name, value in attributes.items()
            if name in self.values
        )


@dataclass(frozen=True)
class ItemSpec(Frozen):
    """The catalogue: no personal data.

    Attributes:
        fields: catalogue field to its type, always ``"text"``.
        reveals: name of what is revealed to the rule that finds it.
        never: names of ``reveals`` whose items are neither learnt from nor shown.
    """

    fields: Mapping[str, str]
    reveals: Mapping[str, Reveal]
    never: tuple[str, ...]

    @property
    def kept_apart(self) -> tuple[str, ...]:
        """Names of what no purpose, or not every purpose, may use: sealed apart, sorted.

        All that ``never`` names, and every special category (GDPR Art. 9(1)).
        """
        special = (name for name, rule in self.reveals.items() if rule.special)
        return tuple(sorted({*self.never, *special}))

    def hidden(self, attributes: Mapping[str, str], allowed: frozenset[str] = frozenset()) -> bool:
        """Whether an item with these attributes is kept out of models and lists.

        Args:
            attributes: catalogue field to value.
            allowed: the special categories that a purpose has a ground for (Art. 9(2)).
        """
        names = (name for name in self.kept_apart if name not in allowed)
        return any(self.reveals[name].holds(attributes) for name in names)

    def min_age(self, attributes: Mapping[str, str]) -> int | None:
        """The greatest age that a rule asks for this item, in years; None without one."""
        ages = [
            rule.min_age
            for rule in self.reveals.values()
            if rule.min_age is not None and rule.holds(attributes)
        ]
        return max(ages, default=None)


def fold(value: str) -> str:
    """A catalogue value for comparison, so that no item slips by for how it is written.

    Case, blanks, width (Unicode's NFKC) and characters that nobody sees make no difference.
    """
    seen = (c for c in unicodedata.normalize("NFKC", value) if unicodedata.category(c) != "Cf")
    return " ".join("".join(seen).casefold().split())
