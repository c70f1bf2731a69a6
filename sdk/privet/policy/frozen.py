"""Values that cannot be changed after they are made, mappings included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any


class Frozen:
    """Mixin of frozen dataclasses: mappings become read-only views, yet pickle.

    A policy is shared by every thread of a process; a caller who could edit one of
    its mappings would edit everyone's permissions.
    """

    def __post_init__(self) -> None:
        """Replace each mapping by a read-only copy."""
        for name, value in _values(self).items():
            if isinstance(value, Mapping):
                object.__setattr__(self, name, MappingProxyType(dict(value)))

    def __reduce__(self) -> tuple[Any, ...]:
        state = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in _values(self).items()
        }
        return (_make, (type(self), state))


def _values(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value) if f.init}


def _make(kind: type[Any], state: dict[str, Any]) -> Any:
    return kind(**state)
