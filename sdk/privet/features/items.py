"""The deployment's catalogue as features and models see it."""

from __future__ import annotations

from privet.features.catalogue import Catalogue
from privet.gate import catalogue
from privet.gate.parts import Parts


def known_items(parts: Parts) -> Catalogue:
    """The deployment's catalogue as models see it, one object per loaded version."""
    return as_seen(parts, catalogue.items(parts))


def as_seen(parts: Parts, items: catalogue.Items) -> Catalogue:
    """A loaded catalogue as models see it, the same object each time."""
    held = parts.cache.get("catalogue")
    if held is None or held[0] is not items:
        held = (items, Catalogue(items.ids, items.attributes, items.hidden, items.min_age))
        parts.cache["catalogue"] = held
    shown: Catalogue = held[1]
    return shown
