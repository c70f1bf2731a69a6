"""Faults of documents, gathered so that an author mends them all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.errors import PolicyError
from privet.types import NAME

if TYPE_CHECKING:
    from privet.policy.reading import Document, Path

_MOST = 200
_LONGEST_NAME = 64


@dataclass
class Problems:
    """Collects faults; ``raise_if_any`` ends the compilation."""

    found: list[dict[str, str | int]] = field(default_factory=list)

    def add(self, file: str, line: int, what: str, fix: str) -> None:
        """Note one fault. ``what`` and ``fix`` must not repeat a document's values."""
        fault: dict[str, str | int] = {"file": file, "line": line, "what": what, "fix": fix}
        if fault not in self.found:
            self.found.append(fault)

    def at(self, document: Document, path: Path, what: str, fix: str) -> None:
        """Note a fault at the line of a path of a document."""
        self.add(document.file, document.line(path), what, fix)

    def raise_if_any(self) -> None:
        """End here when a fault was found.

        Raises:
            PolicyError: with every fault, by file and line.
        """
        if not self.found:
            return
        found = sorted(self.found, key=lambda f: (str(f["file"]), int(f["line"]), str(f["what"])))
        first = found[0]
        count = f"{len(found)} faults" if len(found) > 1 else "1 fault"
        raise PolicyError(
            f"the policy documents have {count}",
            why=f"{first['file']}, line {first['line']}: {first['what']}",
            problems=tuple(found[:_MOST]),
        )


def shown(name: object) -> str:
    """A name from a document, if it has the form of names; never another text."""
    text = str(name)
    plain = text.replace(".", "-").replace(":", "-").removesuffix("-*")
    ok = len(text) <= _LONGEST_NAME and NAME.match(plain) is not None
    return f"`{text}`" if ok else "(a text that is no name)"
