"""The ledger's rows, one a leaf: what one person said at once, as the leaf says it.

A row holds the leaf's own text, so that reading the ledger and replaying the log are one
thing; it is written once, and read with its MAC checked.
"""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from privet.consent import sheet
from privet.consent.macs import Macs, check
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyroaring import BitMap

    from privet.consent.change import Change
    from privet.db import Tx

T = TypeVar("T")
Entries = list[tuple[int, "Change"]]
Lives = dict[tuple[int, str], Entries]
"""Ordinal and purpose to the entries of that ground, ascending."""

Leaf = tuple[int, dict[str, Any]]
"""A position of the log and what its leaf says, its MAC checked."""

Heard = dict[str, set[tuple[str, int]]]
"""Purpose to the kinds that one person said of it, with their instants."""

BATCH = 500  # parameters of one IN list; SQLite takes 999 everywhere

_PUT = "INSERT INTO ledger (sno, seq, body, mac) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_ROWS = "SELECT sno, seq, body, mac FROM ledger WHERE "


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
    leaves: dict[int, list[Change]] = {}
    for seq, change in changes:
        said = leaves.setdefault(seq, [])
        if change not in said:
            said.append(change)
    rows = []
    for seq, said in leaves.items():
        if len({change.sno for change in said}) > 1:
            raise _two_histories()
        rows.append((said[0].sno, seq, sheet.text(said)))
    fresh = put(tx, macs, rows)
    return [(seq, change) for seq, said in leaves.items() if seq in fresh for change in said]


def put(tx: Tx, macs: Macs, rows: Sequence[tuple[int, int, bytes]]) -> set[int]:
    """Write rows (ordinal, position, text of the leaf); the positions that are new.

    Raises:
        IntegrityError: another row stands at one of these positions.
    """
    made = [(sno, seq, body, macs.entry(seq, sno, body)) for sno, seq, body in rows]
    tx.run("SAVEPOINT entries")
    if tx.many(_PUT, made) == len(made):
        tx.run("RELEASE SAVEPOINT entries")
        return {row[1] for row in made}
    tx.run("ROLLBACK TO SAVEPOINT entries")
    tx.run("RELEASE SAVEPOINT entries")
    mac_at = {row[1]: row[3] for row in made}
    stored: set[int] = set()
    for part in batches(list(mac_at)):
        found = tx.all(f"SELECT seq, mac FROM ledger WHERE seq IN ({marks(len(part))})", part)
        for seq, mac in found:
            if bytes(mac) != mac_at[seq]:
                raise _two_histories()
            stored.add(seq)
    tx.many(_PUT, [row for row in made if row[1] not in stored])
    return mac_at.keys() - stored


def of_subjects(tx: Tx, macs: Macs, snos: Sequence[int]) -> Lives:
    """All entries of these subjects by (ordinal, purpose), each list ascending."""
    found: Lives = {}
    for part in batches(snos):
        rows = tx.all(f"{_ROWS}sno IN ({marks(len(part))}) ORDER BY sno, seq", part)
        collect(((row[1], _leaf(macs, row)) for row in rows), found)
    return found


def leaves(tx: Tx, macs: Macs, first: int, last: int) -> Iterator[tuple[int, list[Leaf]]]:
    """Each subject from ``first`` to ``last`` with her leaves, ascending.

    Raises:
        IntegrityError: a row does not bear its MAC.
    """
    rows = tx.all(f"{_ROWS}sno BETWEEN ? AND ? ORDER BY sno, seq", (first, last))
    for sno, mine in groupby(rows, key=itemgetter(0)):
        yield sno, [(row[1], _leaf(macs, row)) for row in mine]


def collect(said: Iterable[Leaf], into: Lives) -> None:
    """Add what leaves say to the lives that they are of."""
    for seq, leaf in said:
        for change in sheet.read(leaf):
            into.setdefault((change.sno, change.purpose), []).append((seq, change))


def heard(tx: Tx, macs: Macs, snos: Sequence[int]) -> dict[int, Heard]:
    """What each of these subjects said; whom the ledger does not know is left out.

    Raises:
        IntegrityError: a row does not bear its MAC.
    """
    found: dict[int, Heard] = {}
    for part in batches(snos):
        for row in tx.all(f"{_ROWS}sno IN ({marks(len(part))})", part):
            mine = found.setdefault(row[0], {})
            for kind, purpose, at, _, _ in sheet.said(_leaf(macs, row)):
                mine.setdefault(purpose, set()).add((kind, at))
    return found


def places(tx: Tx, macs: Macs, snos: BitMap) -> dict[str, BitMap]:
    """Jurisdiction last named to subjects; those of whom none was under ``""``."""
    from pyroaring import BitMap

    found: dict[str, BitMap] = {}
    for part in batches(list(snos)):
        latest = dict.fromkeys(part, "")
        rows = tx.all(f"{_ROWS}sno IN ({marks(len(part))}) ORDER BY sno, seq", part)
        for row in rows:
            latest[row[0]] = _leaf(macs, row).get("jurisdiction") or latest[row[0]]
        for sno, code in latest.items():
            found.setdefault(code, BitMap()).add(sno)
    return found


def of_ground(tx: Tx, macs: Macs, sno: int, purpose: str) -> Entries:
    """The entries of one ground of one subject, ascending."""
    return of_subjects(tx, macs, [sno]).get((sno, purpose), [])


def notice_of(tx: Tx, macs: Macs, seq: int, purpose: str) -> str:
    """The notice that the entry of a purpose at one position refers to; none where it is not."""
    rows = tx.all(f"{_ROWS}seq = ?", (seq,))
    said = [change for row in rows for change in sheet.read(_leaf(macs, row))]
    return next((change.notice for change in said if change.purpose == purpose), "")


def _leaf(macs: Macs, row: Sequence[Any]) -> dict[str, Any]:
    sno, seq, body, mac = row
    text = bytes(body)
    check(macs.entry(seq, sno, text), mac, "an entry of the ledger")
    leaf: dict[str, Any] = json.loads(text)
    return leaf


def _two_histories() -> IntegrityError:
    return IntegrityError(
        "two different entries claim one position of the log",
        why="the data store and the audit log are not of one history",
        reason="ground.history",
    )
