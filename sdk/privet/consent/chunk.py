"""One chunk of 65,536 ordinals of a purpose: who is on, who is off, when each lapses.

    u32 bytes of on ‖ u32 bytes of off ‖ u32 k ‖ on ‖ off ‖ i64[k] expires ‖ u16[k] ordinal

all little-endian; ``on`` and ``off`` are roaring bitmaps in the portable format, the
ordinals are offsets within the chunk, ascending by (expires, ordinal). Expiries lie
here and not in an index of the table, so that one MAC covers all that a bulk read
believes. Nothing in a chunk depends on the time at which it was written.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyroaring import BitMap

SPAN: Final = 1 << 16
NEVER: Final = -(2**63)
"""Stands in arrays for a ground that does not expire."""
_HEAD = struct.Struct("<III")

Mark = tuple[bool, int | None]
"""Whether a ground is on, and the instant from which it no longer holds."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A decoded chunk.

    Attributes:
        number: ordinals from ``number * 65536``.
        on: ordinals whose ground was given, lapsed or not.
        off: ordinals whose ground was refused, ended or suspended.
        expires: instants in UTC microseconds, ascending, shape (k,), int64.
        lapsing: the ordinals that they belong to, shape (k,), uint32.
    """

    number: int
    on: BitMap
    off: BitMap
    expires: np.ndarray
    lapsing: np.ndarray

    @property
    def due(self) -> int | None:
        """The least expiry: before it nobody of the chunk has lapsed."""
        return int(self.expires[0]) if len(self.expires) else None

    def lapsed(self, now: int) -> BitMap:
        """Ordinals whose ground has lapsed at ``now`` (UTC microseconds)."""
        count = np.searchsorted(self.expires, now, side="right")
        # A bitmap takes in ordinals in their order three times as fast as by their expiries.
        first, found = self.number * SPAN, np.zeros(SPAN, np.bool_)
        found[self.lapsing[:count] - np.uint32(first)] = True
        return _bitmap((np.flatnonzero(found) + first).astype(np.uint32))

    def encode(self) -> bytes:
        """The bytes of ``ground_set.bits``."""
        for bitmap in (self.on, self.off):
            bitmap.run_optimize()  # one form for each set, however it came about
        on, off = self.on.serialize(), self.off.serialize()
        offsets = (self.lapsing - self.number * SPAN).astype("<u2")
        return b"".join(
            (
                _HEAD.pack(len(on), len(off), len(offsets)),
                on,
                off,
                self.expires.astype("<i8").tobytes(),
                offsets.tobytes(),
            )
        )


def build(number: int, marks: Mapping[int, Mark]) -> Chunk:
    """A chunk of exactly these marks by ordinal."""
    from pyroaring import BitMap

    lapsing = sorted(
        (expires, sno) for sno, (on, expires) in marks.items() if on and expires is not None
    )
    return Chunk(
        number,
        BitMap([sno for sno, (on, _) in marks.items() if on]),
        BitMap([sno for sno, (on, _) in marks.items() if not on]),
        np.array([expires for expires, _ in lapsing], dtype=np.int64),
        np.array([sno for _, sno in lapsing], dtype=np.uint32),
    )


def update(chunk: Chunk, marks: Mapping[int, Mark | None]) -> Chunk:
    """The chunk with these ordinals marked anew; None takes one out."""
    from pyroaring import BitMap

    fresh = build(chunk.number, {sno: mark for sno, mark in marks.items() if mark is not None})
    named = BitMap(list(marks))
    stay = ~np.isin(chunk.lapsing, np.fromiter(marks, np.uint32, len(marks)))
    expires = np.concatenate((chunk.expires[stay], fresh.expires))
    lapsing = np.concatenate((chunk.lapsing[stay], fresh.lapsing))
    order = np.lexsort((lapsing, expires))
    return Chunk(
        chunk.number,
        (chunk.on - named) | fresh.on,
        (chunk.off - named) | fresh.off,
        expires[order],
        lapsing[order],
    )


def merged(chunk: Chunk, snos: np.ndarray, on: np.ndarray, expires: np.ndarray) -> Chunk:
    """The chunk with very many ordinals marked anew; of several marks of one, the last holds.

    Args:
        chunk: the chunk before.
        snos: ordinals of this chunk, shape (n,), int64.
        on: whether each ground is on, shape (n,), bool.
        expires: when each lapses, UTC microseconds, or ``NEVER``, shape (n,), int64.
    """
    _, last = np.unique(snos[::-1], return_index=True)
    place = len(snos) - 1 - last
    snos, on, expires = snos[place].astype(np.uint32), on[place], expires[place]
    named, given = _bitmap(snos), _bitmap(snos[on])
    lapses = on & (expires != NEVER)
    stay = ~np.isin(chunk.lapsing, snos)
    ends = np.concatenate((chunk.expires[stay], expires[lapses]))
    lapsing = np.concatenate((chunk.lapsing[stay], snos[lapses]))
    order = np.lexsort((lapsing, ends))
    return Chunk(
        chunk.number,
        (chunk.on - named) | given,
        (chunk.off - named) | (named - given),
        ends[order],
        lapsing[order],
    )


def shortened(chunk: Chunk, lapses: int) -> Chunk:
    """The chunk where every ground that is on lapses at an instant, if not before."""
    snos = np.array(chunk.on, np.int64)
    expires = np.full(len(snos), lapses, np.int64)
    place = np.searchsorted(snos, chunk.lapsing)
    expires[place] = np.minimum(chunk.expires, lapses)
    return merged(chunk, snos, np.ones(len(snos), bool), expires)


def _bitmap(snos: np.ndarray) -> BitMap:
    from pyroaring import BitMap

    # An array of machine integers is read as one block, a numpy array item by item.
    return BitMap(array("I", snos.tobytes()))


def decode(number: int, bits: bytes) -> Chunk:
    """Parse bytes whose MAC was checked; never bytes of another origin."""
    from pyroaring import BitMap

    on, off, count = _HEAD.unpack_from(bits)
    at = _HEAD.size
    expires_at = at + on + off
    return Chunk(
        number,
        BitMap.deserialize(bits[at : at + on]),
        BitMap.deserialize(bits[at + on : expires_at]),
        np.frombuffer(bits, "<i8", count, expires_at).astype(np.int64, copy=False),
        np.frombuffer(bits, "<u2", count, expires_at + 8 * count).astype(np.uint32)
        + np.uint32(number * SPAN),
    )
