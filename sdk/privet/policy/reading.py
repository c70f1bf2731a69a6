"""YAML read for safety: plain data, lines and columns, and nothing else.

A small part of YAML is taken: mappings, sequences and scalars. Refused are anchors and
aliases (one line can stand for a billion), tags, several documents in one file,
duplicate keys (readers disagree on which one counts) and input beyond bounds.
Only ``true``, ``false``, ``null`` and decimal integers are not text, so that the
country ``NO`` stays a country.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy.problems import Problems

MAX_BYTES = 4 << 20
MAX_DEPTH = 12
MAX_NODES = 300_000
MAX_SCALAR = 4_096

_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_END = "..."
_COLUMN_BITS = 24  # no document has longer lines
_BEGIN = 1 << _COLUMN_BITS | 1

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""
At = int
"""The same as one number: there is one for each entry, and numbers are no burden to keep."""


class Mark:
    """Where a mapping or a list stands, and where what is in it stands.

    Attributes:
        at: the place of its key, or of itself in a list.
        inner: a key or a position to the mark of what it holds, or to a scalar's place.
    """

    __slots__ = ("at", "inner")

    def __init__(self, at: At) -> None:
        self.at = at
        self.inner: dict[str | int, Mark | At] = {}


@dataclass(frozen=True)
class Document:
    """A read document.

    Attributes:
        file: its name, for messages.
        data: mappings, lists, text, integers, booleans and None.
        marks: where everything stands.
    """

    file: str
    data: Any
    marks: Mark

    def place(self, path: Path) -> Place:
        """Line and column of a path, or of its nearest ancestor that the document has."""
        mark: Mark | At = self.marks
        for step in path:
            if not isinstance(mark, Mark) or step not in mark.inner:
                break
            mark = mark.inner[step]
        return _place(mark.at if isinstance(mark, Mark) else mark)

    def known(self, loc: Path) -> Path:
        """The steps that lead somewhere, in their order; the others are left out."""
        mark: Mark | At = self.marks
        path: list[str | int] = []
        for step in loc:
            if isinstance(mark, Mark) and step in mark.inner:
                mark = mark.inner[step]
                path.append(step)
        return tuple(path)

    def value(self, path: Path) -> Any:
        """What stands at a path that the document has."""
        found = self.data
        for step in path:
            found = found[step]
        return found


class _RefusedError(Exception):
    """What is wrong, where, why it is refused and how to mend it."""

    def __init__(self, at: At, what: str, why: str, fix: str) -> None:
        super().__init__()
        self.at, self.what, self.why, self.fix = at, what, why, fix


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    marks: dict[str | int, Mark | At]
    key: str | None = None


class _Builder:
    """Builds plain data from parser events, without recursion."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.root: Any = None
        self.marks = Mark(_BEGIN)
        self.roots = 0
        self.nodes = 0

    def start(self, value: dict[str, Any] | list[Any], at: At) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and isinstance(top.value, dict):
            raise _RefusedError(
                at, "a key is a list or a mapping", "no key here is one", "Use plain words."
            )
        self._count(at)
        mark = Mark(at)
        if top is None:
            self.root, self.marks, self.roots = value, mark, self.roots + 1
        elif isinstance(top.value, list):
            top.marks[len(top.value)] = mark
            top.value.append(value)
        else:
            key, top.key = top.key or "", None
            mark.at = self._of(top, key)
            top.marks[key] = mark
            top.value[key] = value
        self.stack.append(_Open(value, mark.inner))
        if len(self.stack) > MAX_DEPTH:
            why = f"at most {MAX_DEPTH} levels are taken"
            raise _RefusedError(at, "nested too deeply", why, "Use fewer levels.")

    @staticmethod
    def _of(top: _Open, key: str) -> At:
        known = top.marks[key]
        return known.at if isinstance(known, Mark) else known

    def scalar(self, text: str, *, plain: bool, at: At) -> None:
        if len(text) > MAX_SCALAR:
            why = f"at most {MAX_SCALAR} characters are taken"
            raise _RefusedError(at, "a text is too long", why, "Shorten it.")
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and isinstance(top.value, dict):
            if text in top.value:
                why = "readers disagree on which one counts"
                what = "a key stands twice in one mapping"
                raise _RefusedError(at, what, why, "Keep one of the two.")
            top.key = text
            top.marks[text] = at
            return
        self._count(at)
        value = _resolve(text) if plain else text
        if top is None:
            self.root, self.roots = value, self.roots + 1
        elif isinstance(top.value, list):
            top.marks[len(top.value)] = at
            top.value.append(value)
        else:
            top.value[top.key or ""] = value
            top.key = None

    def _count(self, at: At) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            why = f"at most {MAX_NODES} are taken"
            raise _RefusedError(at, "too many entries", why, "Split the policy.")


def read(text: str, file: str, problems: Problems) -> Document | None:
    """Read one document; a fault is noted in ``problems`` and gives None."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        most = f"at most {MAX_BYTES >> 20} MiB are read"
        problems.add(file, (1, 1), "the document is too long", most, "Keep it short.")
        return None
    builder = _Builder()
    try:
        _feed(builder, text)
    except _RefusedError as fault:
        problems.add(file, _place(fault.at), fault.what, fault.why, fault.fix)
        return None
    if builder.roots != 1 or not isinstance(builder.root, dict):
        why = "a document is keys with values"
        what = "the document is not one mapping"
        problems.add(file, (1, 1), what, why, "Begin with `privet: ...`.")
        return None
    return Document(file, builder.root, builder.marks)


def _events(text: str) -> Iterator[Any]:
    import yaml

    # The same events from libyaml, where the wheel has it, and a hundred times sooner.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        # Until the end of the stream, after which there is none.
        yield from iter(loader.get_event, None)
    finally:
        loader.dispose()


def _place(at: At) -> Place:
    return at >> _COLUMN_BITS, at & (1 << _COLUMN_BITS) - 1


def _feed(builder: _Builder, text: str) -> None:
    from yaml import YAMLError

    try:
        for event in _events(text):
            mark = event.start_mark
            _take(builder, event, (mark.line + 1 << _COLUMN_BITS) + mark.column + 1)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        # What is never closed is missed only after the last line.
        line = min(line, text.count("\n") + 1)
        if _END in text.split("\n")[: line - 1]:
            raise _after_the_end((line << _COLUMN_BITS) + column) from None
        # The library's message quotes the text, so it is not repeated.
        raise _broken((line << _COLUMN_BITS) + column, "indents, quotes and colons") from None
    except (ValueError, IndexError, OverflowError, UnicodeError):
        raise _broken(_BEGIN, "escapes and characters") from None


def _after_the_end(at: At) -> _RefusedError:
    return _RefusedError(
        at,
        f"something follows the mark of the document's end, `{_END}`",
        "YAML begins another document there, which would be read past",
        f"Write it above the line `{_END}`.",
    )


def _broken(at: At, among: str) -> _RefusedError:
    return _RefusedError(
        at, "this is not valid YAML", "reading ended here", f"Check {among} here and above."
    )


def _take(builder: _Builder, event: Any, at: At) -> None:
    kind = type(event).__name__
    if kind == "ScalarEvent":
        _refuse(event, at)
        builder.scalar(event.value, plain=event.implicit[0], at=at)
    elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
        _refuse(event, at)
        builder.start({} if kind == "MappingStartEvent" else [], at)
    elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
        builder.stack.pop()
    elif kind == "AliasEvent":
        raise _anchored(at)
    elif kind == "DocumentStartEvent" and builder.roots:
        raise _RefusedError(
            at,
            "several documents in one file",
            "a second one would be read past",
            "Keep one document a file.",
        )


def _refuse(event: Any, at: At) -> None:
    if event.anchor is not None:
        raise _anchored(at)
    if event.tag is not None:
        why = "a tag can make a reader run code"
        raise _RefusedError(at, "tags are not taken", why, "Remove the `!` tag.")


def _anchored(at: At) -> _RefusedError:
    why = "one line can stand for a billion"
    return _RefusedError(at, "anchors and aliases are not taken", why, "Write the value out.")


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.match(text) else text
