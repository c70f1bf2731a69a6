"""A list of people as a CSV file that no spreadsheet takes for instructions.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``; some trim spaces,
tabs and line ends first, and some take the full-width forms for the same. Such a text gets
an apostrophe before it, which spreadsheets show as nothing (OWASP, CSV Injection).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from privet.errors import InvalidInput, StoreUnavailable

RUNS = frozenset("=+-@＝＋－＠|%")  # noqa: RUF001  # the full-width forms are meant
BLANK = frozenset(" \t\r\n\v\f\0\u00a0\u3000\ufeff\u200b")


def harmless(text: str) -> str:
    """A text with an apostrophe before it where a spreadsheet might run or trim it.

    Example:
        >>> harmless("=1+1"), harmless("ada@example.com")
        ("'=1+1", 'ada@example.com')
    """
    return f"'{text}" if text and text[0] in RUNS | BLANK else text


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a new file of mode 0600, UTF-8, as RFC 4180 says; nothing is overwritten.

    Raises:
        InvalidInput: the file exists, or cannot be made there (reason ``export.path``).
        StoreUnavailable: the file system refused in between; nothing is left.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError):  # ValueError: a name with a NUL in it
        raise InvalidInput(
            "the list cannot be written there",
            why="the file exists already, or its directory does not or cannot be written",
            remedy="Name a new file in a directory of yours.",
            reason="export.path",
        ) from None
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(columns)
            writer.writerows([harmless(cell) for cell in row] for row in rows)
    except OSError:
        path.unlink(missing_ok=True)  # half of a list is worse than none
        raise StoreUnavailable(
            "the list was not written",
            why="the file system refused",
            remedy="Make room, or name a file on another disk.",
            reason="export.unwritable",
        ) from None
