"""Where in its document a rule of a policy stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privet.policy.problems import Problems
from privet.policy.reading import read

if TYPE_CHECKING:
    from privet.policy import Policy
    from privet.policy.reading import Document, Path

FILE = "policy.yaml"


def written(name: str) -> str:
    """The id under which a permit stands: one for a purpose and its parts is several compiled."""
    return name.partition("/")[0]


@dataclass(frozen=True)
class Places:
    """The policy document of a compiled policy, as it was written."""

    policy: Policy = field(repr=False)
    document: Document | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the document again; it was accepted before."""
        found = read(self.policy.documents["policy"], FILE, Problems())
        object.__setattr__(self, "document", found)

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column of a path, from 1; of the beginning where it is not there."""
        return (1, 1) if self.document is None else self.document.place(path)

    def rule(self, section: str, name: str) -> Path:
        """The path of a permit or deny with this id, of a role or purpose of this name."""
        if section in {"roles", "purposes"}:
            return section, name
        for at, rule in enumerate(self._list(section)):
            if isinstance(rule, dict) and rule.get("id") == written(name):
                return section, at
        return (section,)

    def patterns(self, permit: str) -> tuple[str, ...]:
        """The fields of a permit as they are written: with their wildcards."""
        for rule in self._list("permits"):
            if isinstance(rule, dict) and rule.get("id") == written(permit):
                return tuple(rule.get("fields") or ())
        return ()

    def _list(self, section: str) -> list[Any]:
        found = self.document.data.get(section) if self.document else None
        return found if isinstance(found, list) else []
