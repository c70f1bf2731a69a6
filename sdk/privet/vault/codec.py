"""Cells as typed arrays: many rows of one atom in, one byte string per cell out, and back.

A cell's plaintext is a header of fixed width (its shape follows from the layout alone)
and one data section per column. Every column is integers by frame of reference
(Goldstein, Ramakrishnan, Shaft 1998): ``value = base + step * code`` with unsigned codes
of the least width of 0, 1, 2, 4 or 8 bytes, ``step`` being the greatest common divisor.
Code 0 stands for a null where the column of that cell has nulls. Texts become codes into
a dictionary of the cell's own.

Both directions work on all cells of one layout at once: headers are one structured
array, arithmetic and bounds checks are vectors, and Python touches a cell only to slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from privet.errors import IntegrityError, InvalidInput
from privet.vault import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint64]
Column = npt.NDArray[Any]

CODEC: Final = 1
NULL: Final = np.iinfo(np.int64).min
NULLS, RAMP, NUMBERS, LONG = 1, 2, 4, 8
KNOWN_FLAGS: Final = NULLS | RAMP | NUMBERS | LONG

_WIDTHS: Final = np.array([0, 1, 2, 4, 8], np.int64)
_TOPS: Final = np.array([0, 0xFF, 0xFFFF, 0xFFFF_FFFF], np.uint64)
_IS_WIDTH: Final = np.isin(np.arange(256), _WIDTHS)
_UNSIGNED: Final = {w: np.dtype(f"<u{w}") for w in (1, 2, 4, 8)}

_COLUMN: Final = np.dtype(
    [
        ("flags", "u1"),
        ("width", "u1"),
        ("entries", "<u2"),
        ("size", "<u4"),
        ("base", "<i8"),
        ("step", "<u8"),
    ]
)
_WORD_KINDS: Final = frozenset({"text", "band", "id", "item"})
_RAW_KINDS: Final = frozenset({"seconds", "tag"})
KINDS: Final = frozenset({"int", "bool", "decimal"}) | _WORD_KINDS | _RAW_KINDS


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a layout: its bare name, kind and, for ``decimal``, its scale."""

    name: str
    kind: str
    scale: int = 0


@dataclass(frozen=True)
class Layout:
    """What a cell group holds: fields of one event, in storage order, under a stable number."""

    grp: int
    event: str
    fields: tuple[Field, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """Bare names of the fields."""
        return frozenset(f.name for f in self.fields)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Rows of many cells, in the order of the cells; see ``privet.types.Events`` for types."""

    at: Ints
    row: Ints
    columns: Mapping[str, Column]
    extra: Mapping[str, tuple[str, ...]]

    def __repr__(self) -> str:
        return f"Decoded(rows={len(self.at)})"


def null_of(kind: str) -> Any:
    """What stands for a missing value of this kind."""
    if kind == "seconds":
        return np.nan
    return None if kind in {"text", "band"} else NULL


def nulls_in(column: Column) -> npt.NDArray[np.bool_]:
    """Where a decoded column has no value."""
    if column.dtype == np.float64:
        return np.isnan(column)
    if column.dtype == object:
        return np.array([v is None for v in column.tolist()], bool)
    return np.asarray(column == NULL)


# --- encoding ---------------------------------------------------------------------------


def encode(
    layout: Layout,
    starts: Ints,
    at: Ints,
    row: Ints,
    columns: Mapping[str, Column],
    extra: Mapping[str, Sequence[str]],
) -> list[bytes]:
    """The plaintexts of all cells of one layout.

    Args:
        layout: what the cells hold.
        starts: row offsets of the cells, shape (C + 1,); no cell is empty.
        at: UTC microseconds, shape (R,).
        row: the rows' identities within the subject, shape (R,).
        columns: values by bare field name, each shape (R,); a field left out is null.
        extra: texts that negative item codes stand for, by field name.

    Raises:
        InvalidInput: a value that its field's kind cannot hold.
    """
    count = len(starts) - 1
    header = np.zeros((count, len(layout.fields) + 2), _COLUMN)
    sections = [_put(header[:, 0], at, starts), _put_ramp(header[:, 1], row, starts)]
    for i, field in enumerate(layout.fields, 2):
        into = header[:, i]
        values = columns.get(field.name)
        if values is None:
            into["flags"], into["step"] = NULLS, 1
        elif field.kind in _WORD_KINDS:
            sections.extend(_put_words(into, field, values, starts, extra.get(field.name, ())))
        elif field.kind in _RAW_KINDS:
            sections.append(_put_raw(into, field, values, starts))
        else:
            sections.append(_put(into, _integers(values), starts))
    blob, size = header.tobytes(), header.shape[1] * _COLUMN.itemsize
    heads = [blob[i : i + size] for i in range(0, len(blob), size)]
    return [b"".join(parts) for parts in zip(heads, *sections, strict=True)]


def _integers(values: Column) -> Ints:
    if values.dtype.kind not in "iub" or values.dtype == np.uint64:
        raise InvalidInput("a column of whole numbers holds something else", reason="value.type")
    return values.astype(np.int64, copy=False)


def _put(into: Column, values: Ints, starts: Ints) -> list[bytes]:
    """Write headers of an integer column into ``into``; its data section per cell."""
    first, counts = starts[:-1], np.diff(starts)
    null = values == NULL
    has_nulls = bool(null.any())
    low = np.minimum.reduceat(np.where(null, np.iinfo(np.int64).max, values), first)
    nullable = np.logical_or.reduceat(null, first)
    if has_nulls:
        low[np.logical_and.reduceat(null, first)] = 0
    # Unsigned subtraction wraps, so that the whole range of int64 has a delta.
    delta = values.view(np.uint64) - np.repeat(low, counts).view(np.uint64)
    if has_nulls:
        delta[null] = 0
    step = np.gcd.reduceat(delta, first)
    step[step == 0] = 1
    if (step != 1).any():
        delta //= np.repeat(step, counts)
    if has_nulls:
        delta += np.repeat(nullable, counts).astype(np.uint64)
        delta[null] = 0
    widths = _WIDTHS[np.searchsorted(_TOPS, np.maximum.reduceat(delta, first))]
    into["flags"] |= nullable.astype(np.uint8) * np.uint8(NULLS)
    into["width"], into["base"], into["step"] = widths, low, step
    return _slices(delta, widths, starts)


def _put_ramp(into: Column, values: Ints, starts: Ints) -> list[bytes]:
    """Like ``_put``, but rows that count up by one (the usual case) take no bytes."""
    first = starts[:-1]
    steps = np.ones(len(values), bool)
    steps[1:] = np.diff(values) == 1
    steps[first] = True
    ramps = np.logical_and.reduceat(steps, first)
    if ramps.all():
        into["flags"], into["base"], into["step"] = RAMP, values[first], 1
        return [b""] * len(first)
    return _put(into, values, starts)


def _put_raw(into: Column, field: Field, values: Column, starts: Ints) -> list[bytes]:
    if field.kind == "seconds":
        if values.dtype.kind not in "fiu":
            raise InvalidInput("a column of seconds holds something else", reason="value.type")
        values = values.astype(np.float64)
    into["width"], into["step"] = 8, 1
    return _slices(values.view(np.uint64), np.full(len(starts) - 1, 8), starts)


def _put_words(
    into: Column, field: Field, values: Column, starts: Ints, extra: Sequence[str]
) -> tuple[list[bytes], list[bytes]]:
    cut = words.cut(field.kind, values, starts, extra)
    into["flags"] |= cut.numbers.astype(np.uint8) * np.uint8(NUMBERS)
    into["flags"] |= cut.long.astype(np.uint8) * np.uint8(LONG)
    into["entries"], into["size"] = cut.entries, cut.sizes
    return _put(into, cut.codes, starts), cut.tails


def _slices(codes: Codes, widths: Ints, starts: Ints) -> list[bytes]:
    blobs = {w: codes.astype(_UNSIGNED[w]).tobytes() for w in np.unique(widths).tolist() if w}
    blobs[0] = b""
    bounds = starts.tolist()
    return [
        blobs[w][a * w : b * w]
        for w, a, b in zip(widths.tolist(), bounds[:-1], bounds[1:], strict=True)
    ]


# --- decoding ---------------------------------------------------------------------------


def decode(
    layout: Layout, plains: Sequence[bytes], counts: Sequence[int], wanted: frozenset[str]
) -> Decoded:
    """The rows of many cells of one layout; only the ``wanted`` fields are built.

    Raises:
        IntegrityError: a cell's sizes do not add up to its bytes.
    """
    columns = len(layout.fields) + 2
    size = columns * _COLUMN.itemsize
    lengths = np.fromiter(map(len, plains), np.int64, len(plains))
    if (lengths < size).any():
        raise broken()
    header = np.frombuffer(b"".join([p[:size] for p in plains]), _COLUMN)
    frame = _Frame.of(b"".join(plains), header.reshape(-1, columns), lengths, counts)
    values: dict[str, Column] = {}
    extra: dict[str, tuple[str, ...]] = {}
    for i, field in enumerate(layout.fields, 2):
        if field.name not in wanted:
            continue
        if field.kind in _WORD_KINDS:
            values[field.name], found = frame.words(field.kind, i)
            if found:
                extra[field.name] = found
        elif field.kind in _RAW_KINDS:
            values[field.name] = frame.raw(field.kind, i)
        else:
            values[field.name] = frame.integers(i)
    return Decoded(frame.integers(0), frame.integers(1), values, extra)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The joined plaintexts of one call, taken apart: C cells of K columns.

    Attributes:
        data: all plaintexts, one after the other.
        header: column headers, shape (C, K).
        places: where each section begins in ``data``, shape (C, K).
        counts: rows of each cell, shape (C,).
        starts: row offsets of the cells, shape (C + 1,).
        flags: all flags that occur in a column, by column.
        steps: the greatest step of a column, by column.
    """

    data: bytes
    header: Column
    places: Ints
    counts: Ints
    starts: list[int]
    flags: list[int]
    steps: list[int]

    @classmethod
    def of(cls, data: bytes, header: Column, lengths: Ints, counts: Sequence[int]) -> _Frame:
        """Find every section; IntegrityError unless they fill each plaintext exactly."""
        n = np.array(counts, np.int64)
        flags, widths = header["flags"], header["width"]
        each = 1 + 3 * ((flags & LONG) != 0)
        sizes = n[:, None] * widths + header["entries"] * each + header["size"]
        ends = np.cumsum(sizes, axis=1, dtype=np.int64)
        room = lengths - header.shape[1] * _COLUMN.itemsize
        if not (_IS_WIDTH[widths].all() and np.array_equal(ends[:, -1], room)):
            raise broken()
        first = np.cumsum(lengths) - room
        together = np.bitwise_or.reduce(flags, axis=0).tolist()
        if max(together) > KNOWN_FLAGS:
            raise broken()
        return cls(
            data,
            header,
            ends - sizes + first[:, None],
            n,
            [0, *np.cumsum(n).tolist()],
            together,
            header["step"].max(axis=0).tolist(),
        )

    def codes(self, i: int) -> Codes:
        """The unsigned codes of a column of every cell, one after the other."""
        out = np.zeros(self.starts[-1], np.uint64)
        data, frombuffer = self.data, np.frombuffer
        widths, places = self.header["width"][:, i].tolist(), self.places[:, i].tolist()
        for w, place, (a, b) in zip(widths, places, pairwise(self.starts), strict=True):
            if w:
                out[a:b] = frombuffer(data, _UNSIGNED[w], b - a, place)
        return out

    def integers(self, i: int) -> Ints:
        """An integer column."""
        head, codes, spread = self.header[:, i], self.codes(i), self.spread
        if self.flags[i] & RAMP:
            within = np.arange(len(codes)) - spread(np.array(self.starts[:-1]))
            codes += within.view(np.uint64) * spread((head["flags"] & RAMP) != 0)
        null = None
        if self.flags[i] & NULLS:
            nullable = spread((head["flags"] & NULLS) != 0)
            null = nullable & (codes == 0)
            codes -= nullable
        if self.steps[i] > 1:
            codes *= spread(head["step"])
        codes += spread(head["base"]).view(np.uint64)
        values = codes.view(np.int64)
        if null is not None:
            values[null] = NULL
        return values

    def raw(self, kind: str, i: int) -> Column:
        """Eight bytes a row, as they are; a column left out is null."""
        codes = self.codes(i)
        if kind == "tag":
            return codes
        values = codes.view(np.float64)
        if self.flags[i] & NULLS:
            values[(self.header["width"][:, i] == 0).repeat(self.counts)] = np.nan
        return values

    def words(self, kind: str, i: int) -> tuple[Column, tuple[str, ...]]:
        """A column of texts, ids or item codes, and the ids that no catalogue knows."""
        codes, head = self.integers(i), self.header[:, i]
        entries = head["entries"].astype(np.int64)
        if kind in {"item", "id"} and not entries.any():
            if kind == "item" and ((codes < 0) & (codes != NULL)).any():
                raise broken()
            return codes, ()
        place = self.places[:, i] + self.counts * head["width"]
        read = words.Reader(
            self.data,
            place,
            entries,
            head["size"].astype(np.int64),
            (head["flags"] & LONG) != 0,
        )
        try:
            if kind == "item":
                return words.items(read, codes, np.array(self.starts))
            numbers = ((head["flags"] & NUMBERS) != 0).repeat(self.counts)
            return words.texts(read, codes, numbers, self.counts), ()
        except (UnicodeDecodeError, ValueError):
            raise broken() from None

    def spread(self, per_cell: Column) -> Column:
        """One value per cell as one value per row (one cell broadcasts by itself)."""
        return per_cell if len(per_cell) == 1 else per_cell.repeat(self.counts)


def broken() -> IntegrityError:
    """The error for bytes that no layout gives."""
    return IntegrityError(
        "a cell does not have the shape of its layout", why="its sizes do not add up"
    )
