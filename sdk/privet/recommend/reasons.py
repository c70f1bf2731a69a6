"""Why an entry was picked, as data and in words, from what is the person's own only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERBS = {
    "purchase": "bought",
    "view": "looked at",
    "click": "clicked on",
    "watch": "watched",
    "article": "read",
}
"""How an event reads in a sentence; others are named as they are."""


@dataclass(frozen=True, slots=True, repr=False)
class Reason:
    """Why an entry was picked.

    Attributes:
        kind: ``habit`` (in the person's own baskets), ``like`` (similar text to something
            in her history), ``together`` (found with something in her history), ``again``
            (in her history), ``segment`` (popular with people who share a trait of hers),
            ``popular`` (nothing of hers).
        event: the event the history is made of.
        entry: the entry of her own history that it rests on; ``""`` for ``popular``.
        count: for ``habit`` her baskets with it, for ``segment`` and ``popular`` the least
            number of people.
        of: for ``habit``, how many of her baskets were looked at.
        trait: for ``segment``, the field of her profile.
    """

    kind: Literal["habit", "like", "together", "again", "segment", "popular"]
    event: str
    entry: str = ""
    count: int = 0
    of: int = 0
    trait: str = ""

    @property
    def personal(self) -> bool:
        """Whether it rests on the person's own history or traits."""
        return self.kind != "popular"

    def __repr__(self) -> str:
        # The entry tells what a person bought: a repr in a log must not.
        return f"Reason({self.kind!r})"


def because(reason: Reason) -> str:
    """The reason as one English clause, such as ``"you bought TEA in 3 of your last 8 visits"``.

    Example:
        >>> because(Reason("popular", "purchase", count=20))
        'popular with at least 20 customers'
    """
    verb = VERBS.get(reason.event, f"had a {reason.event} of")
    match reason.kind:
        case "habit":
            visits = "baskets" if reason.event == "purchase" else "visits"
            if reason.of == 1:
                return f"you {verb} {reason.entry} last time"
            return f"you {verb} {reason.entry} in {reason.count} of your last {reason.of} {visits}"
        case "together":
            return f"often found together with {reason.entry}, which you {verb}"
        case "like":
            return f"because you {verb} {reason.entry}"
        case "again":
            return f"you {verb} {reason.entry} before"
        case "segment" | "popular":
            trait = reason.trait.replace("_", " ").replace("-", " ")
            alike = f" whose {trait} is like yours" if trait else ""
            return f"popular with at least {reason.count} customers{alike}"
