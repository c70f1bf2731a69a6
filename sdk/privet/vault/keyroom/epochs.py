"""Epochs: one begins, all that lives moves over to it, and the secret of the one before goes.

``active`` wraps what is made; ``retiring`` is being left; ``retired`` has nothing under it
any more, so that its secret is to be destroyed; ``destroyed`` opens nowhere from the date
that the keyring stated. Each step is found in the store, so that whoever comes next goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from privet.clock import Clock, micros
from privet.crypto import Aead, random_key
from privet.errors import StoreUnavailable
from privet.vault.keyroom import terms
from privet.vault.keyroom.own import ADD, SECRETS, Own
from privet.vault.keyroom.rewrapping import TABLES
from privet.vault.keyroom.terms import Terms
from privet.vault.keyroom.wrapping import Wraps, kek_commitment, uninitialised

if TYPE_CHECKING:
    from privet.db import Tx


@dataclass(frozen=True, slots=True)
class EpochState:
    """Where one epoch stands.

    Attributes:
        number: its number.
        state: ``"active"``, ``"retiring"``, ``"retired"`` or ``"destroyed"``.
        provider: the kind of keyring that holds its secret.
        began: UTC microseconds.
        destroyed: from when on nothing opens it; None where that is not stated, or not yet.
        wraps: how many keys it has wrapped.
    """

    number: int
    state: str
    provider: str
    began: int
    destroyed: int | None
    wraps: int


class Epochs:
    """Begins and ends epochs."""

    def __init__(self, wraps: Wraps, own: Own, clock: Clock) -> None:
        self._wraps = wraps
        self._own = own
        self._clock = clock

    def initialise(self) -> None:
        """Make the first epoch and the deployment's keys; nothing where they exist."""
        store, keyring = self._wraps.store, self._wraps.keyring
        with store.read() as tx:
            if tx.one("SELECT 1 FROM epoch") is not None:
                return
        epoch = self._new(1)
        with store.write() as tx:
            tx.one(f"SELECT value FROM meta WHERE key = 'deployment'{tx.for_update}")
            lost = tx.one("SELECT 1 FROM epoch") is not None
            if not lost:
                epoch.insert(tx, keyring.name, micros(self._clock.now()), len(SECRETS))
                for name in SECRETS:
                    self._own.put(tx, epoch.kek_id, epoch.aead, name, 1)
                for key in ("next_sno", "timeline"):
                    tx.run("INSERT INTO meta (key, value) VALUES (?, ?)", (key, b"1"))
        if lost:  # another process was first; its epoch stands
            keyring.destroy(epoch.ref)

    def states(self) -> list[EpochState]:
        """Every epoch there was, the first first."""
        with self._wraps.store.read() as tx:
            rows = tx.all(
                "SELECT kek_id, state, provider, created, destroy_after, wraps FROM epoch "
                "ORDER BY kek_id"
            )
        return [EpochState(*row) for row in rows]

    def active(self) -> EpochState:
        """The epoch that wraps what is made now.

        Raises:
            KeyUnavailable: there is none: the store was never initialised.
        """
        for state in self.states():
            if state.state == "active":
                return state
        raise uninitialised()

    def terms(self) -> Terms:
        """How long epochs last, and when this one is to end."""
        began = self.active().began
        with self._wraps.store.read() as tx:
            return terms.read(tx, began)

    def set_terms(self, new: Terms) -> None:
        """Write other terms."""
        with self._wraps.store.write() as tx:
            terms.write(tx, new)

    def begin(self) -> int:
        """Make a new epoch the active one; what is made from now on is wrapped under it.

        When the terms' date comes does not change: that takes a new index as well.

        Returns:
            Its number.

        Raises:
            StoreUnavailable: another process began one at the same time (``store.busy``).
            KeyUnavailable: the keyring gave no secret.
        """
        last = self.active().number
        in_force = self.terms()
        epoch, keyring = self._new(last + 1), self._wraps.keyring
        committing = False
        try:
            with self._wraps.store.write() as tx:
                _leave(tx, last)
                terms.write(tx, in_force)
                epoch.insert(tx, keyring.name, micros(self._clock.now()), 0)
                committing = True
        except BaseException:
            # A commit that was not heard of may have happened: every key may hang on this
            # secret. One that nothing hangs on harms nobody.
            if not committing:
                keyring.destroy(epoch.ref)
            raise
        return epoch.kek_id

    def retire(self) -> None:
        """Take back the wrapped key of every epoch that nothing hangs on any more.

        What hangs on one is looked for in the transaction that retires it.
        """
        for kek_id in self._in("retiring"):
            with self._wraps.store.write() as tx:
                tx.one(f"SELECT 1 FROM epoch WHERE kek_id = ?{tx.for_update}", (kek_id,))
                if _hangs(tx, kek_id):
                    continue
                tx.run("DELETE FROM secret WHERE name = 'kek' AND ver = ?", (kek_id,))
                tx.run(
                    "UPDATE epoch SET state = 'retired' WHERE kek_id = ? AND state = 'retiring'",
                    (kek_id,),
                )

    def destroy(self) -> int:
        """Have the keyring destroy the secrets of retired epochs; how many.

        Raises:
            KeyUnavailable: the keyring did not: they wait for the next call.
        """
        with self._wraps.store.read() as tx:
            left = tx.all(
                "SELECT kek_id, provider, provider_ref FROM epoch WHERE state = 'retired' "
                "ORDER BY kek_id"
            )
        for kek_id, provider, ref in left:
            told = self._wraps.keyring_of(str(provider)).destroy(str(ref))
            with self._wraps.store.write() as tx:
                tx.run(
                    "UPDATE epoch SET state = 'destroyed', destroy_after = ? WHERE kek_id = ?",
                    (told.date, kek_id),
                )
        return len(left)

    def unfinished(self) -> bool:
        """Whether an epoch was left and its secret is still there."""
        return any(state.state in {"retiring", "retired"} for state in self.states())

    def _in(self, state: str) -> list[int]:
        with self._wraps.store.read() as tx:
            rows = tx.all("SELECT kek_id FROM epoch WHERE state = ? ORDER BY kek_id", (state,))
        return [int(row[0]) for row in rows]

    def _new(self, kek_id: int) -> _Epoch:
        keyring = self._wraps.keyring
        ref, kek = keyring.create(), random_key()
        try:
            wrapped = keyring.wrap(ref, kek, self._wraps.kek_ad(kek_id))
        except BaseException:
            keyring.destroy(ref)  # nothing hangs on it, and nobody would find it again
            raise
        return _Epoch(kek_id, ref, wrapped, kek_commitment(kek), Aead(kek))


@dataclass(frozen=True, slots=True, repr=False)
class _Epoch:
    """An epoch about to begin."""

    kek_id: int
    ref: str
    wrapped: bytes
    committed: bytes
    aead: Aead

    def insert(self, tx: Tx, provider: str, now: int, wraps: int) -> None:
        """Write the epoch and its wrapped KEK."""
        tx.run(
            "INSERT INTO epoch (kek_id, commitment, provider, provider_ref, state, wraps, "
            "created, destroy_after) VALUES (?, ?, ?, ?, 'active', ?, ?, NULL)",
            (self.kek_id, self.committed, provider, self.ref, wraps, now),
        )
        tx.run(ADD, ("kek", self.kek_id, self.kek_id, self.wrapped, self.committed))


def _leave(tx: Tx, last: int) -> None:
    changed = tx.run(
        "UPDATE epoch SET state = 'retiring' WHERE kek_id = ? AND state = 'active'", (last,)
    )
    if changed != 1:
        raise StoreUnavailable(
            "another process is ending the epoch",
            remedy="Let it finish.",
            reason="store.busy",
        )


def _hangs(tx: Tx, kek_id: int) -> bool:
    """Whether anything is wrapped under an epoch's KEK."""
    return any(tx.one(sql, (kek_id,)) is not None for sql in _HANGING)


_HANGING: Final = (
    *(f"SELECT 1 FROM {table.name} WHERE kek_id = ? LIMIT 1" for table in TABLES),
    "SELECT 1 FROM secret WHERE kek_id = ? AND name <> 'kek' LIMIT 1",
)
