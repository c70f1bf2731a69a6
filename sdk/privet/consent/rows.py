"""The table ``ground``: one row a person, with where each of her purposes stands.

    u16 purpose ‖ u8 status ‖ i64 position ‖ i64 since ‖ i64 expires, for each purpose

all little-endian, ascending by purpose; a purpose is its place among the policy's, sorted. One
MAC covers what one look at a person believes, and binds the bases that all of it goes by.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from privet.consent.chunk import NEVER
from privet.consent.entries import batches, marks
from privet.consent.macs import Macs, check
from privet.consent.standing import Row
from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from privet.db import Store, Tx

BASES_KEY: Final = "ground_bases"
STATUSES: Final = (
    "active",
    "known",
    "restricted",
    "declined",
    "withdrawn",
    "ended",
    "objected",
    "upheld",
    "opted-out",
    "elsewhere",
)
"""By their numbers in a row; new ones come last."""

_RECORD: Final = struct.Struct("<HBqqq")
_NUMBER: Final = {status: number for number, status in enumerate(STATUSES)}
_ACTIVE: Final = _NUMBER["active"]
_AT_ONCE: Final = 8192  # people whose rows are in memory at once
_PUT: Final = """
INSERT INTO ground (sno, body, pending, mac) VALUES (?, ?, ?, ?)
ON CONFLICT (sno) DO UPDATE SET body = excluded.body, pending = excluded.pending,
mac = excluded.mac
"""
# One statement for row, fence and bases: half of a point read is the number of statements.
_POINT: Final = f"""
SELECT 0, body, pending, mac FROM ground WHERE sno = ?
UNION ALL SELECT 1, NULL, 0, NULL FROM fence WHERE sno = ?
UNION ALL SELECT 2, value, 0, NULL FROM meta WHERE key = '{BASES_KEY}'
"""

Standings = dict[str, Row]
"""Purpose (``"*"`` as well) to where it stands for one person."""


class GroundRows:
    """Reads and writes the rows of ``ground``.

    Args:
        macs: makes and checks the MACs.
        purposes: every purpose that a row may tell of, ``"*"`` included.
        tag: MAC of the bases that rows are computed under.
    """

    def __init__(self, macs: Macs, purposes: Iterable[str], tag: bytes) -> None:
        self._macs = macs
        self._names = sorted(purposes)
        self._codes = {name: code for code, name in enumerate(self._names)}
        self._tag = tag

    def look(self, tx: Tx | Store, purposes: Sequence[str], sno: int) -> tuple[Standings, bool]:
        """The named purposes of one person that stand anyhow, and whether she is fenced.

        Raises:
            IntegrityError: the row does not bear its MAC.
            StoreUnavailable: it was computed under other purposes or bases.
        """
        fenced, mine = False, None
        for arm, body, pending, mac in tx.all(_POINT, (sno, sno)):
            if arm == 0:
                mine = bytes(body), pending, mac
            elif arm == 1:
                fenced = True
            elif bytes(body) != self._tag:  # first: under other bases no MAC would hold
                raise other_bases()
        if mine is None:
            return {}, fenced
        body, pending, mac = mine
        check(self._macs.grounds(self._tag, sno, pending, body), mac, "a person's grounds")
        names, found = self._names, {}
        for code, status, seq, since, expires in _RECORD.iter_unpack(body):
            name = names[code]
            if name in purposes:
                found[name] = Row(
                    STATUSES[status], seq, since, None if expires == NEVER else expires
                )
        return found, fenced

    def of(self, tx: Tx, snos: Sequence[int]) -> dict[int, Standings]:
        """All that is known of where these people's purposes stand.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        return {sno: self._read(body) for sno, body, _ in self._checked(tx, snos)}

    def parts(self, tx: Tx, snos: Sequence[int]) -> dict[int, tuple[dict[str, bytes], bool]]:
        """The parts of these people's rows by purpose, and whether an objection waits.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        found = {}
        for sno, body, pending in self._checked(tx, snos):
            parts = [body[at : at + _RECORD.size] for at in range(0, len(body), _RECORD.size)]
            named = {self._names[int.from_bytes(part[:2], "little")]: part for part in parts}
            found[sno] = (named, bool(pending))
        return found

    def shorten(self, tx: Tx, purposes: Sequence[str], lapses: int) -> None:
        """Let every ground of these purposes that is on lapse at an instant, if not before.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        low, high = tx.all("SELECT MIN(sno), MAX(sno) FROM ground")[0]
        codes = {self._codes[purpose] for purpose in purposes}
        sql = "SELECT sno, body, pending, mac FROM ground WHERE sno BETWEEN ? AND ?"
        for first in range(low or 0, (-1 if high is None else high) + 1, _AT_ONCE):
            rows = []
            for sno, body, pending in self._bearing(tx.all(sql, (first, first + _AT_ONCE - 1))):
                shorter = _shortened(body, codes, lapses)
                if shorter != body:
                    rows.append((sno, shorter, bool(pending)))
            self.put_records(tx, rows)

    def _checked(self, tx: Tx, snos: Sequence[int]) -> Iterator[tuple[int, bytes, int]]:
        for part in batches(snos):
            sql = f"SELECT sno, body, pending, mac FROM ground WHERE sno IN ({marks(len(part))})"
            yield from self._bearing(tx.all(sql, part))

    def _bearing(self, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, bytes, int]]:
        for sno, body, pending, mac in rows:
            data = bytes(body)
            made = self._macs.grounds(self._tag, sno, pending, data)
            check(made, mac, "a person's grounds")
            yield sno, data, pending

    def pending(self, tx: Tx) -> list[tuple[int, str, Row]]:
        """Every ground with an objection that nobody has decided, the oldest first.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        waiting = [sno for (sno,) in tx.all("SELECT sno FROM ground WHERE pending = 1")]
        found = [
            (sno, purpose, row)
            for sno, body, _ in self._checked(tx, waiting)
            for purpose, row in self._read(body).items()
            if row.status == "objected"
        ]
        return sorted(found, key=lambda one: (one[2].since, one[2].seq))

    def put(self, tx: Tx, people: Mapping[int, Mapping[str, Row]]) -> None:
        """Write the whole rows of these people."""
        self.put_records(
            tx,
            [
                (
                    sno,
                    b"".join([self.record(name, standings[name]) for name in sorted(standings)]),
                    any(row.status == "objected" for row in standings.values()),
                )
                for sno, standings in people.items()
            ],
        )

    def record(self, purpose: str, row: Row) -> bytes:
        """One purpose's part of a row."""
        expires = NEVER if row.expires is None else row.expires
        return _RECORD.pack(self._codes[purpose], _NUMBER[row.status], row.seq, row.since, expires)

    def recorder(self, purpose: str, status: str) -> Callable[[int, int, int], bytes]:
        """Makes ``record`` of very many: from position, since and expires, or ``NEVER``."""
        return partial(_RECORD.pack, self._codes[purpose], _NUMBER[status])

    def put_records(self, tx: Tx, rows: Iterable[tuple[int, bytes, bool]]) -> None:
        """Write rows of which the parts are made: ordinal, body, whether an objection waits."""
        grounds, tag = self._macs.grounds, self._tag
        tx.many(
            _PUT,
            [
                (sno, body, int(pending), grounds(tag, sno, int(pending), body))
                for sno, body, pending in rows
            ],
        )

    def _read(self, body: bytes) -> Standings:
        return {
            self._names[code]: Row(
                STATUSES[status], seq, since, None if expires == NEVER else expires
            )
            for code, status, seq, since, expires in _RECORD.iter_unpack(body)
        }


def _shortened(body: bytes, codes: Collection[int], lapses: int) -> bytes:
    parts = []
    for code, status, seq, since, expires in _RECORD.iter_unpack(body):
        ends = expires
        if code in codes and status == _ACTIVE and (expires == NEVER or expires > lapses):
            ends = lapses
        parts.append(_RECORD.pack(code, status, seq, since, ends))
    return b"".join(parts)


def other_bases() -> StoreUnavailable:
    """The refusal of grounds that were computed under other purposes or bases."""
    return StoreUnavailable(
        "the grounds were computed for another policy",
        why="its purposes or their bases are not this policy's",
        remedy="Use the active policy; activating one rebuilds the grounds.",
        reason="ground.bases",
    )
