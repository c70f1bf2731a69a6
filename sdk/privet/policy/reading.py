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
_BEGIN = (1, 1)

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""


class Mark:
    """Where an entry stands, and where what is in it stands.

    Attributes:
        place: of the key, or of the list's member.
        inner: the marks of a mapping's keys or a list's members; None for a scalar.
    """

    __slots__ = ("inner", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.inner: dict[str | int, Mark] | None = None


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
        mark = self.marks
        for step in path:
            if mark.inner is None or step not in mark.inner:
                break
            mark = mark.inner[step]
        return mark.place

    def known(self, loc: Path) -> Path:
        """The steps that lead somewhere, in their order; the others are left out."""
        mark = self.marks
        path: list[str | int] = []
        for step in loc:
            if mark.inner is not None and step in mark.inner:
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

    def __init__(self, place: Place, what: str, why: str, fix: str) -> None:
        super().__init__()
        self.place, self.what, self.why, self.fix = place, what, why, fix


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    marks: dict[str | int, Mark]
    key: str | None = None


class _Builder:
    """Builds plain data from parser events, without recursion."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.root: Any = None
        self.marks = Mark(_BEGIN)
        self.roots = 0
        self.nodes = 0

    def start(self, value: dict[str, Any] | list[Any], place: Place) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and isinstance(top.value, dict):
            raise _RefusedError(
                place, "a key is a list or a mapping", "no key here is one", "Use plain words."
            )
        inner = self._place(value, place).inner = {}
        self.stack.append(_Open(value, inner))
        if len(self.stack) > MAX_DEPTH:
            why = f"at most {MAX_DEPTH} levels are taken"
            raise _RefusedError(place, "nested too deeply", why, "Use fewer levels.")

    def scalar(self, text: str, *, plain: bool, place: Place) -> None:
        if len(text) > MAX_SCALAR:
            why = f"at most {MAX_SCALAR} characters are taken"
            raise _RefusedError(place, "a text is too long", why, "Shorten it.")
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.value) is dict:
            if text in top.value:
                why = "readers disagree on which one counts"
                what = "a key stands twice in one mapping"
                raise _RefusedError(place, what, why, "Keep one of the two.")
            top.key = text
            top.marks[text] = Mark(place)
        else:
            self._place(_resolve(text) if plain else text, place)

    def _place(self, value: Any, place: Place) -> Mark:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            why = f"at most {MAX_NODES} are taken"
            raise _RefusedError(place, "too many entries", why, "Split the policy.")
        if not self.stack:
            self.root, self.roots = value, self.roots + 1
            self.marks = Mark(place)
            return self.marks
        top = self.stack[-1]
        if isinstance(top.value, list):
            mark = top.marks[len(top.value)] = Mark(place)
            top.value.append(value)
            return mark
        key = top.key or ""
        top.value[key] = value
        top.key = None
        return top.marks[key]


def read(text: str, file: str, problems: Problems) -> Document | None:
    """Read one document; a fault is noted in ``problems`` and gives None."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        most = f"at most {MAX_BYTES >> 20} MiB are read"
        problems.add(file, _BEGIN, "the document is too long", most, "Keep it short.")
        return None
    builder = _Builder()
    try:
        _feed(builder, text)
    except _RefusedError as fault:
        problems.add(file, fault.place, fault.what, fault.why, fault.fix)
        return None
    if builder.roots != 1 or not isinstance(builder.root, dict):
        why = "a document is keys with values"
        what = "the document is not one mapping"
        problems.add(file, _BEGIN, what, why, "Begin with `privet: ...`.")
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


def _feed(builder: _Builder, text: str) -> None:
    from yaml import YAMLError

    try:
        for event in _events(text):
            mark = event.start_mark
            _take(builder, event, (mark.line + 1, mark.column + 1))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = (mark.line + 1, mark.column + 1) if mark is not None else _BEGIN
        # What is never closed is missed only after the last line.
        place = min(place, (text.count("\n") + 1, place[1]))
        # The library's message quotes the text, so it is not repeated.
        raise _broken(place, "indents, quotes and colons") from None
    except (ValueError, IndexError, OverflowError, UnicodeError):
        raise _broken(_BEGIN, "escapes and characters") from None


def _broken(place: Place, among: str) -> _RefusedError:
    return _RefusedError(
        place, "this is not valid YAML", "reading ended here", f"Check {among} here and above."
    )


def _take(builder: _Builder, event: Any, place: Place) -> None:
    kind = type(event).__name__
    if kind == "ScalarEvent":
        _refuse(event, place)
        builder.scalar(event.value, plain=event.implicit[0], place=place)
    elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
        _refuse(event, place)
        builder.start({} if kind == "MappingStartEvent" else [], place)
    elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
        builder.stack.pop()
    elif kind == "AliasEvent":
        raise _anchored(place)
    elif kind == "DocumentStartEvent" and builder.roots:
        raise _RefusedError(
            place,
            "several documents in one file",
            "a second one would be read past",
            "Keep one document a file.",
        )


def _refuse(event: Any, place: Place) -> None:
    if event.anchor is not None:
        raise _anchored(place)
    if event.tag is not None:
        why = "a tag can make a reader run code"
        raise _RefusedError(place, "tags are not taken", why, "Remove the `!` tag.")


def _anchored(place: Place) -> _RefusedError:
    why = "one line can stand for a billion"
    return _RefusedError(place, "anchors and aliases are not taken", why, "Write the value out.")


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.match(text) else text
