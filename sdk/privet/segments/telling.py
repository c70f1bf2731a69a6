"""Which columns may be told of by the catalogue of now: figures may be older than it.

A segment's traits are made when it is put live. An item that turns out to be sensitive
after that is in no trait, no reason and no picture from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from privet.features.catalogue import Level
from privet.features.items import known_items
from privet.gate.parts import Parts
from privet.segments.personas import column_of, feature_of

SHARE = "share:"


def may_tell(parts: Parts, purpose: str, feature: str, value: str) -> bool:
    """Whether a value of the catalogue may be named; true for features that name none.

    Args:
        parts: the open deployment.
        purpose: whose; it may have a ground for what is hidden from others.
        feature: such as ``share:type``.
        value: such as ``TEA``.
    """
    if not feature.startswith(SHARE):
        return True
    level = known_items(parts, purpose).level(column_of(feature).removeprefix(SHARE))
    return value in _shown(level)


def columns(parts: Parts, purpose: str, features: Sequence[str], names: Sequence[str]) -> list[int]:
    """Positions of the columns that may be told of."""
    found = [(i, feature_of(name, features), name) for i, name in enumerate(names)]
    return [i for i, f, name in found if may_tell(parts, purpose, f, in_column(f, name))]


def in_column(feature: str, name: str) -> str:
    """The catalogue's value that a column of a feature is about."""
    return name.removeprefix(f"{column_of(feature)}=")


def value_of(feature: str, told: str) -> str:
    """The catalogue's value in what is said of a feature.

    Example:
        >>> value_of("share:type", "much TEA"), value_of("share:type", "less: share:type=TEA")
        ('TEA', 'TEA')
    """
    _, named, value = told.partition(f": {column_of(feature)}=")
    return value if named else told.partition(" ")[2]


@lru_cache(maxsize=16)
def _shown(level: Level) -> frozenset[str]:
    shown = zip(level.names, level.candidates.tolist(), strict=True)
    return frozenset(name for name, candidate in shown if candidate)
