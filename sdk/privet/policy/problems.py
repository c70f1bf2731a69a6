"""Faults of documents, gathered so that an author mends them all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from privet.errors import PolicyError
from privet.types import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from privet.policy.reading import Document, Path, Place

_MOST = 200
_LONGEST_NAME = 64
_MOST_COMPARED = 2_000


@dataclass
class Problems:
    """Collects faults; ``raise_if_any`` ends the compilation.

    A fault says ``file``, ``line`` and ``column``, ``what`` is wrong, ``why`` it is
    refused (with the article where a law says so), the ``near``est right word where a
    name is wrong (else empty), and the ``fix``.
    """

    found: dict[tuple[str, Place, str], dict[str, str | int]] = field(default_factory=dict)

    def add(
        self, file: str, place: Place, what: str, fix: str, why: str = "", near: str = ""
    ) -> None:
        """Note one fault. No text of it may repeat a document's values."""
        line, column = place
        self.found.setdefault(
            (file, place, what),
            {
                "file": file,
                "line": line,
                "column": column,
                "what": what,
                "why": why,
                "near": near,
                "fix": f"Did you mean `{near}`? {fix}" if near else fix,
            },
        )

    def at(
        self, document: Document, path: Path, what: str, fix: str, why: str = "", near: str = ""
    ) -> None:
        """Note a fault at the place of a path of a document."""
        self.add(document.file, document.place(path), what, fix, why, near)

    def raise_if_any(self) -> None:
        """End here when a fault was found.

        Raises:
            PolicyError: with every fault, by file, line and column.
        """
        if not self.found:
            return
        found = [self.found[key] for key in sorted(self.found)]
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


def nearest(name: str, among: Iterable[str]) -> str:
    """The declared name that is written most alike; empty where none is near."""
    declared = sorted(among)[:_MOST_COMPARED]
    near = get_close_matches(name[:_LONGEST_NAME], declared, 1)
    return near[0] if near else ""
