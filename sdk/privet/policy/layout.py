"""Storage layout derived from the rules: atoms and key domains.

Nobody declares storage groups. An *atom* is a set of fields of one event that no
permit and no hold tells apart, so one ciphertext per atom opens exactly what a permit
covers. A *domain* is the set of a subject's data with one fate: collected for one
purpose, or held by one law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from privet.policy.knowledge import FieldSpec
    from privet.policy.purpose import PurposeSpec
    from privet.policy.rules import Permit

HELD = "/hold"
APART = "/sensitive"
COLUMN = "/column"


@dataclass(frozen=True, slots=True)
class Atom:
    """Fields of one event that are sealed together.

    Attributes:
        event: the event's name, or ``"profile"``.
        fields: bare names in the document's order, at least one.
    """

    event: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """Data of a subject with one fate and one key.

    Attributes:
        name: the purpose, with ``/hold`` for what a law keeps, and with ``/sensitive`` for
            rows whose item reveals what not every purpose may use.
        purpose: the purpose it was collected for.
        hold: the law that keeps it past an erasure; empty where none does.
    """

    name: str
    purpose: str
    hold: str


def atoms(
    fields: Mapping[str, FieldSpec], permits: Iterable[Permit], purposes: Iterable[PurposeSpec]
) -> tuple[Atom, ...]:
    """The coarsest partition of each event such that permits and holds are unions of parts."""
    sets: set[frozenset[str]] = set()  # many permits name the same
    for permit in permits:
        sets |= {permit.fields - permit.minimize.drop, permit.minimize.drop}
    sets |= {p.hold.fields for p in purposes if p.hold is not None}
    parts: dict[tuple[str, frozenset[int]], list[str]] = {}
    for name, spec in fields.items():
        signature = frozenset(i for i, names in enumerate(sets) if name in names)
        parts.setdefault((spec.event, signature), []).append(spec.bare)
    return tuple(Atom(event, tuple(bare)) for (event, _), bare in parts.items())


def domains(purposes: Iterable[PurposeSpec]) -> tuple[DomainSpec, ...]:
    """One domain per purpose, one more for what a law holds of it, and each of them twice.

    The second, ``/sensitive``, has keys of its own: what is sealed there cannot be opened by
    a mistake made with the first. It is one for all that is revealed, since which of a
    person's domains hold something stands in the clear.
    """
    result: list[DomainSpec] = []
    for purpose in purposes:
        fates = [(purpose.name, "")]
        if purpose.hold is not None:
            fates.append((purpose.name + HELD, purpose.laws))
        result += [DomainSpec(name, purpose.name, law) for name, law in fates]
        result += [DomainSpec(name + APART, purpose.name, law) for name, law in fates]
    return tuple(result)


def apart(domain: str) -> str:
    """The domain beside a domain: for rows whose item is sensitive."""
    return domain + APART


def is_held(domain: str) -> bool:
    """Whether a domain holds what a law keeps past an erasure."""
    return domain.removesuffix(APART).endswith(HELD)


def column(purpose: str) -> str:
    """The domain of what an app seals for a purpose in columns of its own tables."""
    return purpose + COLUMN


def ended_with(purpose: str) -> tuple[str, str, str]:
    """The domains that end with the purpose alone, held by nothing."""
    return *fates(purpose), column(purpose)


def fates(domain: str) -> tuple[str, str]:
    """A domain and the one beside it: what befalls the one befalls the other."""
    return domain, apart(domain)


def cover(parts: Sequence[Atom], event: str, bare: frozenset[str]) -> tuple[Atom, ...]:
    """The atoms of an event that hold at least one of the fields."""
    return tuple(a for a in parts if a.event == event and not bare.isdisjoint(a.fields))
