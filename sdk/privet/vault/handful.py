"""Decoding a handful of cells: what one person's read opens.

The same bytes as ``codec.decode`` takes, read cell by cell with scalars: vectors over a
cell or two cost more to set up than they save. Integers, item codes and ids only; whatever
needs a dictionary or raw bytes is left to ``codec``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.vault.codec import KNOWN_FLAGS, LONG, NULL, NULLS, RAMP, Decoded, Ints, Layout, broken

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 4
"""Up to so many cells, scalars are faster than vectors."""

_COLUMN: Final = Struct("<BBHIqQ")
_UNSIGNED: Final = {w: np.dtype(f"<u{w}") for w in (1, 2, 4, 8)}
_KINDS: Final = frozenset({"int", "bool", "decimal", "id", "item"})
_WORDS: Final = frozenset({"id", "item"})
_HALF: Final = 2**63

Section = tuple[int, tuple[int, int, int, int, int, int]]
"""Where a column's data begins in its cell, and the column's header."""


def decode_few(
    layout: Layout, plains: Sequence[bytes], counts: Sequence[int], wanted: frozenset[str]
) -> Decoded | None:
    """As ``codec.decode``; None where that is the one to ask.

    Raises:
        IntegrityError: a cell's sizes do not add up to its bytes.
    """
    fields = [(i, f) for i, f in enumerate(layout.fields, 2) if f.name in wanted]
    if len(plains) > FEW or not all(f.kind in _KINDS for _, f in fields):
        return None
    cells = [
        (plain, n, _sections(plain, n, len(layout.fields) + 2))
        for plain, n in zip(plains, counts, strict=True)
    ]
    if any(f.kind in _WORDS and sections[i][1][2] for i, f in fields for *_, sections in cells):
        return None  # a dictionary
    values = {f.name: _column(cells, i) for i, f in fields}
    for _, field in fields:
        codes = values[field.name]
        if field.kind == "item" and ((codes < 0) & (codes != NULL)).any():
            raise broken()
    return Decoded(_column(cells, 0), _column(cells, 1), values, {})


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


def _column(cells: Sequence[tuple[bytes, int, list[Section]]], i: int) -> Ints:
    found = [_integers(plain, rows, *sections[i]) for plain, rows, sections in cells]
    return found[0] if len(found) == 1 else np.concatenate(found)


def _integers(
    plain: bytes, rows: int, place: int, head: tuple[int, int, int, int, int, int]
) -> Ints:
    flags, width, _, _, base, step = head
    values = (
        np.frombuffer(plain, _UNSIGNED[width], rows, place).astype(np.int64)
        if width
        else np.zeros(rows, np.int64)
    )
    if flags & RAMP:
        values += np.arange(rows)
    null = values == 0 if flags & NULLS else None
    if null is not None:
        values -= 1
    # 64 bits wrap around alike, signed or not.
    if step > 1:
        values *= step if step < _HALF else step - 2 * _HALF
    if base:
        values += base
    if null is not None:
        values[null] = NULL
    return values
