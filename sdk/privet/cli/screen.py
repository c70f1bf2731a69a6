"""What reaches the terminal: text for people, one JSON value for programs.

With ``--json`` standard output carries exactly one JSON value and all text goes to
standard error. What a person or a store wrote is shown without control characters, so
that no value can move the cursor or forge a line.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import IO, Any

from privet.errors import PolicyError, PrivetError


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a command writes.

    Attributes:
        as_json: whether a program reads standard output.
    """

    as_json: bool

    def prepare(self) -> None:
        """Make both streams take any text, whatever the locale."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    @property
    def text(self) -> IO[str]:
        """Where text for people goes."""
        return sys.stderr if self.as_json else sys.stdout

    @property
    def fancy(self) -> bool:
        """Whether people see a terminal that can draw."""
        return self.text.isatty()

    def begin(self, name: str, roles: Iterable[str], purpose: str, place: str = "") -> None:
        """The first line: as whom and for what, and in which home if one is opened."""
        held = ", ".join(roles)
        where = f"in {place}" if place else "without a home"
        self.say(f"as `{name}`{f' ({held})' if held else ''} for {purpose} {where}")

    def say(self, line: str = "") -> None:
        """One line for people."""
        self.text.write(printable(line) + "\n")

    def note(self, line: str) -> None:
        """One line beside the result: always to standard error."""
        sys.stderr.write(printable(line) + "\n")

    def answer(self, value: Any, shown: Callable[[], None]) -> None:
        """The result: as JSON for programs, else as ``shown`` shows it."""
        if not self.as_json:
            shown()
            return
        # ASCII only: a JSON reader decodes the same, and a terminal obeys nothing in it.
        sys.stdout.write(json.dumps(plain(value), allow_nan=False, ensure_ascii=True) + "\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows under their columns: drawn on a terminal, plain text elsewhere."""
        cells = [[printable(_cell(value)) for value in row] for row in rows]
        if self.fancy:
            _draw(self.text, columns, cells)
            return
        widths = [max([len(c), *(len(r[i]) for r in cells)]) for i, c in enumerate(columns)]
        for row in [list(columns), *cells]:
            line = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
            self.text.write(line.rstrip() + "\n")

    def tree(self, branches: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Named branches with their leaves; those without a leaf are left out."""
        for name, leaves in branches:
            if leaves:
                self.say(f"  {name}")
                for leaf in leaves:
                    self.say(f"    - {leaf}")

    def error(self, error: PrivetError) -> None:
        """An error: what, why and what to do next."""
        if self.as_json:
            self.answer({"error": error.to_json()}, lambda: None)
        self.note(f"error: {error}")
        for problem in error.problems if isinstance(error, PolicyError) else ():
            self.note(fault(problem))

    def bug(self, kind: str, place: str) -> None:
        """An exception that no command foresaw; its text may carry values and is not told."""
        at = f" at {place}" if place else ""
        if self.as_json:
            what = f"{kind}{at}"
            told = PrivetError(
                what,
                why="this is a bug in privet",
                remedy="Report the type and the place.",
                reason="bug",
            ).to_json()
            self.answer({"error": told}, lambda: None)
        self.note(f"error: {kind}{at}: this is a bug in privet")


def fault(problem: Mapping[str, str | int]) -> str:
    """One fault of a document on one line."""
    where = f"{problem['file']}:{problem['line']}:{problem['column']}"
    return f"{where}: {problem['what']}: {problem['why']}. {problem['fix']}"


def printable(text: str) -> str:
    """The text with every character that is not printed as its escape; lines stay lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n " else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def plain(value: Any) -> Any:
    """The value as JSON has it: dataclasses as objects, no NaN and no infinity."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(v) for v in value) or "-"
    return str(value)


def _draw(text: IO[str], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in a value are no markup
    Console(file=text).print(table)
