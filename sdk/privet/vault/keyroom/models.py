"""One key per model version, destroyed with the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from privet.crypto import Aead, random_key
from privet.errors import KeyUnavailable
from privet.vault.keyroom.wrapping import MODEL, Wraps, again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Tx
    from privet.db.store import Row


class ModelKeys:
    """The keys of model versions."""

    def __init__(self, wraps: Wraps) -> None:
        self._wraps = wraps

    def get(self, model: int, version: int, *, create: bool = False) -> bytes:
        """The 32-byte key of one model version.

        Raises:
            KeyUnavailable: it does not exist, or was destroyed (reason ``key.missing``).
        """
        return again(lambda: self._get(model, version, create=create))

    def _get(self, model: int, version: int, *, create: bool) -> bytes:
        with self._wraps.store.read() as tx:
            row = tx.one(_ROW, (model, version))
        if row is None and create:
            row = self._wraps.under_active(
                1, lambda tx, kek_id, kek: self._make(tx, kek_id, kek, (model, version))
            )
        if row is None:
            raise KeyUnavailable(
                "a model version has no key",
                why="it was destroyed with the version, or never made",
                remedy="Train the model anew.",
                reason="key.missing",
            )
        kek_id, wrapped, kc = row
        place = (int(kek_id), model, version, 0)
        return self._wraps.unwrap(MODEL, place, bytes(wrapped), bytes(kc))

    def _make(self, tx: Tx, kek_id: int, kek: Aead, place: tuple[int, int]) -> Row | None:
        wrapped, kc = self._wraps.wrap(MODEL, (kek_id, *place, 0), random_key(), kek)
        tx.run(
            "INSERT INTO model_key (model, version, kek_id, wrapped, kc) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, version) DO NOTHING",
            (*place, kek_id, wrapped, kc),
        )
        return tx.one(_ROW, place)

    def versions(self) -> set[tuple[int, int]]:
        """(model, version) of every model key there is."""
        with self._wraps.store.read() as tx:
            return {(int(m), int(v)) for m, v in tx.all("SELECT model, version FROM model_key")}

    def destroy(self, model: int, version: int) -> None:
        """Destroy the key of one model version; safe to repeat."""
        with self._wraps.store.write() as tx:
            destroy(tx, [(model, version)])


_ROW: Final = "SELECT kek_id, wrapped, kc FROM model_key WHERE model = ? AND version = ?"


def destroy(tx: Tx, versions: Sequence[tuple[int, int]]) -> None:
    """Destroy the keys of some (model, version) within a writer's transaction."""
    tx.many("DELETE FROM model_key WHERE model = ? AND version = ?", versions)
