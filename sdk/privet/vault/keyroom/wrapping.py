"""Wrapping: key-encryption keys in memory, and the one place that a wrapped key may stand in.

The keyring is never asked while a transaction writes: a provider that hangs would hold
the writer's lock. One thread asks for a key-encryption key, the others wait for it.
"""

from __future__ import annotations

import threading
import time
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeVar

from privet.crypto import KEY_BYTES, Aead, commitment, same
from privet.errors import IntegrityError, KeyUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from privet.db import Store, Tx
    from privet.vault.keyring import Keyring

CACHE_S: Final = 900.0
MAX_WRAPS: Final = 2**31
SUBJECT: Final = b"privet-skey-v1"
SECRET: Final = b"privet-secret-v1"
MODEL: Final = b"privet-mkey-v1"
_KEK: Final = b"kek"
_KEK_LABEL, KC_LABEL = b"privet-kek-v1", b"privet-kc-v1"
WRAP: Final = Struct("<16s16sqqqq16s")
"""Label, deployment, kek_id, sno or number, dom or version, gen, commitment."""

Place = tuple[int, int, int, int]
"""Number of the epoch, and where the key stands: subject, domain and generation, or the like."""
T = TypeVar("T")


class Wraps:
    """Wraps and unwraps keys under the epochs' key-encryption keys (KEK)."""

    def __init__(
        self, store: Store, keyring: Keyring, deployment: bytes, former: tuple[Keyring, ...] = ()
    ) -> None:
        self.store = store
        self.keyring = keyring
        self.keyrings = (keyring, *former)
        self.deployment = deployment
        self.forget()

    def forget(self) -> None:
        """Drop every KEK held in memory; the next use asks the keyring again."""
        self._keks: dict[int, tuple[Aead, float]] = {}
        self._asking = threading.Lock()  # a fork may have copied a held one

    def under_active(self, count: int, work: Callable[[Tx, int, Aead], T]) -> T:
        """Do ``work`` in a writing transaction that charges ``count`` wraps to the active epoch.

        The epoch cannot end before that transaction does.

        Args:
            count: how many keys are wrapped.
            work: is given the transaction, the epoch's number and its KEK.

        Raises:
            KeyUnavailable: no epoch, one that is used up, or a keyring that does not answer.
        """
        while True:
            with self.store.write() as tx:
                kek_id, wraps = _active(tx)
                kek = self._held(kek_id)
                if kek is not None:
                    if count:
                        charge(tx, kek_id, wraps, count)
                    return work(tx, kek_id, kek)
            self.kek(kek_id)

    def kek(self, kek_id: int) -> Aead:
        """The KEK of an epoch, asked of the keyring at most once in a quarter of an hour.

        Raises:
            KeyUnavailable: the epoch was destroyed (``key.missing``), or the keyring does not
                give its key.
        """
        held = self._held(kek_id)
        if held is not None:
            return held
        with self._asking:
            return self._held(kek_id) or self.ask(kek_id)

    def until(self, kek_id: int) -> float:
        """Until when (``time.monotonic``) what this KEK unwrapped may be kept in memory."""
        held = self._keks.get(kek_id)
        return 0.0 if held is None else held[1]

    def _held(self, kek_id: int) -> Aead | None:
        held = self._keks.get(kek_id)
        return held[0] if held is not None and held[1] > time.monotonic() else None

    def ask(self, kek_id: int) -> Aead:
        """The KEK of an epoch, from the keyring.

        Raises:
            KeyUnavailable: as ``kek``.
        """
        with self.store.read() as tx:
            row = tx.one(_KEK_ROW, (kek_id,))
        if row is None:
            raise KeyUnavailable(
                "an epoch's key is gone", why="the epoch was destroyed", reason="key.missing"
            )
        provider, ref, wrapped, committed = row
        keyring = self.keyring_of(str(provider))
        kek = keyring.unwrap(str(ref), bytes(wrapped), self.kek_ad(kek_id))
        if not same(kek_commitment(kek), bytes(committed)):
            raise KeyUnavailable(
                "the keyring gave another key than this epoch's",
                why="its commitment differs",
                reason="key.foreign",
            )
        aead = Aead(kek)
        self._keks[kek_id] = (aead, time.monotonic() + CACHE_S)
        return aead

    def keyring_of(self, provider: str) -> Keyring:
        """The keyring of the kind that made an epoch's secret: this one, or a former one.

        Raises:
            KeyUnavailable: neither is of that kind (``keyring.other``).
        """
        for keyring in self.keyrings:
            if keyring.name == provider:
                return keyring
        raise KeyUnavailable(
            "an epoch's secret is with another keyring",
            why=f"it was made by one of the kind {provider!r}, and that was not given",
            remedy="Name that keyring, or name it as the former one while you move to another.",
            reason="keyring.other",
        )

    def kek_ad(self, kek_id: int) -> bytes:
        """What an epoch's wrapped KEK is bound to."""
        return WRAP.pack(_KEK, self.deployment, kek_id, 0, 0, 0, b"")

    def wrap(self, label: bytes, place: Place, key: bytes, kek: Aead) -> tuple[bytes, bytes]:
        """A key wrapped for one place, and its commitment."""
        kc = commitment(KC_LABEL, key)
        return kek.seal(key, WRAP.pack(label, self.deployment, *place, kc)), kc

    def unwrap(self, label: bytes, place: Place, wrapped: bytes, kc: bytes) -> bytes:
        """The key that stands in one place.

        Raises:
            IntegrityError: it is another one than was committed to, or from elsewhere.
            KeyUnavailable: as ``kek``.
        """
        ad = WRAP.pack(label, self.deployment, *place, kc)
        key = self.kek(place[0]).open(wrapped, ad)
        if not same(commitment(KC_LABEL, key), kc):
            raise IntegrityError("a key is not the one that was committed to")
        return key


def again(work: Callable[[], T]) -> T:
    """Read keys; once more where their epoch ended between its row and its key."""
    try:
        return work()
    except KeyUnavailable as error:
        if error.reason != "key.missing":
            raise
    return work()


def kek_commitment(kek: bytes) -> bytes:
    """SHA-256(label ‖ KEK): compared at every load."""
    return commitment(_KEK_LABEL, kek, KEY_BYTES)


def charge(tx: Tx, kek_id: int, wraps: int, count: int) -> None:
    """Count wraps against an epoch whose row the transaction holds.

    Raises:
        KeyUnavailable: it has wrapped as many as one may (``key.exhausted``).
    """
    if wraps + count > MAX_WRAPS:
        raise KeyUnavailable(
            "this epoch has wrapped as many keys as one may",
            why="random nonces are safe for so many only (NIST SP 800-38D)",
            remedy="End the epoch: `privet keys epoch --end`.",
            reason="key.exhausted",
        )
    tx.run("UPDATE epoch SET wraps = ? WHERE kek_id = ?", (wraps + count, kek_id))


def uninitialised() -> KeyUnavailable:
    """The error of a keys store that lacks what every one has."""
    return KeyUnavailable(
        "the keys store holds no such key",
        why="it was never initialised, or its rows are gone",
        remedy="Create the deployment with `privet init`, or restore the keys store.",
        reason="key.missing",
    )


def _active(tx: Tx) -> tuple[int, int]:
    """Number and wraps of the active epoch, whose row is held until the transaction ends."""
    sql = f"SELECT kek_id, wraps FROM epoch WHERE state = 'active'{tx.for_update}"
    # Who waited for a rotation finds the old epoch retired, and the new one at a second look.
    row = tx.one(sql) or tx.one(sql)
    if row is None:
        raise uninitialised()
    return int(row[0]), int(row[1])


_KEK_ROW: Final = (
    "SELECT e.provider, e.provider_ref, s.wrapped, e.commitment FROM epoch e "
    "JOIN secret s ON s.name = 'kek' AND s.ver = e.kek_id WHERE e.kek_id = ?"
)
