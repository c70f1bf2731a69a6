"""Re-wrapping: every key that hangs on an epoch that was left moves under the active one.

In short transactions, so that reads and writes go on: a row names the epoch that its key is
wrapped under, and both have their KEK until nothing hangs on the older one. Nothing that a
key seals changes. A row that somebody deletes meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Final

from privet.crypto import Aead, nonces
from privet.db.arrays import bigints, blobs
from privet.vault.keyroom.own import SECRETS
from privet.vault.keyroom.wrapping import MODEL, SECRET, SUBJECT, Wraps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from privet.db import Tx
    from privet.db.store import Row

CHUNK: Final = 2000
Progress = Callable[[int, int], None]
"""Is told how many keys are re-wrapped, and of how many."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where wrapped keys lie.

    Attributes:
        name: the table.
        label: what its keys are bound to besides their place.
        key: its two columns of the primary key.
        third: the third number of a place: a column, or 0.
    """

    name: str
    label: bytes
    key: tuple[str, str]
    third: str

    def page(self, tx: Tx, after: tuple[int, int], kek_id: int) -> list[Row]:
        """The next rows after a key whose epoch is another one, held; a place of SQLite's last."""
        (a, b), place = self.key, "0" if tx.for_update else "rowid"
        return tx.all(
            f"SELECT {a}, {b}, {self.third}, kek_id, wrapped, kc, {place} FROM {self.name} "
            f"WHERE ({a}, {b}) > (?, ?) AND kek_id <> ? ORDER BY {a}, {b} LIMIT ?{tx.for_update}",
            (*after, kek_id, CHUNK),
        )

    def write(self, tx: Tx, kek_id: int, rows: Sequence[Row], sealed: Sequence[bytes]) -> None:
        """Write keys as they are wrapped now, in the order of their rows."""
        a, b = self.key
        if tx.for_update:  # a message for all of them, where a statement a row costs one each
            tx.run(
                f"UPDATE {self.name} AS k SET kek_id = ?, wrapped = v.wrapped "
                f"FROM unnest(?, ?, ?) AS v ({a}, {b}, wrapped) "
                f"WHERE k.{a} = v.{a} AND k.{b} = v.{b}",
                (
                    kek_id,
                    bigints([row[0] for row in rows]),
                    bigints([row[1] for row in rows]),
                    blobs(sealed),
                ),
            )
            return
        tx.many(
            f"UPDATE {self.name} SET kek_id = ?, wrapped = ? WHERE rowid = ?",
            [(kek_id, new, row[6]) for new, row in zip(sealed, rows, strict=True)],
        )


TABLES: Final = (
    Table("subject_key", SUBJECT, ("sno", "dom"), "gen"),
    Table("former_key", SUBJECT, ("sno", "dom"), "gen"),
    Table("model_key", MODEL, ("model", "version"), "0"),
)
_FIRST: Final = -(2**62)
_SECRETS: Final = "SELECT name, ver, kek_id, wrapped, kc FROM secret WHERE name <> 'kek'"


class Rewrapping:
    """Moves keys from the epochs that were left to the active one."""

    def __init__(self, wraps: Wraps) -> None:
        self._wraps = wraps

    def left(self) -> int:
        """How many keys hang on an epoch that was left."""
        with self._wraps.store.read() as tx:
            counted = [tx.one(sql) for sql in _COUNTS]
        return sum(int(row[0]) for row in counted if row)

    def run(self, progress: Progress) -> int:
        """Re-wrap all that hangs on an epoch that was left; how many keys that were.

        Raises:
            IntegrityError: a wrapped key is not what was written.
            KeyUnavailable: the keyring does not give the KEK of an epoch that was left.
        """
        with self._wraps.store.read() as tx:
            olds = [int(row[0]) for row in tx.all(_OLDS)]
        for kek_id in olds:  # before any transaction writes
            self._wraps.kek(kek_id)
        total, done = self.left(), 0
        for count in self._chunks():
            done += count
            progress(done, max(done, total))
        return done

    def _chunks(self) -> Iterator[int]:
        for table in TABLES:
            after = (_FIRST, _FIRST)
            while True:
                rows = self._wraps.under_active(0, partial(self._chunk, table, after))
                if not rows:
                    break
                yield len(rows)
                after = (int(rows[-1][0]), int(rows[-1][1]))
        moved = self._wraps.under_active(0, self._secrets)
        if moved:
            yield moved

    def _chunk(
        self, table: Table, after: tuple[int, int], tx: Tx, kek_id: int, kek: Aead
    ) -> list[Row]:
        rows = table.page(tx, after, kek_id)
        if rows:
            sealed = self._moved(table.label, rows, kek_id, kek)
            table.write(tx, kek_id, rows, sealed)
            _count(tx, kek_id, len(rows))
        return rows

    def _moved(self, label: bytes, rows: Sequence[Row], kek_id: int, kek: Aead) -> list[bytes]:
        """Wrapped keys of (a, b, c, epoch, wrapped, kc, …), wrapped anew.

        The commitment is part of what both wraps are bound to; it is compared with the key
        wherever that is used.
        """
        # All that both wraps are bound to but the epoch is the same: packed once for both.
        deployment, pack, seal = self._wraps.deployment, _PLACE.pack, kek.seal
        bound = _EPOCH.pack(label, deployment, kek_id)
        olds = {
            old: (self._wraps.kek(old).open, _EPOCH.pack(label, deployment, old))
            for old in {row[3] for row in rows}
        }
        sealed = []
        for nonce, (a, b, c, old, wrapped, kc, *_) in zip(nonces(len(rows)), rows, strict=True):
            place = pack(a, b, c, kc)
            unwrap, before = olds[old]
            sealed.append(seal(unwrap(wrapped, before + place), bound + place, nonce))
        return sealed

    def _secrets(self, tx: Tx, kek_id: int, kek: Aead) -> int:
        found = [row for row in tx.all(_SECRETS + tx.for_update) if row[2] != kek_id]
        rows = [(SECRETS.index(n), ver, 0, old, w, kc) for n, ver, old, w, kc in found]
        sealed = self._moved(SECRET, rows, kek_id, kek)
        tx.many(
            "UPDATE secret SET kek_id = ?, wrapped = ? WHERE name = ? AND ver = ?",
            [(kek_id, new, row[0], row[1]) for new, row in zip(sealed, found, strict=True)],
        )
        _count(tx, kek_id, len(rows))
        return len(rows)


def _count(tx: Tx, kek_id: int, wraps: int) -> None:
    tx.run("UPDATE epoch SET wraps = wraps + ? WHERE kek_id = ?", (wraps, kek_id))


_EPOCH: Final = Struct("<16s16sq")
_PLACE: Final = Struct("<qqq16s")
"""What ``wrapping.WRAP`` packs, in two parts."""
_ACTIVE: Final = "(SELECT kek_id FROM epoch WHERE state = 'active')"
_COUNTS: Final = (
    *(f"SELECT COUNT(*) FROM {table.name} WHERE kek_id <> {_ACTIVE}" for table in TABLES),
    f"SELECT COUNT(*) FROM secret WHERE name <> 'kek' AND kek_id <> {_ACTIVE}",
)
_OLDS: Final = "SELECT kek_id FROM epoch WHERE state = 'retiring'"
