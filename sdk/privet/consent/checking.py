"""Recounting the projection: is the ledger the log's, and do grounds and bitmaps follow from it?

The log is the redo log of grounds, the ledger its projection, a person's row a fold of her
entries, a bitmap a fold of the rows. Each is computed again here from the one before it and
compared with what is stored; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from privet.consent import chunk as chunks
from privet.consent import sheet
from privet.consent.bitmaps import Marks
from privet.consent.chunk import SPAN
from privet.crypto import same
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyroaring import BitMap

    from privet.consent.change import Change
    from privet.consent.grounds import Grounds
    from privet.consent.macs import Macs
    from privet.consent.rows import Standings
    from privet.db import Tx

SLICE: Final = SPAN // 32  # people whose rows are in memory at once
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

    @staticmethod
    def text(changes: Sequence[Change]) -> bytes:
        """What the ledger's row of a leaf must hold."""
        return sheet.text(changes)

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
        """The fault of one bitmap; empty where it is what the grounds say."""
        try:
            stored = self._grounds.bitmaps.whole(tx, purpose, number)
        except IntegrityError:
            return "bitmaps.mac"
        computed = chunks.merged(
            chunks.empty(number),
            np.frombuffer(marks.snos, np.int64),
            np.frombuffer(marks.on, np.bool_),
            np.frombuffer(marks.expires, np.int64),
        )
        if broken:  # of whom nothing can be told
            nobody = dict.fromkeys(broken)
            stored, computed = chunks.update(stored, nobody), chunks.update(computed, nobody)
        same = (
            stored.on == computed.on
            and stored.off == computed.off
            and np.array_equal(stored.expires, computed.expires)
        )
        return "" if same else "bitmaps.differ"
