"""Which rules bear on a question, found without looking at the others."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from privet.policy.rules import Deny, Permit


class Index:
    """Permits and denies by role, purpose and action. None stands for 'any'."""

    def __init__(
        self, permits: Iterable[Permit], denies: Iterable[Deny], purposes: Collection[str]
    ) -> None:
        """Enter every rule under what it names.

        Args:
            permits: all permits.
            denies: all denies.
            purposes: the policy's own purposes; a deny that names all of them names any.
        """
        self._served: set[tuple[str, str]] = set()
        self._permits: dict[tuple[str, str, str], list[Permit]] = defaultdict(list)
        for permit in permits:
            self._served.add((permit.role, permit.purpose))
            for action in permit.actions:
                self._permits[permit.role, permit.purpose, action].append(permit)
        everything = frozenset(purposes)
        self._denies: dict[tuple[str | None, ...], list[Deny]] = defaultdict(list)
        for deny in denies:
            named = (None,) if deny.purposes == everything else deny.purposes
            for key in product(deny.roles or (None,), named, deny.actions or (None,)):
                self._denies[key].append(deny)

    def serves(self, roles: frozenset[str], purpose: str) -> bool:
        """Whether any permit lets one of these roles do anything for a purpose."""
        return any((role, purpose) in self._served for role in roles)

    def permits(self, roles: frozenset[str], purpose: str, action: str) -> list[Permit]:
        """The permits of these roles for a purpose and an action."""
        keys = ((role, purpose, action) for role in roles)
        return list(chain.from_iterable(self._permits.get(key, ()) for key in keys))

    def denies(self, roles: frozenset[str], purpose: str, action: str) -> list[Deny]:
        """The denies that speak about these roles, a purpose and an action, each once."""
        keys = product((*roles, None), (purpose, None), (action, None))
        found = chain.from_iterable(self._denies.get(key, ()) for key in keys)
        return list({deny.id: deny for deny in found}.values())
