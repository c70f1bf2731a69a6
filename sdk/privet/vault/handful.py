"""Decoding a handful of cells: what one person's read opens.

The same bytes as ``codec.decode`` takes, read cell by cell with scalars: vectors over a
cell or two cost more to set up than they save. Integers, item codes and ids only; whatever
needs a dictionary or raw bytes is left to ``codec``.
"""

from __future__ import annotations

from functools import lru_cache
from operator import add, mul
from struct import Struct, error
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from privet.vault import words
from privet.vault.codec import (
    KNOWN_FLAGS,
    LONG,
    NULL,
    NULLS,
    NUMBERS,
    RAMP,
    Decoded,
    Ints,
    Layout,
    broken,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 16
"""Up to so many cells, scalars are faster than vectors."""

_COLUMN: Final = "BBHIqQ"
_SIZE: Final = 24
_UNSIGNED: Final = {w: np.dtype(f"<u{w}") for w in (1, 2, 4, 8)}
_WIDTHS: Final = frozenset({0, *_UNSIGNED})
_PLAIN: Final = frozenset({0, NUMBERS, LONG, NUMBERS | LONG})
"""Flags of a column whose codes are as they are read."""
_KINDS: Final = frozenset({"int", "bool", "decimal", "id", "item"})

Numbers = tuple[int, ...]


class Section(NamedTuple):
    """One column of all cells: where its data begins in each, and what its headers say."""

    places: list[int]
    flags: Numbers
    widths: Numbers
    entries: Numbers
    sizes: Numbers
    bases: Numbers
    steps: Numbers


def decode_few(
    layout: Layout, plains: Sequence[bytes], counts: Sequence[int], wanted: frozenset[str]
) -> Decoded | None:
    """As ``codec.decode``; None where that is the one to ask.

    Raises:
        IntegrityError: a cell's sizes do not add up to its bytes.
    """
    fields = [(i, f) for i, f in enumerate(layout.fields, 2) if f.name in wanted]
    if not 0 < len(plains) <= FEW or not _KINDS.issuperset([f.kind for _, f in fields]):
        return None
    sections = _sections(plains, counts, len(layout.fields) + 2)
    if any(f.kind == "id" and any(sections[i].entries) for i, f in fields):
        return None  # texts
    asked = [sections[0], sections[1], *(sections[i] for i, _ in fields)]
    at, row, *columns = _columns(plains, counts, asked)
    extra = {}
    for (i, field), codes in zip(fields, columns, strict=True):
        if field.kind == "item" and (any(sections[i].entries) or codes.min(initial=0) < 0):
            found = _unlisted(plains, counts, sections[i], codes)
            if found:
                extra[field.name] = found
    return Decoded(at, row, dict(zip([f.name for _, f in fields], columns, strict=True)), extra)


def _sections(plains: Sequence[bytes], counts: Sequence[int], columns: int) -> list[Section]:
    """The columns of the cells; IntegrityError unless they fill each exactly."""
    header = _header(columns)
    try:
        heads = list(zip(*map(header.unpack_from, plains), strict=True))
    except error:
        raise broken() from None
    ends = [columns * _SIZE] * len(plains)
    sections = []
    for i in range(0, len(heads), 6):
        flags, widths, entries, sizes, bases, steps = heads[i : i + 6]
        if max(flags) > KNOWN_FLAGS or not _WIDTHS.issuperset(widths):
            raise broken()
        sections.append(Section(ends, flags, widths, entries, sizes, bases, steps))
        ends = list(map(add, ends, map(mul, counts, widths)))
        if any(entries) or any(sizes):
            each = [4 if flag & LONG else 1 for flag in flags]
            ends = list(map(add, ends, map(add, map(mul, entries, each), sizes)))
    if ends != list(map(len, plains)):
        raise broken()
    return sections


@lru_cache(maxsize=64)
def _header(columns: int) -> Struct:
    return Struct("<" + columns * _COLUMN)


def _columns(plains: Sequence[bytes], counts: Sequence[int], asked: Sequence[Section]) -> Ints:
    """Some columns of all cells, one row each: their codes first, then all scaled at once."""
    values = np.empty((len(asked), sum(counts)), np.int64)
    nulls: list[tuple[Ints, npt.NDArray[np.bool_]]] = []
    for into, section in zip(values, asked, strict=True):
        _put(into, plains, counts, section, nulls)
    # 64 bits wrap around alike, signed or not.
    steps = [section.steps for section in asked]
    if max(map(max, steps)) > 1:
        values *= _spread(np.array(steps, np.uint64).view(np.int64), counts)
    values += _spread(np.array([section.bases for section in asked]), counts)
    for part, null in nulls:
        part[null] = NULL
    return values


def _spread(per_cell: Ints, counts: Sequence[int]) -> Ints:
    """A number for each column and cell as one for each column and row."""
    return per_cell if len(counts) == 1 else per_cell.repeat(counts, axis=1)


def _put(
    into: Ints,
    plains: Sequence[bytes],
    counts: Sequence[int],
    section: Section,
    nulls: list[tuple[Ints, npt.NDArray[np.bool_]]],
) -> None:
    """Write the codes of one column; where in it there are nulls is added to ``nulls``."""
    width = section.widths[0]
    if width and section.widths.count(width) == len(plains) and _PLAIN.issuperset(section.flags):
        ends = map(add, section.places, map(mul, counts, section.widths))
        parts = [p[a:b] for p, a, b in zip(plains, section.places, ends, strict=True)]
        into[:] = np.frombuffer(b"".join(parts), _UNSIGNED[width])
        return
    end = 0
    for plain, rows, place, width, flags in zip(
        plains, counts, section.places, section.widths, section.flags, strict=True
    ):
        start, end = end, end + rows
        part = into[start:end]
        part[:] = np.frombuffer(plain, _UNSIGNED[width], rows, place) if width else 0
        if flags & RAMP:
            part += np.arange(rows)
        if flags & NULLS:
            nulls.append((part, part == 0))
            part -= 1


def _unlisted(
    plains: Sequence[bytes], counts: Sequence[int], section: Section, codes: Ints
) -> tuple[str, ...]:
    """The ids of items beside the catalogue; their codes are renumbered, in place.

    Raises:
        IntegrityError: a code stands for no id of its cell.
    """
    rows, flags = np.array(counts), np.array(section.flags)
    begins = np.cumsum([0, *map(len, plains)], dtype=np.int64)[:-1]
    read = words.Reader(
        b"".join(plains),
        begins + np.array(section.places) + rows * np.array(section.widths),
        np.array(section.entries),
        np.array(section.sizes),
        flags & LONG != 0,
    )
    try:
        return words.items(read, codes, np.append(0, np.cumsum(rows)))[1]
    except (UnicodeDecodeError, ValueError):
        raise broken() from None
