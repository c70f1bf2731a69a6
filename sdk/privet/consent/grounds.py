"""Where the purposes of each person stand, and the bitmaps that follow.

Rows are computed from *all* entries of a person in the order of the log, not from the row
before: a leaf that arrives late (two writers, a replay) lands in its place.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from privet.consent import entries, sheet, told
from privet.consent.bitmaps import Bitmaps, Marks
from privet.consent.change import EVERYTHING
from privet.consent.chunk import NEVER, SPAN, Mark
from privet.consent.entries import Lives
from privet.consent.optout import Places, placed, placing
from privet.consent.project import CONSENT, State, fold, lone
from privet.consent.rows import BASES_KEY, GroundRows, other_bases
from privet.consent.standing import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from privet.consent.entries import Entries, Heard
    from privet.consent.macs import Macs
    from privet.consent.rows import Standings
    from privet.consent.sheet import Said
    from privet.consent.told import Floors, Told
    from privet.db import Tx

MANY: Final = 500  # from so many changes on, bitmaps are packed at once
_ON: Final = frozenset({"active", "known"})
_SLICE: Final = SPAN // 8  # people whose entries are in memory at once while all is computed


class _Found(NamedTuple):
    """Where people stand, and by which entry of theirs each purpose was moved last."""

    people: dict[int, Standings]
    newest: dict[tuple[int, str], int]


class _Alone(NamedTuple):
    """Where somebody stands who said one thing of a purpose.

    Attributes:
        record: makes her record from position, since and expires.
        lapses: whether the expiry of what she said counts.
        on: whether the ground is on.
        pending: whether an objection waits.
    """

    record: Callable[[int, int, int], bytes]
    lapses: bool
    on: bool
    pending: bool


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
        self.rows = GroundRows(macs, bases, self._tag)
        self.bitmaps = Bitmaps(macs, bases)

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
        return self._fold(purpose, past, telling, told.floors(told_then))

    def project(self, tx: Tx, fresh: Entries) -> None:
        """Bring rows and bitmaps up to these entries, which are in the ledger already."""
        keys = {(change.sno, change.purpose) for _, change in fresh}
        # Where somebody is bears on all that stands until she opts out.
        keys |= {
            (change.sno, p) for _, change in fresh if change.jurisdiction for p in self._places
        }
        lives = entries.of_subjects(tx, self._macs, sorted({sno for sno, _ in keys}))
        found = self._found(lives, self._floors(tx))
        self.rows.put(tx, found.people)
        deltas = [
            (purpose, found.newest[sno, purpose], sno, _mark(found.people[sno][purpose]))
            for sno, purpose in sorted(keys & found.newest.keys())
        ]
        if len(deltas) < MANY:
            self.bitmaps.append(tx, deltas)
        else:
            piles: dict[str, Marks] = defaultdict(Marks)
            for purpose, _, sno, (on, expires) in deltas:
                piles[purpose].add(sno, expires, on=on)
            self._merge(tx, piles, max(seq for _, seq, _, _ in deltas))

    def plain(
        self,
        tx: Tx,
        people: Mapping[int, Sequence[tuple[int, Said]]],
        heard: Mapping[int, Heard],
    ) -> bool:
        """Whether ``take_in`` can tell where each of these stands without what was said before.

        Not where material notices or places bear on it, where somebody says two things of one
        purpose, said something of it before, or speaks of what she had seen, nor where all
        purposes are concerned.
        """
        purposes = {said.purpose for told_by_her in people.values() for _, said in told_by_her}
        if self._places or not purposes.isdisjoint(self._floors(tx)):
            return False
        for sno, told_by_her in people.items():
            mine = {said.purpose for _, said in told_by_her}
            if len(mine) < len(told_by_her) or not mine.isdisjoint(heard.get(sno, ())):
                return False
            for _, said in told_by_her:
                if said.seen >= 0 or (said.purpose == EVERYTHING and said.kind != "known"):
                    return False
        return purposes <= self._bases.keys()

    def take_in(
        self,
        tx: Tx,
        people: Mapping[int, Sequence[tuple[int, Said]]],
        heard: Collection[int],
    ) -> None:
        """The same as ``project`` for purposes of which these people said nothing before.

        Args:
            tx: a writing transaction; the entries are in the ledger already.
            people: ordinal to position and change; ``plain`` said that it may be.
            heard: those of them who said something of other purposes before.
        """
        kinds = {(s.purpose, s.kind) for told_by_her in people.values() for _, s in told_by_her}
        stands = {(purpose, kind): self._alone(purpose, kind) for purpose, kind in kinds}
        rows, newest = [], -1
        before = self.rows.parts(tx, [sno for sno in people if sno in heard])
        piles: dict[str, Marks] = defaultdict(Marks)
        for sno, told_by_her in people.items():
            parts, pending = before.get(sno, ({}, False))
            for seq, (kind, purpose, at, _, expires, _) in told_by_her:
                stand = stands[purpose, kind]
                if stand is None:
                    continue
                ends = NEVER if expires is None or not stand.lapses else expires
                parts[purpose] = stand.record(seq, at, ends)
                pending = pending or stand.pending
                marks = piles[purpose]
                marks.snos.append(sno)
                marks.on.append(stand.on)
                marks.expires.append(ends)
                newest = max(newest, seq)
            rows.append((sno, b"".join([parts[name] for name in sorted(parts)]), pending))
        self.rows.put_records(tx, [row for row in rows if row[1]])
        self._merge(tx, piles, newest)

    def _alone(self, purpose: str, kind: str) -> _Alone | None:
        """Where somebody stands who said one thing of a purpose; None: nowhere."""
        status, lapses = lone(self._bases[purpose], kind)
        if status == "none":
            return None
        return _Alone(
            self.rows.recorder(purpose, status), lapses, status in _ON, status == "objected"
        )

    def rebuild(self, tx: Tx) -> None:
        """Delete everything and compute it anew from the ledger; the caller holds all epochs."""
        for table in ("ground", "ground_delta", "ground_set", "ground_end"):
            tx.run(f"DELETE FROM {table}")
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (BASES_KEY, self._tag),
        )
        self._rebuild_chunks(tx, list(self._bases))

    def shorten(self, tx: Tx, purposes: Sequence[str], notice: Told, *, behind: bool) -> None:
        """Let older consents to these purposes lapse as a material notice says.

        Args:
            tx: a writing transaction that holds the purposes' epochs.
            purposes: of which the notice tells.
            notice: it is in its table already.
            behind: whether no entry that is in the ledger came after the notice. Then every
                consent that holds is an older one, and nobody's entries need be read again.
        """
        floors = self._floors(tx)
        simple = [p for p in purposes if behind and self._bases[p] == CONSENT]
        new = [
            p for p in simple if any(floor.seq == notice.seq for floor in floors.get(p, ()))
        ]  # a further language of a version ends nothing
        if new and notice.lapses is not None:
            self.rows.shorten(tx, new, notice.lapses)
            for purpose in new:
                self.bitmaps.shorten(tx, purpose, notice.lapses)
        rest = [p for p in purposes if p not in simple]
        if rest:
            self.recompute(tx, rest)

    def recompute(self, tx: Tx, purposes: Sequence[str]) -> None:
        """The same for some purposes alone; the caller holds their epochs."""
        self.bitmaps.clear(tx, purposes)
        self._rebuild_chunks(tx, purposes)

    def forget(self, tx: Tx, sno: int, purposes: Iterable[str]) -> None:
        """Delete one subject's row and take her out of the bitmaps of these purposes."""
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
            raise other_bases()

    def _rebuild_chunks(self, tx: Tx, purposes: Sequence[str]) -> None:
        first, last = tx.all("SELECT MIN(sno), MAX(sno) FROM ledger")[0]
        if first is None:
            return
        floors = self._floors(tx)
        for number in range(first // SPAN, last // SPAN + 1):
            self._rebuild_chunk(tx, number, purposes, floors)

    def _rebuild_chunk(self, tx: Tx, number: int, purposes: Sequence[str], floors: Floors) -> None:
        newest = -1
        piles: dict[str, Marks] = {purpose: Marks() for purpose in purposes}
        for low in range(number * SPAN, (number + 1) * SPAN, _SLICE):
            newest = max(newest, self._rebuild_slice(tx, low, low + _SLICE - 1, piles, floors))
        self._merge(tx, piles, newest)

    def _rebuild_slice(
        self, tx: Tx, low: int, high: int, piles: Mapping[str, Marks], floors: Floors
    ) -> int:
        """Compute the rows of some people, and add their marks; their newest entry's position."""
        people, newest = self._compute(tx, low, high, floors)
        self.rows.put(tx, people)
        for sno, stands in people.items():
            for purpose, row in stands.items():
                if purpose in piles:
                    piles[purpose].add(sno, row.expires, on=row.status in _ON)
        return newest

    def computed(self, tx: Tx, low: int, high: int) -> dict[int, Standings]:
        """Where the people from ``low`` to ``high`` stand by their entries; nothing is written.

        Raises:
            IntegrityError: an entry does not bear its MAC.
        """
        return self._compute(tx, low, high, self._floors(tx))[0]

    def _compute(
        self, tx: Tx, low: int, high: int, floors: Floors
    ) -> tuple[dict[int, Standings], int]:
        newest, lives = -1, Lives()
        people: dict[int, Standings] = {}
        for sno, leaves in entries.leaves(tx, self._macs, low, high):
            newest = max(newest, leaves[-1][0])
            stands = None if self._places else self._once(leaves, floors)
            if stands is None:
                entries.collect(leaves, lives)
            elif stands:
                people[sno] = stands
        return people | self._found(lives, floors).people, newest

    def _once(self, leaves: Sequence[entries.Leaf], floors: Floors) -> Standings | None:
        """Where one person stands who spoke of each purpose once; None where she said more."""
        stands: Standings = {}
        said = 0
        for seq, leaf in leaves:
            for kind, purpose, at, seen, expires in sheet.said(leaf):
                said += 1
                basis = self._bases.get(purpose)
                if seen >= 0 or purpose in floors:
                    return None
                status, lapses = ("none", False) if basis is None else lone(basis, kind)
                stands[purpose] = Row(status, seq, at, expires if lapses else None)
        if len(stands) < said:
            return None
        return {purpose: row for purpose, row in stands.items() if row.status != "none"}

    def _merge(self, tx: Tx, piles: Mapping[str, Marks], upto: int) -> None:
        """Pack marks of people into the bitmaps of their purposes."""
        for purpose in sorted(piles):
            self.bitmaps.merge(tx, purpose, piles[purpose], upto)

    def _found(self, lives: Lives, floors: Floors) -> _Found:
        """Where these people's purposes stand, from all their entries."""
        telling = placing(lives) if self._places else {}
        found = _Found({}, {})
        keys = lives.keys() | {(sno, purpose) for sno in telling for purpose in self._places}
        for sno, purpose in sorted(keys):
            past, where = lives.get((sno, purpose), []), telling.get(sno, [])
            row = self._fold(purpose, past, where, floors)
            if row is not None:
                found.people.setdefault(sno, {})[purpose] = row
                found.newest[sno, purpose] = self._newest(purpose, past, where)
        return found

    def _floors(self, tx: Tx) -> Floors:
        return told.floors(told.everything(tx, self._macs))

    def _newest(self, purpose: str, past: Entries, where: Entries) -> int:
        """Position of the newest entry that bears on a ground."""
        ends = [past, where] if purpose in self._places else [past]
        return max(life[-1][0] for life in ends if life)

    def _fold(self, purpose: str, past: Entries, where: Entries, floors: Floors) -> Row | None:
        """Where a ground stands; None where nothing ever had an effect on it."""
        basis = self._bases.get(purpose)
        if basis is None:  # a purpose that the policy dropped: it is kept in the ledger alone
            return None
        life = told.shortened(past, floors.get(purpose, ()))
        places = self._places.get(purpose)
        state = fold(basis, life) if places is None else placed(places, life, where)
        return None if state.status == "none" else _row(state)


def _row(state: State) -> Row:
    return Row(state.status, state.seq, state.since, state.expires)


def _mark(row: Row) -> Mark:
    return row.status in _ON, row.expires
