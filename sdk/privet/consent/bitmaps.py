"""Bitmaps of grounds: writers append deltas, a fold packs them, readers combine both.

Appending needs no read of the packed row, so many writers do not wait for each other's
bitmaps. A fold deletes the deltas it packs; a reader takes packed rows and deltas in
*one* statement, so that it sees a change in one of the two and never in neither, at any
isolation. Every MAC is checked before a byte is parsed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from privet.consent import chunk as chunks
from privet.consent.change import MAX_SNO
from privet.consent.chunk import SPAN, Chunk, Mark, Part, Sheaf
from privet.consent.entries import marks as placeholders
from privet.consent.macs import Macs, check
from privet.crypto import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyroaring import BitMap

    from privet.db import Tx

_READ = """
SELECT purpose, chunk, upto, -1, 0, due, mac, bits FROM ground_set
WHERE purpose IN ({0}) AND chunk BETWEEN ? AND ?
UNION ALL
SELECT purpose, chunk, seq, sno, active, expires, mac, NULL FROM ground_delta
WHERE purpose IN ({0}) AND chunk BETWEEN ? AND ?
UNION ALL
SELECT purpose, chunk, period, -2, 0, NULL, who, CASE WHEN period >= ? THEN ends END FROM ground_end
WHERE purpose IN ({0}) AND chunk BETWEEN ? AND ? AND period BETWEEN ? AND ?
"""
_SET, _END = -1, -2
"""What stands for an ordinal in the rows of the other two tables."""
_PUT = """
INSERT INTO ground_set (purpose, chunk, bits, upto, due, mac) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (purpose, chunk) DO UPDATE SET
bits = excluded.bits, upto = excluded.upto, due = excluded.due, mac = excluded.mac
"""
_PUT_END = """
INSERT INTO ground_end (purpose, chunk, period, who, ends) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (purpose, chunk, period) DO UPDATE SET who = excluded.who, ends = excluded.ends
"""
_DROP_END = "DELETE FROM ground_end WHERE purpose = ? AND chunk = ? AND period = ?"
_FIRST: Final = -(2**63)
_PERIODS: Final = (_FIRST, 2**63 - 1, _FIRST)
"""The first and last period to read, and the first whose ends are wanted: all of everything."""
_NO_PART: Final = Part(b"", b"")
_ALL: Final = (0, MAX_SNO // SPAN)
_DELTA = """
INSERT INTO ground_delta (purpose, chunk, seq, sno, active, expires, mac)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (purpose, chunk, seq, sno) DO UPDATE SET
active = excluded.active, expires = excluded.expires, mac = excluded.mac
"""


@dataclass(frozen=True, slots=True)
class Sides:
    """All marks of one purpose at one instant; ``lapsed`` is a part of ``on``."""

    on: BitMap
    off: BitMap
    lapsed: BitMap


@dataclass(slots=True)
class Marks:
    """Marks of very many people for one purpose, the last one of each person holding."""

    snos: array[int] = field(default_factory=lambda: array("q"))
    on: bytearray = field(default_factory=bytearray)
    expires: array[int] = field(default_factory=lambda: array("q"))

    def add(self, sno: int, expires: int | None, *, on: bool) -> None:
        """One more mark."""
        self.snos.append(sno)
        self.on.append(on)
        self.expires.append(chunks.NEVER if expires is None else expires)


@dataclass(slots=True)
class _Pile:
    """What is stored of one chunk: its row, periods, later marks in order of the log."""

    number: int
    packed: Sheaf | None = None
    upto: int = -1
    parts: dict[int, Part] = field(default_factory=dict)
    later: dict[int, tuple[int, Mark]] = field(default_factory=dict)

    def add(self, seq: int, sno: int, mark: Mark) -> None:
        if sno not in self.later or seq > self.later[sno][0]:
            self.later[sno] = (seq, mark)

    @property
    def newest(self) -> int:
        """Position of the newest entry that it knows."""
        return max([self.upto, *(seq for seq, _ in self.later.values())])

    def merged(self) -> Chunk:
        """All of it in one; every period was read."""
        chunk = chunks.empty(self.number)
        if self.packed is not None:
            chunk = self.packed.whole(self.parts)
        marks = {sno: mark for sno, (_, mark) in self.later.items()}
        return chunks.update(chunk, marks) if marks else chunk

    def onto(self, sides: Sides, now: int) -> None:
        """Add who is on, off and lapsed at ``now``, up to which periods were read."""
        from pyroaring import BitMap

        named = BitMap(list(self.later))
        if self.packed is not None:
            sides.on.update(self.packed.on - named)
            sides.off.update(self.packed.off - named)
            sides.lapsed.update(self.packed.lapsed(now, self.parts) - named)
        for sno, (_, (on, expires)) in self.later.items():
            (sides.on if on else sides.off).add(sno)
            if on and expires is not None and expires <= now:
                sides.lapsed.add(sno)


class Bitmaps:
    """The tables ``ground_delta`` and ``ground_set`` under one MAC key.

    Args:
        macs: makes and checks the MACs.
        bases: basis of each purpose, purpose ``"*"`` included.
    """

    def __init__(self, macs: Macs, bases: Mapping[str, str]) -> None:
        self._macs = macs
        self._bases = bases

    def append(self, tx: Tx, rows: Sequence[tuple[str, int, int, Mark]]) -> None:
        """Write deltas (purpose, position of the ground's newest entry, ordinal, mark)."""
        tx.many(
            _DELTA,
            [
                (
                    purpose,
                    sno // SPAN,
                    seq,
                    sno,
                    int(on),
                    expires,
                    self._macs.delta(self._bases[purpose], purpose, seq, sno, int(on), expires),
                )
                for purpose, seq, sno, (on, expires) in rows
            ],
        )

    def sides(
        self, tx: Tx, purposes: Sequence[str], first: int, last: int, now: int
    ) -> dict[str, Sides]:
        """Marks of each purpose over the chunks ``first`` to ``last``.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        from pyroaring import BitMap

        result = {purpose: Sides(BitMap(), BitMap(), BitMap()) for purpose in purposes}
        today = chunks.period_of(now)
        periods = (_FIRST, today, today)
        for (purpose, _), pile in self._piles(tx, purposes, (first, last), periods).items():
            pile.onto(result[purpose], now)
        return result

    def fold(self, tx: Tx, purpose: str) -> int:
        """Pack the deltas of one purpose; how many. The caller holds its epoch row."""
        touched = tx.all(
            "SELECT chunk, COUNT(*) FROM ground_delta WHERE purpose = ? GROUP BY chunk", (purpose,)
        )
        for number, _ in touched:
            pile = self._pile(tx, purpose, number)
            self._put(tx, purpose, pile.merged(), pile.newest, pile.parts)
        tx.run("DELETE FROM ground_delta WHERE purpose = ?", (purpose,))
        return sum(count for _, count in touched)

    def merge(self, tx: Tx, purpose: str, marks: Marks, upto: int) -> None:
        """Pack very many marks at once, and the deltas that lie in their chunks.

        Args:
            tx: a writing transaction that holds the purpose's epoch row.
            purpose: whose bitmaps.
            marks: what is on and off from here on.
            upto: position of the newest entry that they know.
        """
        snos = np.frombuffer(marks.snos, np.int64)
        on = np.frombuffer(marks.on, np.bool_)
        expires = np.frombuffer(marks.expires, np.int64)
        numbers = snos // SPAN
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            pile = self._pile(tx, purpose, number)
            packed = chunks.merged(pile.merged(), snos[mine], on[mine], expires[mine])
            self._put(tx, purpose, packed, max(pile.newest, upto), pile.parts)
            tx.run("DELETE FROM ground_delta WHERE purpose = ? AND chunk = ?", (purpose, number))

    def shorten(self, tx: Tx, purpose: str, lapses: int) -> None:
        """Let everybody who is on lapse at an instant, if not before; packs the deltas as well.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        for pile in self._piles(tx, [purpose], _ALL, _PERIODS).values():
            self._put(tx, purpose, chunks.shortened(pile.merged(), lapses), pile.newest, pile.parts)
        tx.run("DELETE FROM ground_delta WHERE purpose = ?", (purpose,))

    def lapsing(self, tx: Tx, purpose: str, until: int) -> list[tuple[int, int]]:
        """Ordinals whose ground is on and expires before ``until``, with the instant.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        found: list[tuple[int, int]] = []
        for pile in self._piles(tx, [purpose], _ALL, _PERIODS).values():
            found += pile.merged().lapsing(until)
        return sorted(found)

    def whole(self, tx: Tx, purpose: str, number: int) -> Chunk:
        """One chunk in full, with the changes that wait.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        return self._pile(tx, purpose, number).merged()

    def clear(self, tx: Tx, purposes: Sequence[str]) -> None:
        """Delete all that is stored of these purposes."""
        for table in ("ground_delta", "ground_set", "ground_end"):
            tx.many(f"DELETE FROM {table} WHERE purpose = ?", [(p,) for p in purposes])

    def forget(self, tx: Tx, purpose: str, sno: int) -> None:
        """Take one subject out of the deltas and the packed row of a purpose."""
        number = sno // SPAN
        tx.run(
            "DELETE FROM ground_delta WHERE purpose = ? AND chunk = ? AND sno = ?",
            (purpose, number, sno),
        )
        pile = self._pile(tx, purpose, number)
        if pile.packed is not None:
            pile.later.clear()  # they go on waiting
            chunk = chunks.update(pile.merged(), {sno: None})
            self._put(tx, purpose, chunk, pile.upto, pile.parts)

    def _put(self, tx: Tx, purpose: str, chunk: Chunk, upto: int, stored: chunks.Parts) -> None:
        """Write a chunk, and those of its periods that are not as ``stored``."""
        bits, parts = chunk.encode()
        mac = self._macs.chunk(self._bases[purpose], purpose, chunk.number, upto, chunk.due, bits)
        tx.run(_PUT, (purpose, chunk.number, bits, upto, chunk.due, mac))
        place = (purpose, chunk.number)
        tx.many(_DROP_END, [(*place, period) for period in sorted(stored.keys() - parts.keys())])
        fresh = [(*place, p, *mine) for p, mine in sorted(parts.items()) if stored.get(p) != mine]
        tx.many(_PUT_END, fresh)

    def _pile(self, tx: Tx, purpose: str, number: int) -> _Pile:
        found = self._piles(tx, [purpose], (number, number), _PERIODS)
        return found.get((purpose, number)) or _Pile(number)

    def _piles(
        self,
        tx: Tx,
        purposes: Sequence[str],
        among: tuple[int, int],
        periods: tuple[int, int, int],
    ) -> dict[tuple[str, int], _Pile]:
        """What is stored of these chunks (first and last), with these periods (see _PERIODS)."""
        sql = _READ.format(placeholders(len(purposes)))
        piles: dict[tuple[str, int], _Pile] = {}
        first, last, ends = periods
        parameters = [*purposes, *among, *purposes, *among, ends, *purposes, *among, first, last]
        made, stored = [], []
        for purpose, number, seq, sno, active, expires, mac, bits in tx.all(sql, parameters):
            pile = piles.get((purpose, number))
            if pile is None:
                pile = piles[purpose, number] = _Pile(number)
            if sno == _END:
                pile.parts[seq] = Part(bytes(mac), bytes(bits or b""))
            elif sno == _SET:
                pile.packed = self._decode(purpose, number, seq, expires, mac, bytes(bits))
                pile.upto = seq
            else:
                basis = self._bases[purpose]
                made.append(self._macs.delta(basis, purpose, seq, sno, active, expires))
                stored.append(bytes(mac))
                pile.add(seq, sno, (bool(active), expires))
        # As one text, since they may be thousands: where it is cut changes nothing it vouches for.
        check(b"".join(made), b"".join(stored), "a change of a bitmap of grounds")
        for pile in piles.values():
            _check_parts(pile, periods)
        return piles

    def _decode(
        self, purpose: str, number: int, upto: int, due: int | None, mac: Any, bits: bytes
    ) -> Sheaf:
        made = self._macs.chunk(self._bases[purpose], purpose, number, upto, due, bits)
        check(made, mac, "a bitmap of grounds")
        return chunks.decode(number, bits)


def _check_parts(pile: _Pile, periods: tuple[int, int, int]) -> None:
    """Refuse unless a chunk's periods are, of these, exactly those that its row names."""
    named = {} if pile.packed is None else pile.packed.periods
    first, last, ends = periods
    for period in {p for p in named if first <= p <= last} | pile.parts.keys():
        who, instants = named.get(period, (b"", b""))
        part = pile.parts.get(period, _NO_PART)
        check(who, sha256(part.who), "who lapses in a period")
        if period >= ends:
            check(instants, sha256(part.ends), "when people of a period lapse")
