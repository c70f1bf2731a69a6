"""A policy with all that it imports, as one; and where each of its rules is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.imports import Pack
    from privet.policy.policyform import PolicyForm
    from privet.policy.reading import Document, Path

LISTED: Final = {"permits": "permit", "denies": "deny", "requires": "requirement"}
"""Sections whose entries have an ``id``, by which a policy overrides them; one in a word."""
MAPPED: Final = {
    "roles": "role",
    "purposes": "purpose",
    "recipients": "recipient",
    "assessments": "assessment",
}
"""Sections whose entries stand under their name."""
NAMED: Final = LISTED | MAPPED


class Entry(NamedTuple):
    """One rule, and where it is written.

    Attributes:
        form: its form.
        document: the document that it stands in.
        path: where in it.
        pack: the pack that gives it; empty for the policy's own.
    """

    form: Any
    document: Document
    path: Path
    pack: str


class Override(NamedTuple):
    """A rule of a pack, and what the policy says instead."""

    section: str
    name: str
    imported: Entry
    own: Entry


@dataclass(frozen=True)
class Composed:
    """A policy with all that it imports.

    Attributes:
        form: everything together, as one policy; what is imported comes first.
        document: the policy's own document.
        imports: the packs, each once, those of its imports included, by name.
        overrides: the rules of packs that it defines anew.
        given: section and name to the pack that a rule comes from.
        places: the first two steps of a path in ``form`` to the document and the path there.
    """

    form: PolicyForm
    document: Document
    imports: Mapping[str, Pack] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    given: Mapping[tuple[str, str], str] = field(default_factory=dict)
    places: Mapping[Path, tuple[Document, Path]] = field(default_factory=dict)

    def where(self, path: Path) -> tuple[Document, Path]:
        """The document that a path of ``form`` is written in, and the path there."""
        found = self.places.get(path[:2])
        return (self.document, path) if found is None else (found[0], (*found[1], *path[2:]))
