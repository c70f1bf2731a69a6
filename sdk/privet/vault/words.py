"""Dictionaries of cells: each cell keeps the distinct texts it uses and codes into them.

Texts of all cells are told apart once for the whole call; which of them a cell uses, and
under which code, then is integer arithmetic.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]

NULL: Final = np.iinfo(np.int64).min
_MAX: Final = 2**63


@dataclass(frozen=True, slots=True)
class Cut:
    """A column of texts as integers and, per cell, the texts behind them."""

    codes: Ints
    numbers: Flags
    long: Flags
    entries: Ints
    sizes: Ints
    tails: list[bytes]


@dataclass(frozen=True, slots=True)
class Reader:
    """Where each cell's dictionary lies in the joined plaintexts."""

    data: bytes
    place: Ints
    entries: Ints
    sizes: Ints
    long: Flags

    def of(self, cell: int) -> list[str]:
        """The texts of one cell, in the order of their codes."""
        entries = int(self.entries[cell])
        kind = np.dtype("<u4" if self.long[cell] else "u1")
        start = int(self.place[cell])
        ends = np.cumsum(np.frombuffer(self.data, kind, entries, start), dtype=np.int64).tolist()
        blob = start + entries * kind.itemsize
        text = self.data[blob : blob + int(self.sizes[cell])].decode()
        if (ends[-1] if ends else 0) != len(text):
            raise ValueError("lengths and text differ")
        return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def cut(kind: str, values: Column, starts: Ints, extra: Sequence[str]) -> Cut:
    """Cut a column of texts, ids or item codes into cells.

    An ``id`` cell whose every value is a canonical decimal number below 2**63 keeps the
    numbers themselves; an ``item`` cell keeps codes, and texts only for negative ones.

    Raises:
        InvalidInput: a value that is neither text nor None, or cannot be UTF-8.
    """
    cells = len(starts) - 1
    none = np.zeros(cells, bool)
    if kind == "item":
        codes = _whole(values)
        strange = (codes < 0) & (codes != NULL)
        if not strange.any():
            return Cut(codes, none, none, *_no_words(cells))
        return _dictionary(codes, strange, -codes - 1, list(extra), starts, none, sign=-1)
    if kind == "id" and values.dtype.kind in "iu":
        codes = _whole(values)
        if ((codes < 0) & (codes != NULL)).any():
            raise InvalidInput("an id is a negative number", reason="value.range")
        return Cut(codes, ~none, none, *_no_words(cells))
    keys, texts = _factorize(values)
    numbers, whole = none, keys
    if kind == "id":
        as_number = np.array([*map(_number, texts), NULL], np.int64)
        whole = as_number[np.where(keys == NULL, len(texts), keys)]
        missing = (whole == NULL) & (keys != NULL)
        numbers = ~np.logical_or.reduceat(missing, starts[:-1])
    worded = ~np.repeat(numbers, np.diff(starts)) & (keys != NULL)
    return _dictionary(whole, worded, keys, texts, starts, numbers, sign=1)


def _dictionary(
    codes: Ints,
    worded: Flags,
    keys: Ints,
    texts: list[str],
    starts: Ints,
    numbers: Flags,
    sign: int,
) -> Cut:
    """Replace ``codes[worded]`` by codes into each cell's own texts (negative for items)."""
    cells, many = len(starts) - 1, max(len(texts), 1)
    owner = np.repeat(np.arange(cells), np.diff(starts))[worded]
    if len(owner) and int(keys[worded].max()) >= len(texts):
        raise InvalidInput("an item code stands for no id", reason="value.range")
    used, inverse = np.unique(owner * many + keys[worded], return_inverse=True)
    first = np.searchsorted(used, np.arange(cells + 1) * many)
    local = inverse - first[owner]
    codes = codes.copy()
    codes[worded] = local if sign > 0 else -local - 1
    which, bounds = (used % many).tolist(), first.tolist()
    tails, long, sizes = [], [], []
    for a, b in itertools.pairwise(bounds):
        tail, is_long, size = _tail([texts[k] for k in which[a:b]])
        tails.append(tail)
        long.append(is_long)
        sizes.append(size)
    return Cut(codes, numbers, np.array(long, bool), np.diff(first), np.array(sizes), tails)


def _tail(texts: list[str]) -> tuple[bytes, bool, int]:
    if not texts:
        return b"", False, 0
    lengths = [len(t) for t in texts]
    long = max(lengths) > 255
    try:
        blob = "".join(texts).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds half a character", reason="value.text") from None
    return np.array(lengths, "<u4" if long else "u1").tobytes() + blob, long, len(blob)


def _no_words(cells: int) -> tuple[Ints, Ints, list[bytes]]:
    return np.zeros(cells, np.int64), np.zeros(cells, np.int64), [b""] * cells


def _whole(values: Column) -> Ints:
    if values.dtype.kind not in "iu" or values.dtype == np.uint64:
        raise InvalidInput("a column of codes holds something else", reason="value.type")
    return values.astype(np.int64, copy=False)


def _factorize(values: Column) -> tuple[Ints, list[str]]:
    seen: dict[Any, int] = {None: NULL}
    keys = np.fromiter(
        (seen.setdefault(v, len(seen) - 1) for v in values.tolist()), np.int64, len(values)
    )
    del seen[None]
    if not all(isinstance(text, str) for text in seen):
        raise InvalidInput("a column of texts holds something else", reason="value.type")
    return keys, list(seen)


def _number(text: str) -> int:
    """The number that ``text`` writes in its one canonical form, else NULL."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return NULL
    number = int(text)
    return number if number < _MAX and (text == "0" or text[0] != "0") else NULL


def texts(read: Reader, codes: Ints, numbers: Flags, counts: Ints) -> Column:
    """An object array of str (None where null) from codes into the cells' texts."""
    base = np.zeros(len(counts), np.int64)
    found: list[str | None] = []
    for cell in np.flatnonzero(read.entries).tolist():
        base[cell] = len(found)
        found.extend(read.of(cell))
    null = codes == NULL
    worded = ~numbers & ~null
    if ((codes < 0) | (codes >= np.repeat(read.entries, counts)))[worded].any():
        raise ValueError("a code without a text")
    table = np.array([*found, None], object)
    out = np.full(len(codes), None, object)
    out[worded] = table[(codes + np.repeat(base, counts))[worded]]
    whole = numbers & ~null
    if whole.any():
        out[whole] = [str(v) for v in codes[whole].tolist()]
    return out


def items(read: Reader, codes: Ints, starts: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Item codes, the negative ones renumbered into one tuple of ids for all cells."""
    found: dict[str, int] = {}
    known = np.repeat(read.entries, np.diff(starts))
    if ((codes < 0) & (codes != NULL) & (codes < -known)).any():
        raise ValueError("a code without a text")
    for cell in np.flatnonzero(read.entries).tolist():
        own = np.array([found.setdefault(t, len(found)) for t in read.of(cell)], np.int64)
        part = codes[starts[cell] : starts[cell + 1]]
        strange = (part < 0) & (part != NULL)
        part[strange] = -own[-part[strange] - 1] - 1
    return codes, tuple(found)
