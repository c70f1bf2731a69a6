"""The ledger's rows: written once, read with their MACs checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from privet.consent.change import Change
from privet.consent.macs import Macs, check
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyroaring import BitMap

    from privet.db import Tx

T = TypeVar("T")
Entries = list[tuple[int, Change]]
BATCH = 500  # parameters of one IN list; SQLite takes 999 everywhere

_COLUMNS = (
    "seq, sno, purpose, kind, at, notice, jurisdiction, event_id, seen, expires, commitment, mac"
)
_MARKS = ", ".join("?" * 12)


def batches(values: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """``values`` in slices of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def marks(count: int) -> str:
    """``count`` placeholders for an IN list."""
    return ", ".join("?" * count)


def insert(tx: Tx, macs: Macs, changes: Sequence[tuple[int, Change]]) -> Entries:
    """Write the entries that are not there yet and return them.

    Raises:
        IntegrityError: another entry stands at one of these positions.
    """
    made: dict[int, bytes] = {}
    for seq, change in changes:
        mac = macs.entry(seq, change)
        if made.setdefault(seq, mac) != mac:
            raise _two_histories()
    stored: set[int] = set()
    for part in batches(list(made)):
        for seq, mac in tx.all(
            f"SELECT seq, mac FROM ledger WHERE seq IN ({marks(len(part))})", part
        ):
            if bytes(mac) != made[seq]:
                raise _two_histories()
            stored.add(seq)
    fresh = [(seq, change) for seq, change in dict(changes).items() if seq not in stored]
    tx.many(
        f"INSERT INTO ledger ({_COLUMNS}) VALUES ({_MARKS})",
        [_row(seq, change, made[seq]) for seq, change in fresh],
    )
    return fresh


def of_subjects(tx: Tx, macs: Macs, snos: Sequence[int]) -> dict[tuple[int, str], Entries]:
    """All entries of these subjects by (ordinal, purpose), each list ascending."""
    found: dict[tuple[int, str], Entries] = {}
    for part in batches(snos):
        rows = tx.all(
            f"SELECT {_COLUMNS} FROM ledger WHERE sno IN ({marks(len(part))}) ORDER BY seq", part
        )
        _collect(macs, rows, found)
    return found


def of_range(
    tx: Tx, macs: Macs, first: int, last: int, purposes: Sequence[str] | None = None
) -> dict[tuple[int, str], Entries]:
    """The same for all subjects from ``first`` to ``last``; of these purposes, or of all."""
    only = "" if purposes is None else f" AND purpose IN ({marks(len(purposes))})"
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM ledger WHERE sno BETWEEN ? AND ?{only} ORDER BY seq",
        (first, last, *(purposes or ())),
    )
    found: dict[tuple[int, str], Entries] = {}
    _collect(macs, rows, found)
    return found


def places(tx: Tx, macs: Macs, snos: BitMap) -> dict[str, BitMap]:
    """Jurisdiction last named to subjects; those of whom none was under ``""``."""
    from pyroaring import BitMap

    found: dict[str, BitMap] = {}
    for part in batches(list(snos)):
        latest = dict.fromkeys(part, (-1, ""))
        for (sno, _), listed in of_subjects(tx, macs, part).items():
            for seq, change in listed:
                if change.jurisdiction and seq > latest[sno][0]:
                    latest[sno] = (seq, change.jurisdiction)
        for sno, (_, code) in latest.items():
            found.setdefault(code, BitMap()).add(sno)
    return found


def of_ground(tx: Tx, macs: Macs, sno: int, purpose: str) -> Entries:
    """The entries of one ground of one subject, ascending."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM ledger WHERE sno = ? AND purpose = ? ORDER BY seq",
        (sno, purpose),
    )
    return [(row[0], _change(macs, row)) for row in rows]


def _collect(
    macs: Macs, rows: Iterable[Sequence[Any]], into: dict[tuple[int, str], Entries]
) -> None:
    for row in rows:
        into.setdefault((row[1], row[2]), []).append((row[0], _change(macs, row)))


def _row(seq: int, c: Change, mac: bytes) -> tuple[Any, ...]:
    return (
        seq,
        c.sno,
        c.purpose,
        c.kind,
        c.at,
        c.notice,
        c.jurisdiction,
        c.event_id,
        c.seen,
        c.expires,
        c.commitment,
        mac,
    )


def _change(macs: Macs, row: Sequence[Any]) -> Change:
    change = Change(*row[1:11])
    check(macs.entry(row[0], change), row[11], "an entry of the ledger")
    return change


def _two_histories() -> IntegrityError:
    return IntegrityError(
        "two different entries claim one position of the log",
        why="the data store and the audit log are not of one history",
        reason="ground.history",
    )
