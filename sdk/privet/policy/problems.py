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
_MOST_GUESSES = 50


@dataclass
class Problems:
    """Collects faults; ``raise_if_any`` ends the compilation.

    A fault says ``file``, ``line`` and ``column``, ``what`` is wrong, ``why`` it is
    refused (with the article where a law says so), the ``near``est right word where a
    name is wrong (else empty), and the ``fix``.
    """

    found: dict[tuple[str, Place, str], dict[str, str | int]] = field(default_factory=dict)
    warned: dict[tuple[str, Place, str], dict[str, str | int]] = field(default_factory=dict)
    guesses: int = 0

    def add(self, file: str, place: Place, what: str, why: str, fix: str, near: str = "") -> None:
        """Note one fault. No text of it may repeat a document's values."""
        self.found.setdefault((file, place, what), _told(file, place, what, why, fix, near))

    def warn(self, document: Document, path: Path, what: str, why: str, fix: str) -> None:
        """Note what is not refused, and yet likely to be wrong."""
        file, place = document.file, document.place(path)
        self.warned.setdefault((file, place, what), _told(file, place, what, why, fix, ""))

    def near(self, name: str, among: Iterable[str]) -> str:
        """The declared name that is written most alike; empty where none is near.

        Only the first faults get one: each looks at every name.
        """
        self.guesses += 1
        return nearest(name, among) if self.guesses <= _MOST_GUESSES else ""

    def at(
        self, document: Document, path: Path, what: str, why: str, fix: str, near: str = ""
    ) -> None:
        """Note a fault at the place of a path of a document."""
        self.add(document.file, document.place(path), what, why, fix, near)

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


def _told(
    file: str, place: Place, what: str, why: str, fix: str, near: str
) -> dict[str, str | int]:
    line, column = place
    mend = f"Did you mean `{near}`? {fix}" if near else fix
    told: dict[str, str | int] = {"file": file, "line": line, "column": column}
    return told | {"what": what, "why": why, "near": near, "fix": mend}


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
