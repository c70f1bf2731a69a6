"""Decoding a handful of cells: what one person's read opens.

The same bytes as ``codec.decode`` takes, read cell by cell with scalars: vectors over a
cell or two cost more to set up than they save. Integers, item codes and ids only; whatever
needs a dictionary or raw bytes is left to ``codec``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from privet.vault import words
from privet.vault.codec import KNOWN_FLAGS, LONG, NULL, NULLS, RAMP, Decoded, Ints, Layout, broken

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 16
"""Up to so many cells, scalars are faster than vectors."""

_COLUMN: Final = Struct("<BBHIqQ")
_UNSIGNED: Final = {w: np.dtype(f"<u{w}") for w in (1, 2, 4, 8)}
_KINDS: Final = frozenset({"int", "bool", "decimal", "id", "item"})

Section = tuple[int, tuple[int, int, int, int, int, int]]
"""Where a column's data begins in its cell, and the column's header."""
Cell = tuple[bytes, int, list[Section]]
"""A plaintext, its number of rows and its columns."""


def decode_few(
    layout: Layout, plains: Sequence[bytes], counts: Sequence[int], wanted: frozenset[str]
) -> Decoded | None:
    """As ``codec.decode``; None where that is the one to ask.

    Raises:
        IntegrityError: a cell's sizes do not add up to its bytes.
    """
    fields = [(i, f) for i, f in enumerate(layout.fields, 2) if f.name in wanted]
    if len(plains) > FEW or not _KINDS.issuperset([f.kind for _, f in fields]):
        return None
    width = len(layout.fields) + 2
    cells = [(p, n, _sections(p, n, width)) for p, n in zip(plains, counts, strict=True)]
    named = [i for i, _ in fields if any(s[i][1][2] for _, _, s in cells)]
    if any(f.kind == "id" and i in named for i, f in fields):
        return None  # texts
    at, row, *columns = _columns(cells, counts, [0, 1, *(i for i, _ in fields)])
    extra = {}
    for (i, field), codes in zip(fields, columns, strict=True):
        if field.kind == "item" and (i in named or codes.min(initial=0) < 0):
            found = _unlisted(cells, i, codes)
            if found:
                extra[field.name] = found
    return Decoded(at, row, dict(zip([f.name for _, f in fields], columns, strict=True)), extra)


def _sections(plain: bytes, rows: int, columns: int) -> list[Section]:
    """The columns of a cell; IntegrityError unless they fill it exactly."""
    place = columns * _COLUMN.size
    if len(plain) < place:
        raise broken()
    sections: list[Section] = []
    for head in _COLUMN.iter_unpack(plain[:place]):
        flags, width, entries, size, _, _ = head
        if flags > KNOWN_FLAGS or (width and width not in _UNSIGNED):
            raise broken()
        sections.append((place, head))
        place += rows * width + entries * (4 if flags & LONG else 1) + size
    if place != len(plain):
        raise broken()
    return sections


def _columns(cells: Sequence[Cell], counts: Sequence[int], which: Sequence[int]) -> Ints:
    """Some columns of all cells, one row each: codes cell by cell, then all scaled at once."""
    values = np.empty((len(which), sum(counts)), np.int64)
    nulls: list[tuple[Ints, npt.NDArray[np.bool_]]] = []
    for into, i in zip(values, which, strict=True):
        _put(into, cells, i, nulls)
    # 64 bits wrap around alike, signed or not.
    steps = [[s[i][1][5] for _, _, s in cells] for i in which]
    if max(map(max, steps)) > 1:
        values *= _spread(np.array(steps, np.uint64).view(np.int64), counts)
    values += _spread(np.array([[s[i][1][4] for _, _, s in cells] for i in which]), counts)
    for part, null in nulls:
        part[null] = NULL
    return values


def _spread(per_cell: Ints, counts: Sequence[int]) -> Ints:
    """A number for each column and cell as one for each column and row."""
    return per_cell if len(counts) == 1 else per_cell.repeat(counts, axis=1)


def _put(
    into: Ints,
    cells: Sequence[Cell],
    i: int,
    nulls: list[tuple[Ints, npt.NDArray[np.bool_]]],
) -> None:
    """Write the codes of one column; where in it there are nulls is added to ``nulls``."""
    end = 0
    for plain, rows, sections in cells:
        place, (flags, width, _, _, _, _) = sections[i]
        start, end = end, end + rows
        part = into[start:end]
        part[:] = np.frombuffer(plain, _UNSIGNED[width], rows, place) if width else 0
        if flags & RAMP:
            part += np.arange(rows)
        if flags & NULLS:
            nulls.append((part, part == 0))
            part -= 1


def _unlisted(cells: Sequence[Cell], i: int, codes: Ints) -> tuple[str, ...]:
    """The ids of items beside the catalogue; their codes are renumbered, in place.

    Raises:
        IntegrityError: a code stands for no id of its cell.
    """
    columns = [(plain, rows, *sections[i]) for plain, rows, sections in cells]
    begins = np.cumsum([0, *(len(plain) for plain, *_ in columns)])
    heads = np.array([head[:4] for *_, head in columns])
    read = words.Reader(
        b"".join([plain for plain, *_ in columns]),
        begins[:-1] + [place + rows * head[1] for _, rows, place, head in columns],
        heads[:, 2],
        heads[:, 3],
        heads[:, 0] & LONG != 0,
    )
    starts = np.cumsum([0, *(rows for _, rows, *_ in columns)])
    try:
        return words.items(read, codes, starts)[1]
    except (UnicodeDecodeError, ValueError):
        raise broken() from None
