"""Where in its document a rule of a policy stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.policy.problems import Problems
from privet.policy.reading import read

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    rules: Mapping[tuple[str, str], int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the document again; it was accepted before."""
        found = read(self.policy.documents["policy"], FILE, Problems())
        object.__setattr__(self, "document", found)
        rules = {
            (section, str(rule["id"])): at
            for section in ("permits", "denies")
            for at, rule in enumerate((found.data.get(section) if found else None) or ())
        }
        object.__setattr__(self, "rules", rules)

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column of a path, from 1; of the beginning where it is not there."""
        return (1, 1) if self.document is None else self.document.place(path)

    def rule(self, section: str, name: str) -> Path:
        """The path of a permit or deny with this id, of a role or purpose of this name."""
        if section in {"roles", "purposes"}:
            return section, name
        at = self.rules.get((section, written(name)))
        return (section,) if at is None else (section, at)

    def patterns(self, permit: str) -> tuple[str, ...]:
        """The fields of a permit as they are written: with their wildcards."""
        at = self.rules.get(("permits", written(permit)))
        if self.document is None or at is None:
            return ()
        return tuple(self.document.data["permits"][at].get("fields") or ())
