"""Recounting the projection: is the ledger the log's, and do grounds and bitmaps follow from it?

The log is the redo log of grounds, the ledger its projection, a person's row a fold of her
entries, a bitmap a fold of the rows. Each is computed again here from the one before it and
compared with what is stored; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.consent.bitmaps import Marks
from privet.consent.chunk import NEVER, SPAN
from privet.crypto import same
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyroaring import BitMap

    from privet.consent.grounds import Grounds
    from privet.consent.macs import Macs
    from privet.consent.rows import Standings
    from privet.db import Tx

SLICE: Final = SPAN // 8  # people whose rows are in memory at once
_INSTANTS: Final = 8
_ON: Final = frozenset({"active", "known"})
_LEDGER: Final = "SELECT seq, sno, body, mac FROM ledger WHERE seq BETWEEN ? AND ?"
_PEOPLE: Final = "SELECT sno FROM {} WHERE sno BETWEEN ? AND ?"

Expected = dict[int, tuple[int, bytes]]
"""Position to ordinal and text of a ground leaf of the log."""


class Recount:
    """Compares the tables of grounds with what they are projections of.

    Args:
        macs: checks the MACs.
        grounds: computes rows and bitmaps.
        purposes: every purpose that has a bitmap, ``"*"`` included.
    """

    def __init__(self, macs: Macs, grounds: Grounds, purposes: Iterable[str]) -> None:
        self._macs = macs
        self._grounds = grounds
        self._purposes = sorted(purposes)

    def ledger(
        self, tx: Tx, expected: Expected, first: int, last: int, excused: BitMap
    ) -> Counter[str]:
        """How the ledger's rows of some positions differ from the log's leaves.

        Args:
            tx: any transaction.
            expected: the ground leaves that the log has at these positions.
            first: the first position.
            last: the last one.
            excused: people whose erasure has begun: their rows go.

        Returns:
            ``ledger.mac``, ``ledger.differs``, ``ledger.foreign`` and ``ledger.missing``.
        """
        faults: Counter[str] = Counter()
        seen = set()
        for seq, sno, body, mac in tx.all(_LEDGER, (first, last)):
            seen.add(seq)
            text = bytes(body)
            if not same(self._macs.entry(seq, sno, text), bytes(mac)):
                faults["ledger.mac"] += 1
            elif seq not in expected:
                faults["ledger.foreign"] += 1
            elif expected[seq] != (sno, text):
                faults["ledger.differs"] += 1
        gone = [sno for seq, (sno, _) in expected.items() if seq not in seen]
        missing = sum(sno not in excused for sno in gone)
        if missing:
            faults["ledger.missing"] += missing
        return faults

    def grounds(self, tx: Tx, number: int) -> Counter[str]:
        """How rows and bitmaps of 65,536 people differ from what their entries say.

        Returns:
            ``grounds.mac``, ``grounds.differ`` (people) and ``bitmaps.mac``,
            ``bitmaps.differ`` (bitmaps of one purpose).
        """
        faults: Counter[str] = Counter()
        piles = {purpose: Marks() for purpose in self._purposes}
        broken: list[int] = []
        for low in range(number * SPAN, (number + 1) * SPAN, SLICE):
            for sno, computed, stored in self._people(tx, low, low + SLICE - 1, broken):
                if computed != stored:
                    faults["grounds.differ"] += 1
                for purpose, row in computed.items():
                    if purpose in piles:
                        piles[purpose].add(sno, row.expires, on=row.status in _ON)
        if broken:
            faults["grounds.mac"] += len(broken)
        for purpose in self._purposes:
            code = self._bitmap(tx, purpose, number, piles[purpose], broken)
            if code:
                faults[code] += 1
        return faults

    def _people(
        self, tx: Tx, low: int, high: int, broken: list[int]
    ) -> Iterator[tuple[int, Standings, Standings]]:
        """Each person with what her entries say and what her row says."""
        snos = sorted(
            {
                int(sno)
                for table in ("ground", "ledger")
                for (sno,) in tx.all(_PEOPLE.format(table), (low, high))
            }
        )
        if not snos:
            return
        try:
            both = self._both(tx, low, high, snos)
        except IntegrityError:  # who is it?
            for sno in snos:
                try:
                    computed, stored = self._both(tx, sno, sno, [sno])
                except IntegrityError:
                    broken.append(sno)
                    continue
                yield sno, computed.get(sno, {}), stored.get(sno, {})
            return
        computed, stored = both
        for sno in snos:
            yield sno, computed.get(sno, {}), stored.get(sno, {})

    def _both(
        self, tx: Tx, low: int, high: int, snos: Sequence[int]
    ) -> tuple[dict[int, Standings], dict[int, Standings]]:
        return self._grounds.computed(tx, low, high), self._grounds.rows.of(tx, snos)

    def _bitmap(
        self, tx: Tx, purpose: str, number: int, marks: Marks, broken: Sequence[int]
    ) -> str:
        """The fault of one bitmap; every mark is compared, and lapses at some instants."""
        snos = np.frombuffer(marks.snos, np.int64)
        on = np.frombuffer(marks.on, np.bool_)
        expires = np.frombuffer(marks.expires, np.int64)
        nobody = _bitmap_of(broken)  # of whom nothing can be told
        for instant in _instants(expires):
            lapsed = on & (expires != NEVER) & (expires <= instant)
            try:
                sides = self._grounds.bitmaps.sides(tx, [purpose], number, number, instant)
            except IntegrityError:
                return "bitmaps.mac"
            stored = [side - nobody for side in (sides[purpose].on, sides[purpose].off)]
            if stored != [_bitmap_of(snos[on]), _bitmap_of(snos[~on])]:
                return "bitmaps.differ"
            if sides[purpose].lapsed - nobody != _bitmap_of(snos[lapsed]):
                return "bitmaps.differ"
        return ""


def _instants(expires: np.ndarray) -> list[int]:
    """Instants between which lapses are told apart: some of those at which somebody lapses."""
    there = np.unique(expires[expires != NEVER])
    if not len(there):
        return [0]
    chosen = np.unique(np.linspace(0, len(there) - 1, _INSTANTS).astype(np.int64))
    return [int(there[0]) - 1, *there[chosen].tolist()]


def _bitmap_of(snos: Sequence[int] | np.ndarray) -> BitMap:
    """These ordinals as a bitmap."""
    from pyroaring import BitMap

    return BitMap(np.asarray(snos, np.int64).tolist())
