"""YAML read for safety: plain data, line numbers, and nothing else.

A small part of YAML 1.2 is taken: mappings, sequences and scalars. Refused are
anchors and aliases (one line can stand for a billion), tags, several documents in one
file, duplicate keys (readers disagree on which one counts) and input beyond bounds.
Only ``true``, ``false``, ``null`` and decimal integers are not text, so that the
country ``NO`` stays a country.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privet.policy.problems import Problems

MAX_BYTES = 1 << 20
MAX_DEPTH = 12
MAX_NODES = 20_000
MAX_SCALAR = 4_096

_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A read document.

    Attributes:
        file: its name, for messages.
        data: mappings, lists, text, integers, booleans and None.
        lines: path to line number, from 1.
    """

    file: str
    data: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest ancestor that the document has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _RefusedError(Exception):
    """What is wrong, where, and how to mend it."""

    def __init__(self, line: int, what: str, fix: str) -> None:
        super().__init__()
        self.line, self.what, self.fix = line, what, fix


@dataclass
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


@dataclass
class _Builder:
    """Builds plain data from parser events, without recursion."""

    lines: dict[Path, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    root: Any = None
    roots: int = 0
    nodes: int = 0

    def start(self, value: dict[str, Any] | list[Any], line: int) -> None:
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise _RefusedError(line, "a key is a list or a mapping", "Use plain words as keys.")
        path = self._place(value, line)
        self.stack.append(_Open(value, path))
        if len(self.stack) > MAX_DEPTH:
            raise _RefusedError(line, "nested too deeply", f"Use at most {MAX_DEPTH} levels.")

    def end(self) -> None:
        self.stack.pop()

    def scalar(self, text: str, *, plain: bool, line: int) -> None:
        if len(text) > MAX_SCALAR:
            raise _RefusedError(line, "a text is too long", f"Use at most {MAX_SCALAR} characters.")
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, text, line)
        else:
            self._place(_resolve(text) if plain else text, line)

    def _key(self, top: _Open, text: str, line: int) -> None:
        if text in top.value:
            raise _RefusedError(line, "a key stands twice in one mapping", "Keep one of the two.")
        top.key = text
        self.lines[(*top.path, text)] = line

    def _place(self, value: Any, line: int) -> Path:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _RefusedError(line, "too many entries", f"Use at most {MAX_NODES} entries.")
        if not self.stack:
            self.root, self.roots = value, self.roots + 1
            self.lines.setdefault((), line)
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            path: Path = (*top.path, len(top.value) - 1)
            self.lines[path] = line
            return path
        key = top.key or ""
        top.value[key] = value
        top.key = None
        return (*top.path, key)


def read(text: str, file: str, problems: Problems) -> Document | None:
    """Read one document; a fault is noted in ``problems`` and gives None."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        problems.add(file, 1, "the document is longer than 1 MiB", "Keep it short.")
        return None
    builder = _Builder()
    try:
        _feed(builder, text)
    except _RefusedError as fault:
        problems.add(file, fault.line, fault.what, fault.fix)
        return None
    if builder.roots != 1 or not isinstance(builder.root, dict):
        problems.add(file, 1, "the document is not one mapping", "Begin with `privet: ...`.")
        return None
    return Document(file, builder.root, builder.lines)


def _feed(builder: _Builder, text: str) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            _take(builder, event, event.start_mark.line + 1)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark is not None else 1
        # The library's message quotes the text, so it is not repeated.
        raise _RefusedError(
            line, "this is not valid YAML", "Check indents, quotes and colons."
        ) from None
    except (ValueError, IndexError, OverflowError, UnicodeError):
        raise _RefusedError(1, "this is not valid YAML", "Check escapes and characters.") from None


def _take(builder: _Builder, event: Any, line: int) -> None:
    kind = type(event).__name__
    if kind == "AliasEvent" or getattr(event, "anchor", None) is not None:
        raise _RefusedError(line, "anchors and aliases are not taken", "Write the value out.")
    if kind in {"MappingStartEvent", "SequenceStartEvent", "ScalarEvent"} and _tagged(event):
        raise _RefusedError(line, "tags are not taken", "Remove the `!` tag.")
    if kind == "DocumentStartEvent" and builder.roots:
        raise _RefusedError(line, "several documents in one file", "Keep one document a file.")
    if kind == "MappingStartEvent":
        builder.start({}, line)
    elif kind == "SequenceStartEvent":
        builder.start([], line)
    elif kind == "ScalarEvent":
        builder.scalar(event.value, plain=event.implicit[0], line=line)
    elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
        builder.end()


def _tagged(event: Any) -> bool:
    return getattr(event, "tag", None) is not None


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.match(text) else text
