"""Bitmaps of grounds: writers append deltas, a fold packs them, readers combine both.

Appending needs no read of the packed row, so many writers do not wait for each other's
bitmaps. A fold deletes the deltas it packs; a reader takes packed rows and deltas in
*one* statement, so that it sees a change in one of the two and never in neither, at any
isolation. Every MAC is checked before a byte is parsed.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.consent import chunk as chunks
from privet.consent.change import MAX_SNO
from privet.consent.chunk import SPAN, Chunk, Mark
from privet.consent.entries import marks as placeholders
from privet.consent.macs import Macs, check

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
"""
_PUT = """
INSERT INTO ground_set (purpose, chunk, bits, upto, due, mac) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (purpose, chunk) DO UPDATE SET
bits = excluded.bits, upto = excluded.upto, due = excluded.due, mac = excluded.mac
"""
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
    """What is stored of one chunk: the packed row, and later marks in order of the log."""

    packed: Chunk | None = None
    upto: int = -1
    later: dict[int, tuple[int, Mark]] | None = None

    def add(self, seq: int, sno: int, mark: Mark) -> None:
        self.later = self.later or {}
        if sno not in self.later or seq > self.later[sno][0]:
            self.later[sno] = (seq, mark)

    def merged(self, number: int) -> Chunk:
        marks = {sno: mark for sno, (_, mark) in (self.later or {}).items()}
        if self.packed is None:
            return chunks.build(number, marks)
        return chunks.update(self.packed, marks) if marks else self.packed


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
        for (purpose, number), pile in self._piles(tx, purposes, first, last).items():
            chunk = pile.merged(number)
            sides = result[purpose]
            sides.on.update(chunk.on)
            sides.off.update(chunk.off)
            sides.lapsed.update(chunk.lapsed(now))
        return result

    def fold(self, tx: Tx, purpose: str) -> int:
        """Pack the deltas of one purpose; how many. The caller holds its epoch row."""
        touched = tx.all(
            "SELECT chunk, COUNT(*) FROM ground_delta WHERE purpose = ? GROUP BY chunk", (purpose,)
        )
        for number, _ in touched:
            pile = self._piles(tx, [purpose], number, number)[purpose, number]
            newest = max(seq for seq, _ in (pile.later or {}).values())
            self.put(tx, purpose, pile.merged(number), max(pile.upto, newest))
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
            pile = self._piles(tx, [purpose], number, number).get((purpose, number), _Pile())
            packed = chunks.merged(pile.merged(number), snos[mine], on[mine], expires[mine])
            later = max((seq for seq, _ in (pile.later or {}).values()), default=-1)
            self.put(tx, purpose, packed, max(pile.upto, later, upto))
            tx.run("DELETE FROM ground_delta WHERE purpose = ? AND chunk = ?", (purpose, number))

    def shorten(self, tx: Tx, purpose: str, lapses: int) -> None:
        """Let everybody who is on lapse at an instant, if not before; packs the deltas as well.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        for (_, number), pile in self._piles(tx, [purpose], 0, MAX_SNO // SPAN).items():
            later = max((seq for seq, _ in (pile.later or {}).values()), default=-1)
            shorter = chunks.shortened(pile.merged(number), lapses)
            self.put(tx, purpose, shorter, max(pile.upto, later))
        tx.run("DELETE FROM ground_delta WHERE purpose = ?", (purpose,))

    def lapsing(self, tx: Tx, purpose: str, until: int) -> list[tuple[int, int]]:
        """Ordinals whose ground is on and expires before ``until``, with the instant.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        found: list[tuple[int, int]] = []
        for (_, number), pile in self._piles(tx, [purpose], 0, MAX_SNO // SPAN).items():
            chunk = pile.merged(number)
            count = np.searchsorted(chunk.expires, until)
            found += zip(
                chunk.lapsing[:count].tolist(), chunk.expires[:count].tolist(), strict=True
            )
        return sorted(found)

    def put(self, tx: Tx, purpose: str, chunk: Chunk, upto: int) -> None:
        """Write one packed row. ``upto``: position of the newest entry that it knows."""
        bits = chunk.encode()
        mac = self._macs.chunk(self._bases[purpose], purpose, chunk.number, upto, chunk.due, bits)
        tx.run(_PUT, (purpose, chunk.number, bits, upto, chunk.due, mac))

    def forget(self, tx: Tx, purpose: str, sno: int) -> None:
        """Take one subject out of the deltas and the packed row of a purpose."""
        number = sno // SPAN
        tx.run(
            "DELETE FROM ground_delta WHERE purpose = ? AND chunk = ? AND sno = ?",
            (purpose, number, sno),
        )
        rows = tx.all(
            "SELECT upto, due, mac, bits FROM ground_set WHERE purpose = ? AND chunk = ?",
            (purpose, number),
        )
        for upto, due, mac, bits in rows:
            packed = self._decode(purpose, number, upto, due, mac, bytes(bits))
            self.put(tx, purpose, chunks.update(packed, {sno: None}), upto)

    def _piles(
        self, tx: Tx, purposes: Sequence[str], first: int, last: int
    ) -> dict[tuple[str, int], _Pile]:
        sql = _READ.format(placeholders(len(purposes)))
        piles: dict[tuple[str, int], _Pile] = defaultdict(_Pile)
        for row in tx.all(sql, [*purposes, first, last, *purposes, first, last]):
            purpose, number, seq, sno, active, expires, mac, bits = row
            pile = piles[purpose, number]
            if bits is not None:
                pile.packed = self._decode(purpose, number, seq, expires, mac, bytes(bits))
                pile.upto = seq
                continue
            made = self._macs.delta(self._bases[purpose], purpose, seq, sno, active, expires)
            check(made, mac, "a change of a bitmap of grounds")
            pile.add(seq, sno, (bool(active), expires))
        return piles

    def _decode(
        self, purpose: str, number: int, upto: int, due: int | None, mac: Any, bits: bytes
    ) -> Chunk:
        made = self._macs.chunk(self._bases[purpose], purpose, number, upto, due, bits)
        check(made, mac, "a bitmap of grounds")
        return chunks.decode(number, bits)
