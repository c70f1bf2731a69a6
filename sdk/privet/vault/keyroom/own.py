"""The deployment's own keys: named, versioned, and wrapped under the epoch like all others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from privet.crypto import Aead, random_key
from privet.vault.keyroom.wrapping import SECRET, Wraps, again, uninitialised

if TYPE_CHECKING:
    from privet.db import Tx

SECRETS: Final = ("ref", "suppress", "mac", "dedup", "details", "signing")
"""Their names; what a wrapped one is bound to counts on their order."""


class Own:
    """Gives the deployment's own 32-byte keys, kept in memory for a quarter of an hour."""

    def __init__(self, wraps: Wraps) -> None:
        self._wraps = wraps
        self.forget()

    def forget(self) -> None:
        """Drop every key held in memory."""
        self._known: dict[tuple[str, int | None], tuple[bytes, float]] = {}

    def get(self, name: str, ver: int | None = None) -> bytes:
        """One of the keys named in ``SECRETS``; its newest version where none is named.

        Raises:
            KeyUnavailable: no such key, or its epoch is gone.
        """
        held = self._known.get((name, ver))
        if held is not None and held[1] > time.monotonic():
            return held[0]
        key, kek_id = again(lambda: self._read(name, ver))
        # As long as its KEK is: the keyring is asked for both in the stated time.
        self._known[name, ver] = (key, self._wraps.until(kek_id))
        return key

    def versions(self, name: str, tx: Tx | None = None) -> list[int]:
        """Numbers of the versions that there are, ascending."""
        sql = "SELECT ver FROM secret WHERE name = ? ORDER BY ver"
        rows = (tx or self._wraps.store).all(sql, (name,))
        return [int(row[0]) for row in rows]

    def put(self, tx: Tx, kek_id: int, kek: Aead, name: str, ver: int) -> None:
        """Write a fresh key; in the transaction that charged for it."""
        place = (kek_id, SECRETS.index(name), ver, 0)
        wrapped, kc = self._wraps.wrap(SECRET, place, random_key(), kek)
        tx.run(ADD, (name, ver, kek_id, wrapped, kc))

    def drop(self, tx: Tx, name: str, ver: int) -> None:
        """Delete one version; this process forgets it as well."""
        tx.run("DELETE FROM secret WHERE name = ? AND ver = ?", (name, ver))
        self.forget()

    def _read(self, name: str, ver: int | None) -> tuple[bytes, int]:
        one, params = ("", (name,)) if ver is None else (" AND ver = ?", (name, ver))
        with self._wraps.store.read() as tx:
            row = tx.one(f"{_SELECT}{one} ORDER BY ver DESC", params)
        if row is None or name not in SECRETS:
            raise uninitialised()
        place = (int(row[1]), SECRETS.index(name), int(row[0]), 0)
        return self._wraps.unwrap(SECRET, place, bytes(row[2]), bytes(row[3])), place[0]


ADD: Final = "INSERT INTO secret (name, ver, kek_id, wrapped, kc) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT ver, kek_id, wrapped, kc FROM secret WHERE name = ?"
