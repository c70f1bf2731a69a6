"""What a change of policy makes the vault seal anew: which columns, and from where to where.

A cell holds the fields of one atom under the key of one domain. Where atoms get finer, an older
cell would open more than the new permits name, and a read of it is refused until it is sealed
anew; where a law begins or ceases to hold a field, its values belong under another key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from privet.policy import HELD, fates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Policy


@dataclass(frozen=True, slots=True)
class Resealing:
    """Columns to seal anew.

    Attributes:
        because: ``"atom"``, the columns lie together and no longer may; ``"domain"``, they
            belong under another key.
        event: the event's name, or ``"profile"``.
        columns: bare names, sorted.
        parts: for an atom, the bare names that lie together afterwards; for a domain, the
            names of the domain before and after.
    """

    because: Literal["atom", "domain"]
    event: str
    columns: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]

    @property
    def sentence(self) -> str:
        """The same in words."""
        named = ", ".join(f"{self.event}.{name}" for name in self.columns)
        if self.because == "domain":
            (before,), (after,) = self.parts
            return f"{named}: to be sealed anew, moves from the keys of {before} to {after}"
        parts = " | ".join(" ".join(part) for part in self.parts) or "nothing of it stays"
        return f"{named}: to be sealed anew, no longer sealed together ({parts})"

    def bears_on(self, event: str, fields: frozenset[str], domain: str) -> bool:
        """Whether what is stored so must be sealed anew.

        Args:
            event: of what is stored.
            fields: bare names that are sealed together.
            domain: whose key they are under.
        """
        if event != self.event:
            return False
        if self.because == "atom":
            return fields == frozenset(self.columns)
        return domain in fates(self.parts[0][0]) and not fields.isdisjoint(self.columns)


def resealing(before: Policy, after: Policy) -> tuple[Resealing, ...]:
    """What must be sealed anew; what gets coarser may stay as it is."""
    return (*_atoms(before, after), *_domains(before, after))


def _atoms(before: Policy, after: Policy) -> Iterator[Resealing]:
    for atom in before.atoms:
        old = frozenset(atom.fields)
        new = [
            frozenset(a.fields)
            for a in after.atoms
            if a.event == atom.event and not old.isdisjoint(a.fields)
        ]
        if not any(old <= part for part in new):
            parts = sorted(tuple(sorted(part & old)) for part in new)
            yield Resealing("atom", atom.event, tuple(sorted(old)), tuple(parts))


def _domains(before: Policy, after: Policy) -> Iterator[Resealing]:
    for purpose in sorted(before.purposes.keys() & after.purposes.keys()):
        moved: dict[tuple[str, str], list[str]] = {}
        held = [_held(policy, purpose) for policy in (before, after)]
        for name in sorted(held[0] ^ held[1]):
            event, _, bare = name.partition(".")
            direction = "out" if name in held[0] else "in"
            if name in before.fields and name in after.fields:
                moved.setdefault((event, direction), []).append(bare)
        for (event, direction), columns in moved.items():
            parts = ((purpose,), (purpose + HELD,))
            way = parts if direction == "in" else parts[::-1]
            yield Resealing("domain", event, tuple(columns), way)


def _held(policy: Policy, purpose: str) -> frozenset[str]:
    hold = policy.purposes[purpose].hold
    return frozenset() if hold is None else hold.fields
