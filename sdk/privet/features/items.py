"""The deployment's catalogue as features and models see it."""

from __future__ import annotations

from privet.features.catalogue import Catalogue
from privet.gate import catalogue
from privet.gate.parts import Parts


def known_items(parts: Parts, purpose: str = "") -> Catalogue:
    """The deployment's catalogue as a purpose's models see it, one object per loaded version.

    Args:
        parts: the open deployment.
        purpose: whose; left out, everything that is kept apart is hidden.
    """
    return as_seen(parts, catalogue.items(parts), purpose)


def as_seen(parts: Parts, items: catalogue.Items, purpose: str = "") -> Catalogue:
    """A loaded catalogue as a purpose's models see it, the same object each time.

    Hidden is what the policy keeps apart, unless the purpose names a ground for it.
    """
    spec = parts.policy.purposes.get(purpose)
    allowed = frozenset[str]() if spec is None else spec.allowed
    held: tuple[catalogue.Items, dict[frozenset[str], Catalogue]] | None
    held = parts.cache.get("catalogue")
    if held is None or held[0] is not items:
        held = (items, {})
        parts.cache["catalogue"] = held
    shown = held[1].get(allowed)
    if shown is None:
        hidden = items.hidden_for(allowed)
        shown = Catalogue(items.ids, items.attributes, hidden, items.min_age)
        held[1][allowed] = shown
    return shown
