"""Thousands of byte strings looked for in one pass over the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from privet.testing.forms import LEAST

_BITS = 22
_BLOCK = 1 << 22
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Needles:
    """A set of byte strings of at least six bytes.

    Windows of six bytes are hashed into a table of bits; only where a bit is set is the
    window compared.
    """

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        for needle in dict.fromkeys(needles):
            self._by_head.setdefault(needle[:LEAST], []).append(needle)
        self._table = np.zeros(1 << _BITS, bool)
        heads = np.frombuffer(b"".join(self._by_head), np.uint8).reshape(-1, LEAST)
        self._table[_slots([heads[:, i] for i in range(LEAST)])] = True

    def found(self, data: bytes) -> set[bytes]:
        """Those that stand in the data."""
        return set(self._found(data))

    def _found(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, max(len(data) - LEAST + 1, 0), _BLOCK):
            block = np.frombuffer(data[start : start + _BLOCK + LEAST - 1], np.uint8)
            size = len(block) - LEAST + 1
            slots = _slots([block[i : i + size] for i in range(LEAST)])
            for place in (np.flatnonzero(self._table[slots]) + start).tolist():
                for needle in self._by_head.get(data[place : place + LEAST], ()):
                    if data.startswith(needle, place):
                        yield needle


def _slots(columns: list[np.ndarray]) -> np.ndarray:
    window = np.zeros(len(columns[0]), np.uint64)
    for i, column in enumerate(columns):
        window |= column.astype(np.uint64) << np.uint64(8 * i)
    return (window * _MIX) >> np.uint64(64 - _BITS)
