"""What a compiled policy tells of its imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privet.policy.composed import Composed


@dataclass(frozen=True, slots=True)
class Imported:
    """One pack that a policy imports, itself or through another.

    Attributes:
        name: its name, without ``pack:``.
        hash: what it is pinned to, 64 hex digits.
        protects: the places whose people its denies protect, as its document writes them.
        roles: the roles that come from it.
        permits: ids of the permits that come from it.
        denies: ids of the denies that come from it.
        requires: ids of the requirements that come from it.
        purposes: the purposes that come from it; none from a law.
        overridden: names of its rules that the policy defines anew.
    """

    name: str
    hash: str
    protects: tuple[str, ...]
    roles: tuple[str, ...]
    permits: tuple[str, ...]
    denies: tuple[str, ...]
    requires: tuple[str, ...]
    purposes: tuple[str, ...]
    overridden: tuple[str, ...]


def imports(composed: Composed) -> tuple[Imported, ...]:
    """The imports of a policy, by name."""
    found = []
    for name, pack in composed.imports.items():
        rules: dict[str, list[str]] = {}
        for (section, rule), origin in composed.given.items():
            if origin == name:
                rules.setdefault(section, []).append(rule)
        anew = sorted({o.name for o in composed.overrides if o.imported.pack == name})
        found.append(
            Imported(
                name,
                pack.hash,
                tuple(pack.form.protects),
                roles=tuple(sorted(rules.get("roles", ()))),
                permits=tuple(sorted(rules.get("permits", ()))),
                denies=tuple(sorted(rules.get("denies", ()))),
                requires=tuple(sorted(rules.get("requires", ()))),
                purposes=tuple(sorted(rules.get("purposes", ()))),
                overridden=tuple(anew),
            )
        )
    return tuple(found)
