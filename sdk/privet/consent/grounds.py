"""The table ``ground``: one row per subject and purpose, and the bitmaps that follow it.

Rows are computed from *all* entries of the ground in the order of the log, not from the
row before: a leaf that arrives late (two writers, a replay) lands in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from privet.consent import entries, told
from privet.consent.bitmaps import Bitmaps
from privet.consent.chunk import SPAN, Mark, build
from privet.consent.macs import Macs, check
from privet.consent.optout import Places, placed, placing
from privet.consent.project import State, fold
from privet.consent.standing import Row
from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.consent.entries import Entries
    from privet.consent.told import Floors
    from privet.db import Tx

BASES_KEY: Final = "ground_bases"
_ON: Final = frozenset({"active", "known"})
_PUT = """
INSERT INTO ground (sno, purpose, status, seq, since, expires, mac) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sno, purpose) DO UPDATE SET status = excluded.status, seq = excluded.seq,
since = excluded.since, expires = excluded.expires, mac = excluded.mac
"""
# One statement for rows, fence and bases: half of a point read is the number of statements.
_POINT = f"""
SELECT purpose, status, seq, since, expires, mac FROM ground
WHERE sno = ? AND purpose IN ({{0}}, '*')
UNION ALL SELECT '#fence', '', seq, 0, NULL, NULL FROM fence WHERE sno = ?
UNION ALL SELECT '#bases', '', 0, 0, NULL, value FROM meta WHERE key = '{BASES_KEY}'
"""


class Grounds:
    """Computes and reads the rows of ``ground`` and their bitmaps.

    Args:
        macs: makes and checks the MACs.
        bases: basis of each purpose, purpose ``"*"`` included.
        places: where purposes stand until a person opts out.
    """

    def __init__(self, macs: Macs, bases: Mapping[str, str], places: Places) -> None:
        self._macs = macs
        self._bases = bases
        self._places = places
        self._tag = macs.bases(
            {
                name: " ".join([basis, *sorted(places.get(name, ()))])
                for name, basis in bases.items()
            }
        )
        self._point: dict[int, str] = {}
        self.bitmaps = Bitmaps(macs, bases)

    def rows(self, tx: Tx, purposes: Sequence[str], sno: int) -> tuple[dict[str, Row], bool]:
        """The rows of one subject by purpose (``"*"`` as well), and whether she is fenced.

        Raises:
            IntegrityError: a row does not bear its MAC.
            StoreUnavailable: the rows were computed under other purposes or bases.
        """
        count = len(purposes)
        sql = self._point.get(count)
        if sql is None:
            sql = self._point[count] = _POINT.format(entries.marks(count))
        found = {row[0]: row[1:] for row in tx.all(sql, (sno, *purposes, sno))}
        bases = found.pop("#bases", None)
        if bases is not None:  # first: under other bases no MAC would hold
            self._compare(bases[4])
        fenced = found.pop("#fence", None) is not None
        rows: dict[str, Row] = {}
        for purpose, (status, seq, since, expires, mac) in found.items():
            row = (sno, purpose, status, seq, since, expires)
            check(self._macs.ground(self._bases[purpose], *row), mac, "a ground")
            rows[purpose] = Row(status, seq, since, expires)
        return rows, fenced

    def past(self, tx: Tx, sno: int, purpose: str, position: int) -> Row | None:
        """The row as it was once every leaf up to ``position`` was projected, and none after.

        Raises:
            IntegrityError: an entry does not bear its MAC.
        """
        told_then = [one for one in told.everything(tx, self._macs) if one.seq <= position]
        if purpose in self._places:
            lives = entries.of_subjects(tx, self._macs, [sno])
        else:
            lives = {(sno, purpose): entries.of_ground(tx, self._macs, sno, purpose)}
        then = {
            key: [(seq, change) for seq, change in life if seq <= position]
            for key, life in lives.items()
        }
        telling = placing(then).get(sno, [])
        past = then.get((sno, purpose), [])
        state = self._fold(purpose, past, telling, told.floors(told_then))
        return None if state is None else Row(state.status, state.seq, state.since, state.expires)

    def objected(self, tx: Tx) -> list[tuple[int, str, int, int]]:
        """Ordinal, purpose, instant and position of each ground with a pending objection.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        found: list[tuple[int, str, int, int]] = []
        for sno, purpose, status, seq, since, expires, mac in tx.all(
            "SELECT sno, purpose, status, seq, since, expires, mac FROM ground "
            "WHERE status = 'objected' ORDER BY since, seq"
        ):
            row = (sno, purpose, status, seq, since, expires)
            check(self._macs.ground(self._bases[purpose], *row), mac, "a ground")
            found.append((sno, purpose, since, seq))
        return found

    def lapsing(self, tx: Tx, purpose: str, until: int) -> list[tuple[int, int]]:
        """Ordinals whose active ground expires before ``until``, with the instant.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        found: list[tuple[int, int]] = []
        for sno, status, seq, since, expires, mac in tx.all(
            "SELECT sno, status, seq, since, expires, mac FROM ground "
            "WHERE purpose = ? AND expires < ? ORDER BY sno",
            (purpose, until),
        ):
            row = (sno, purpose, status, seq, since, expires)
            check(self._macs.ground(self._bases[purpose], *row), mac, "a ground")
            if status == "active":
                found.append((sno, expires))
        return found

    def project(self, tx: Tx, fresh: Entries) -> None:
        """Bring rows and bitmaps up to these entries, which are in the ledger already."""
        keys = {(change.sno, change.purpose) for _, change in fresh}
        # Where somebody is bears on all that stands until she opts out.
        keys |= {
            (change.sno, p) for _, change in fresh if change.jurisdiction for p in self._places
        }
        lives = entries.of_subjects(tx, self._macs, sorted({sno for sno, _ in keys}))
        telling = placing(lives) if self._places else {}
        floors = self._floors(tx)
        rows: list[tuple[Any, ...]] = []
        deltas: list[tuple[str, int, int, Mark]] = []
        for sno, purpose in sorted(keys):
            past, where = lives.get((sno, purpose), []), telling.get(sno, [])
            state = self._fold(purpose, past, where, floors)
            if state is not None:
                rows.append(self._row(sno, purpose, state))
                deltas.append((purpose, self._newest(purpose, past, where), sno, _mark(state)))
        tx.many(_PUT, rows)
        self.bitmaps.append(tx, deltas)

    def rebuild(self, tx: Tx) -> None:
        """Delete everything and compute it anew from the ledger; the caller holds all epochs."""
        for table in ("ground", "ground_delta", "ground_set"):
            tx.run(f"DELETE FROM {table}")
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (BASES_KEY, self._tag),
        )
        self._rebuild_chunks(tx, None)

    def recompute(self, tx: Tx, purposes: Sequence[str]) -> None:
        """The same for some purposes alone; the caller holds their epochs."""
        for table in ("ground", "ground_delta", "ground_set"):
            tx.many(f"DELETE FROM {table} WHERE purpose = ?", [(p,) for p in purposes])
        self._rebuild_chunks(tx, purposes)

    def forget(self, tx: Tx, sno: int, purposes: Sequence[str]) -> None:
        """Delete one subject's rows and take her out of the bitmaps of these purposes."""
        for purpose in purposes:
            self.bitmaps.forget(tx, purpose, sno)
        tx.run("DELETE FROM ground WHERE sno = ?", (sno,))

    def claim(self, tx: Tx) -> None:
        """Mark a fresh store with the bases that its grounds are computed under.

        Raises:
            StoreUnavailable: they are computed under others already.
        """
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (BASES_KEY, self._tag),
        )
        self.require(tx)

    def require(self, tx: Tx) -> None:
        """Raise StoreUnavailable where the grounds were computed under other bases."""
        row = tx.one("SELECT value FROM meta WHERE key = ?", (BASES_KEY,))
        if row is not None:
            self._compare(row[0])

    def _compare(self, stored: bytes | memoryview) -> None:
        if bytes(stored) != self._tag:
            raise StoreUnavailable(
                "the grounds were computed for another policy",
                why="its purposes or their bases are not this policy's",
                remedy="Use the active policy; activating one rebuilds the grounds.",
                reason="ground.bases",
            )

    def _rebuild_chunks(self, tx: Tx, purposes: Sequence[str] | None) -> None:
        first, last = tx.all("SELECT MIN(sno), MAX(sno) FROM ledger")[0]
        if first is None:
            return
        floors = self._floors(tx)
        for number in range(first // SPAN, last // SPAN + 1):
            self._rebuild_chunk(tx, number, purposes, floors)

    def _rebuild_chunk(
        self, tx: Tx, number: int, purposes: Sequence[str] | None, floors: Floors
    ) -> None:
        low, high = number * SPAN, (number + 1) * SPAN - 1
        placed_too = purposes is None or not self._places.keys().isdisjoint(purposes)
        lives = entries.of_range(tx, self._macs, low, high, None if placed_too else purposes)
        telling = placing(lives) if self._places and placed_too else {}
        keys = lives.keys() | {(sno, purpose) for sno in telling for purpose in self._places}
        rows: list[tuple[Any, ...]] = []
        marks: dict[str, dict[int, Mark]] = {}
        upto: dict[str, int] = {}
        for sno, purpose in sorted(k for k in keys if purposes is None or k[1] in purposes):
            past, where = lives.get((sno, purpose), []), telling.get(sno, [])
            state = self._fold(purpose, past, where, floors)
            if state is not None:
                rows.append(self._row(sno, purpose, state))
                marks.setdefault(purpose, {})[sno] = _mark(state)
                newest = self._newest(purpose, past, where)
                upto[purpose] = max(upto.get(purpose, -1), newest)
        tx.many(_PUT, rows)
        for purpose, of_chunk in marks.items():
            self.bitmaps.put(tx, purpose, build(number, of_chunk), upto[purpose])

    def _floors(self, tx: Tx) -> Floors:
        return told.floors(told.everything(tx, self._macs))

    def _newest(self, purpose: str, past: Entries, where: Entries) -> int:
        """Position of the newest entry that bears on a ground."""
        ends = [past, where] if purpose in self._places else [past]
        return max(life[-1][0] for life in ends if life)

    def _fold(self, purpose: str, past: Entries, where: Entries, floors: Floors) -> State | None:
        """Where a ground stands; None where nothing ever had an effect on it."""
        basis = self._bases.get(purpose)
        if basis is None:  # a purpose that the policy dropped: it is kept in the ledger alone
            return None
        life = told.shortened(past, floors.get(purpose, ()))
        places = self._places.get(purpose)
        state = fold(basis, life) if places is None else placed(places, life, where)
        return None if state.status == "none" else state

    def _row(self, sno: int, purpose: str, state: State) -> tuple[Any, ...]:
        row = (sno, purpose, state.status, state.seq, state.since, state.expires)
        return (*row, self._macs.ground(self._bases[purpose], *row))


def _mark(state: State) -> Mark:
    return state.status in _ON, state.expires
