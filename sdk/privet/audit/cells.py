r"""Cells of a file that a spreadsheet may open: no cell becomes a formula, and each is had back.

A text is written as it is unless it could begin a formula, or break out of its cell, in some
program: then ``'`` comes before it, and within it a backslash and every character that could do
so is ``\u`` and four hex digits. ``plain`` undoes that, exactly. OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MARK: Final = "'"
# ASCII, and the full-width forms that East Asian editions of spreadsheets take for the same.
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# C0 and C1 controls, line and paragraph ends, and what turns the direction of text around.
_CONTROL = "\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_CONTROLS = re.compile(f"[{_CONTROL}]")
_INNER = re.compile(f"[{_STARTS}](?<=[,;|\"'`\\s].)")
_ESCAPED = re.compile(f"[\\\\{_CONTROL}]|(?:(?<=\\A)|(?<=[,;|\"'`\\s]))[{_STARTS}]")
_FIRST: Final = frozenset(f"{MARK}=+-@\uff1d\uff0b\uff0d\uff20")
_WRITTEN = re.compile(r"\\u([0-9a-f]{4})")


@lru_cache(maxsize=4096)  # most cells are names of a policy
def known(text: str) -> str:
    """As ``safe``, for texts that come again and again."""
    return safe(text)


def safe(text: str) -> str:
    """The text as a cell."""
    return MARK + _ESCAPED.sub(_written, text) if _unsafe(text) else text


def plain(cell: str) -> str:
    """The text that ``safe`` made a cell of."""
    if not cell.startswith(MARK):
        return cell
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), cell[1:])


def _unsafe(text: str) -> bool:
    if not text:
        return False
    first = text[0]
    if first in _FIRST or first.isspace() or text[-1].isspace():
        return True
    if not text.isprintable() and _CONTROLS.search(text) is not None:
        return True
    return _INNER.search(text) is not None


def _written(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
