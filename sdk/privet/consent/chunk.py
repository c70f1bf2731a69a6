"""One chunk of 65,536 ordinals of a purpose: who is on, who is off, when each lapses.

What lapses is cut into periods of four weeks, each in a row of its own: who lapses in it, and
when each. A look at one instant reads who lapsed in earlier periods, and of its own period the
instants; later ones it leaves alone.

    u32 bytes of on ‖ u32 k ‖ k times (i64 period ‖ SHA-256 of who ‖ SHA-256 of ends) ‖ on ‖ off
                                                                         the chunk
    who; i64 for each ordinal of who, ascending, one alone where all are equal
                                                                         a period, its ends

all little-endian; ``on``, ``off`` and ``who`` are roaring bitmaps in the portable format. One MAC
over the chunk covers all that a bulk read believes: the periods by their hashes. Nothing in it
depends on the time at which it was written.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from privet.clock import DAY_US
from privet.crypto import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyroaring import BitMap

SPAN: Final = 1 << 16
PERIOD_US: Final = 28 * DAY_US
NEVER: Final = -(2**63)
"""Stands in arrays for a ground that does not expire."""
_HEAD = struct.Struct("<II")
_PERIOD = struct.Struct("<q32s32s")
_END_BYTES = 8

Mark = tuple[bool, int | None]
"""Whether a ground is on, and the instant from which it no longer holds."""


class Part(NamedTuple):
    """What is stored of one period.

    Attributes:
        who: the bytes of a bitmap of those who lapse in it.
        ends: the instants, as bytes; empty where they were not read.
    """

    who: bytes
    ends: bytes


Parts = Mapping[int, Part]
"""What is stored of some periods, by their numbers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk in full.

    Attributes:
        number: ordinals from ``number * 65536``.
        on: ordinals whose ground was given, lapsed or not.
        off: ordinals whose ground was refused, ended or suspended.
        expires: instant at which each ordinal's lapses, UTC microseconds, or ``NEVER``, shape
            (65536,), int64.
    """

    number: int
    on: BitMap
    off: BitMap
    expires: np.ndarray

    @property
    def due(self) -> int | None:
        """The least expiry: before it nobody of the chunk has lapsed."""
        lapsing = self.expires[self.expires != NEVER]
        return int(lapsing.min()) if len(lapsing) else None

    def lapsing(self, until: int) -> Iterator[tuple[int, int]]:
        """Ordinals whose ground lapses before ``until``, with the instant."""
        found = np.flatnonzero((self.expires != NEVER) & (self.expires < until))
        ordinals = (found + self.number * SPAN).tolist()
        return zip(ordinals, self.expires[found].tolist(), strict=True)

    def encode(self) -> tuple[bytes, dict[int, Part]]:
        """The bytes of ``ground_set.bits``, and what ``ground_end`` holds of each period."""
        offsets = np.flatnonzero(self.expires != NEVER)
        expires = self.expires[offsets]
        of = expires // PERIOD_US
        order = np.argsort(of, kind="stable")
        periods, first = np.unique(of[order], return_index=True)
        parts: dict[int, Part] = {}
        bounds = [*first.tolist(), len(order)]
        for period, (begin, end) in zip(periods.tolist(), pairwise(bounds), strict=True):
            mine = order[begin:end]
            who = _bitmap((offsets[mine] + self.number * SPAN).astype(np.uint32))
            instants = expires[mine].astype("<i8")
            same = bool((instants == instants[0]).all())
            parts[period] = Part(_bytes(who), (instants[:1] if same else instants).tobytes())
        records = [
            _PERIOD.pack(p, sha256(part.who), sha256(part.ends)) for p, part in parts.items()
        ]
        on, off = _bytes(self.on), _bytes(self.off)
        return b"".join((_HEAD.pack(len(on), len(records)), *records, on, off)), parts


@dataclass(frozen=True, slots=True)
class Sheaf:
    """What the row of a chunk tells, without its periods.

    Attributes:
        number: of the chunk.
        on: as of ``Chunk``.
        off: as of ``Chunk``.
        periods: the hashes of who lapses in each period and of its ends, ascending.
    """

    number: int
    on: BitMap
    off: BitMap
    periods: dict[int, tuple[bytes, bytes]]

    def lapsed(self, now: int, parts: Parts) -> BitMap:
        """Ordinals whose ground has lapsed at ``now`` (UTC microseconds).

        Args:
            now: UTC microseconds.
            parts: of all periods up to ``period_of(now)``, with the ends of that one.
        """
        from pyroaring import BitMap

        today = period_of(now)
        past = [BitMap.deserialize(part.who) for period, part in parts.items() if period < today]
        over = BitMap.union(BitMap(), *past)
        if today in parts:
            snos = _ordinals(BitMap.deserialize(parts[today].who))
            over |= _bitmap(snos[_instants(parts[today].ends, len(snos)) <= now])
        return over

    def whole(self, parts: Parts) -> Chunk:
        """The chunk in full, from all of its periods."""
        from pyroaring import BitMap

        expires = _never()
        for part in parts.values():
            offsets = _ordinals(BitMap.deserialize(part.who)) - np.uint32(self.number * SPAN)
            expires[offsets] = _instants(part.ends, len(offsets))
        return Chunk(self.number, self.on, self.off, expires)


def period_of(instant: int) -> int:
    """The number of the four weeks that an instant (UTC microseconds) lies in."""
    return instant // PERIOD_US


def decode(number: int, bits: bytes) -> Sheaf:
    """Parse bytes whose MAC was checked; never bytes of another origin."""
    from pyroaring import BitMap

    size, count = _HEAD.unpack_from(bits)
    on = _HEAD.size + count * _PERIOD.size
    off = on + size
    periods = {
        period: (who, ends) for period, who, ends in _PERIOD.iter_unpack(bits[_HEAD.size : on])
    }
    return Sheaf(number, BitMap.deserialize(bits[on:off]), BitMap.deserialize(bits[off:]), periods)


def empty(number: int) -> Chunk:
    """A chunk in which nobody is marked."""
    from pyroaring import BitMap

    return Chunk(number, BitMap(), BitMap(), _never())


def update(chunk: Chunk, marks: Mapping[int, Mark | None]) -> Chunk:
    """The chunk with these ordinals marked anew; None takes one out."""
    from pyroaring import BitMap

    named = BitMap(list(marks))
    on = BitMap([sno for sno, mark in marks.items() if mark is not None and mark[0]])
    off = BitMap([sno for sno, mark in marks.items() if mark is not None and not mark[0]])
    expires = chunk.expires.copy()
    for sno, mark in marks.items():
        ends = mark[1] if mark is not None and mark[0] else None
        expires[sno - chunk.number * SPAN] = NEVER if ends is None else ends
    return Chunk(chunk.number, (chunk.on - named) | on, (chunk.off - named) | off, expires)


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
    snos, on, expires = snos[place], on[place], expires[place]
    named, given = _bitmap(snos.astype(np.uint32)), _bitmap(snos[on].astype(np.uint32))
    ends = chunk.expires.copy()
    ends[snos - chunk.number * SPAN] = np.where(on, expires, NEVER)
    return Chunk(
        chunk.number, (chunk.on - named) | given, (chunk.off - named) | (named - given), ends
    )


def shortened(chunk: Chunk, lapses: int) -> Chunk:
    """The chunk where every ground that is on lapses at an instant, if not before."""
    expires = chunk.expires.copy()
    offsets = _ordinals(chunk.on) - np.uint32(chunk.number * SPAN)
    mine = expires[offsets]
    expires[offsets] = np.where(mine == NEVER, lapses, np.minimum(mine, lapses))
    return Chunk(chunk.number, chunk.on, chunk.off, expires)


def _instants(ends: bytes, count: int) -> np.ndarray:
    instants = np.frombuffer(ends, "<i8")
    return np.broadcast_to(instants, count) if len(ends) == _END_BYTES else instants


def _never() -> np.ndarray:
    return np.full(SPAN, NEVER, np.int64)


def _ordinals(bitmap: BitMap) -> np.ndarray:
    return np.frombuffer(bitmap.to_array(), np.uint32)


def _bytes(bitmap: BitMap) -> bytes:
    bitmap.run_optimize()  # one form for each set, however it came about
    return bitmap.serialize()


def _bitmap(snos: np.ndarray) -> BitMap:
    from pyroaring import BitMap

    # An array of machine integers is read as one block, a numpy array item by item.
    return BitMap(array("I", snos.tobytes()))
