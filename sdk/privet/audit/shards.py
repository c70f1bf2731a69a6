"""Old ranges of the log whose bodies go while its tree stays.

A shard is a closed range of whole tiles. Once it was exported and the export verified, the
bodies of its records may go, with the indices of whom they are about; their leaf hashes stay in
the tiles, so that every proof of inclusion and of growth goes on. What state is rebuilt from
stays too, and every kind of record that is not named here: the log is the redo log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from privet.audit import head as heads
from privet.audit.head import LOG
from privet.audit.pages import PAGE, first_since
from privet.audit.record import decode
from privet.audit.tiles import WIDTH
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from privet.db import Store, Tx

State = Literal["sealed", "dropping", "dropped"]
KIND: Final = "shard"
GOING: Final = frozenset({"access", "counted", "denial", "model", "write"})
"""Kinds of records whose bodies go: what was done, by whom, and about whom."""
_COLUMNS = "number, first, upto, sealed, newest, note, state, gone"


@dataclass(frozen=True, slots=True)
class Shard:
    """A closed range of the log.

    Attributes:
        number: from 1.
        first: index of its first record.
        upto: index after its last.
        sealed: when it was closed, UTC microseconds.
        newest: when its last record was taken.
        note: the signed checkpoint under which it was closed.
        state: ``"sealed"``, ``"dropping"`` while its bodies go, ``"dropped"``.
        gone: how many bodies went.
    """

    number: int
    first: int
    upto: int
    sealed: int
    newest: int
    note: bytes
    state: State
    gone: int


def listed(tx: Tx) -> list[Shard]:
    """All shards, the oldest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM shard ORDER BY number")
    return [
        Shard(int(n), int(first), int(upto), int(at), int(newest), bytes(note), state, int(gone))
        for n, first, upto, at, newest, note, state, gone in rows
    ]


def one(tx: Tx, number: int) -> Shard:
    """A shard by its number.

    Raises:
        InvalidInput: there is none (``shard.unknown``).
    """
    for shard in listed(tx):
        if shard.number == number:
            return shard
    raise InvalidInput(
        "there is no such shard of the log",
        remedy="Take a number that `privet audit shard list` shows.",
        reason="shard.unknown",
    )


def dropped(tx: Tx) -> list[tuple[int, int]]:
    """Ranges whose bodies are gone or going: first index, and index after the last."""
    rows = tx.all("SELECT first, upto FROM shard WHERE state <> 'sealed' ORDER BY first")
    return [(int(first), int(upto)) for first, upto in rows]


def proposed(store: Store, before: int) -> tuple[int, int]:
    """The range that would be closed: all that is older than an instant, in whole tiles.

    Args:
        store: the audit store.
        before: UTC microseconds.

    Raises:
        InvalidInput: not one whole tile of it is old enough and unsealed (``shard.empty``).
    """
    with store.read() as tx:
        head = heads.read(tx)
        shards = listed(tx)
    size = 0 if head is None else head.size
    first = shards[-1].upto if shards else 0
    upto = first_since(store, before, size) // WIDTH * WIDTH
    if upto <= first:
        raise InvalidInput(
            "no shard was sealed",
            why=f"fewer than {WIDTH} records are old enough and in no shard yet",
            remedy="Give a later instant, or wait.",
            reason="shard.empty",
        )
    return first, upto


def seal(tx: Tx, first: int, upto: int, at: int) -> Shard:
    """Close a range under the newest checkpoint, which has the record of it."""
    number = 1 + len(listed(tx))
    head = heads.read(tx)
    row = tx.one(
        "SELECT ts FROM record WHERE log = ? AND seq < ? ORDER BY seq DESC LIMIT 1", (LOG, upto)
    )
    shard = Shard(
        number, first, upto, at, int(row[0]) if row else at, head.note if head else b"", "sealed", 0
    )
    tx.run(
        f"INSERT INTO shard ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, first, upto, at, shard.newest, shard.note, shard.state, 0),
    )
    return shard


def drop(store: Store, shard: Shard, progress: Callable[[int, int], None]) -> int:
    """Let the bodies of a shard go, page by page; taken up again where it was broken off.

    Returns:
        How many bodies are gone now.
    """
    with store.write() as tx:
        tx.run("UPDATE shard SET state = 'dropping' WHERE number = ?", (shard.number,))
    at = shard.first
    while at < shard.upto:
        with store.write() as tx:
            at = _drop_page(tx, shard, at)
        progress(at - shard.first, shard.upto - shard.first)
    with store.write() as tx:
        tx.run("UPDATE shard SET state = 'dropped' WHERE number = ?", (shard.number,))
        return one(tx, shard.number).gone


def _drop_page(tx: Tx, shard: Shard, at: int) -> int:
    rows = tx.all(
        "SELECT seq, body FROM record WHERE log = ? AND redo = 0 AND seq >= ? AND seq < ? "
        "ORDER BY seq LIMIT ?",
        (LOG, at, shard.upto, PAGE),
    )
    bodies = [(int(seq), decode(bytes(body))) for seq, body in rows]
    going = [(seq, body.get("set") or {}) for seq, body in bodies if body.get("kind") in GOING]
    tx.many("DELETE FROM record WHERE log = ? AND seq = ?", [(LOG, seq) for seq, _ in going])
    named = [(sno, seq) for seq, about in going for sno in about.get("snos", ())]
    tx.many("DELETE FROM single WHERE sno = ? AND seq = ?", named)
    marked = [(chunk, seq) for seq, about in going for chunk in about.get("chunks", ())]
    tx.many("DELETE FROM set_chunk WHERE chunk = ? AND seq = ?", marked)
    tx.run("UPDATE shard SET gone = gone + ? WHERE number = ?", (len(going), shard.number))
    return bodies[-1][0] + 1 if len(rows) == PAGE else shard.upto
