"""Keys: epochs, the deployment's own secrets, and one key per subject and domain.

- An epoch's secret never leaves the keyring; it wraps one key-encryption key (KEK), and
  only that wrapped KEK is stored. Destroying the secret kills every copy and backup.
- A subject's key is random, wrapped under the KEK, and tied by a commitment to the one
  key it is. Deleting its row is the erasure; it is never cached.
- KEKs and secrets are kept in memory for a quarter of an hour at most, then asked for
  again, so that a secret that was taken away stops every process within that time.
"""

from __future__ import annotations

import os
import time
import weakref
from struct import Struct
from typing import TYPE_CHECKING, Final

from privet.clock import Clock, micros
from privet.crypto import KEY_BYTES, NONCE_BYTES, Aead, commitment, random_key, same
from privet.errors import IntegrityError, KeyUnavailable, StoreUnavailable
from privet.vault.cells import SubjectKey
from privet.vault.rows import by_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyroaring import BitMap

    from privet.db import Store, Tx
    from privet.vault.keyring import Destruction, Keyring

CACHE_S: Final = 900.0
MAX_WRAPS: Final = 2**31
SECRETS: Final = ("ref", "suppress", "mac", "dedup", "details", "signing")

_KEK_LABEL, _KC_LABEL = b"privet-kek-v1", b"privet-kc-v1"
# label, deployment, kek_id, sno or number, dom or version, gen, commitment
_WRAP: Final = Struct("<16s16sqqqq16s")
_SUBJECT, _SECRET, _MODEL, _KEK = b"privet-skey-v1", b"privet-secret-v1", b"privet-mkey-v1", b"kek"
_FRESH_GENS: Final = 2**16 - 1
_DRAWN: Final = NONCE_BYTES + 4 + KEY_BYTES

Pair = tuple[int, int]


class Keys:
    """The keys store of one deployment, opened through its keyring.

    Args:
        store: the keys store.
        keyring: holds the epochs' secrets.
        deployment: the deployment's 16-byte id, bound into every wrap.
        clock: dates epochs and destructions.
    """

    def __init__(self, store: Store, keyring: Keyring, deployment: bytes, clock: Clock) -> None:
        self.store = store
        self.deployment = deployment
        self._keyring = keyring
        self._clock = clock
        self._keks: dict[int, tuple[Aead, float]] = {}
        self._secrets: dict[str, tuple[bytes, float]] = {}
        forget = weakref.WeakMethod(self.forget)
        os.register_at_fork(after_in_child=lambda: _call(forget))

    def __repr__(self) -> str:
        return "Keys(<hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("keys cannot be pickled")

    def forget(self) -> None:
        """Drop every key held in memory; the next use asks the keyring again."""
        self._keks.clear()
        self._secrets.clear()

    # --- the deployment ------------------------------------------------------------------

    def initialise(self) -> None:
        """Make the first epoch and the deployment's secrets; nothing where they exist."""
        with self.store.read() as tx:
            if tx.one("SELECT 1 FROM epoch") is not None:
                return
        epoch = self._new_epoch(1)
        with self.store.write() as tx:
            tx.one(f"SELECT value FROM meta WHERE key = 'deployment'{tx.for_update}")
            if tx.one("SELECT 1 FROM epoch") is not None:
                lost = epoch.ref
            else:
                lost = ""
                epoch.insert(tx, self._keyring.name, micros(self._clock.now()))
                for name in SECRETS:
                    self._put_secret(tx, name, 1, random_key(), epoch)
                for key in ("next_sno", "timeline"):
                    tx.run("INSERT INTO meta (key, value) VALUES (?, ?)", (key, b"1"))
                tx.run("UPDATE epoch SET wraps = ? WHERE kek_id = 1", (len(SECRETS),))
        if lost:  # another process was first; its epoch stands
            self._keyring.destroy(lost)

    def timeline(self) -> int:
        """How often this deployment was restored, plus one; bound into every new ciphertext."""
        with self.store.read() as tx:
            row = tx.one("SELECT value FROM meta WHERE key = 'timeline'")
        if row is None:
            raise _uninitialised()
        return int(bytes(row[0]))

    def secret(self, name: str) -> bytes:
        """One of the deployment's own 32-byte keys, named in ``SECRETS``.

        Raises:
            KeyUnavailable: no such secret, or its epoch is gone.
        """
        held = self._secrets.get(name)
        if held is not None and held[1] > time.monotonic():
            return held[0]
        with self.store.read() as tx:
            row = tx.one(
                "SELECT ver, kek_id, wrapped, kc FROM secret WHERE name = ? ORDER BY ver DESC",
                (name,),
            )
        if row is None or name not in SECRETS:
            raise _uninitialised()
        ver, kek_id, wrapped, kc = row
        place = (kek_id, SECRETS.index(name), ver, 0)
        key = self._unwrap(_SECRET, place, bytes(wrapped), bytes(kc))
        self._secrets[name] = (key, time.monotonic() + CACHE_S)
        return key

    # --- models --------------------------------------------------------------------------

    def model_key(self, model: int, version: int, *, create: bool = False) -> bytes:
        """The 32-byte key of one model version.

        Raises:
            KeyUnavailable: it does not exist, or was destroyed (reason ``key.missing``).
        """
        with self.store.read() as tx:
            row = tx.one(_MODEL_KEY, (model, version))
        if row is None and create:
            with self.store.write() as tx:
                kek_id = self._charge(tx, 1)
                key = random_key()
                wrapped, kc = self._wrap(_MODEL, (kek_id, model, version, 0), key)
                tx.run(
                    "INSERT INTO model_key (model, version, kek_id, wrapped, kc) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, version) DO NOTHING",
                    (model, version, kek_id, wrapped, kc),
                )
                row = tx.one(_MODEL_KEY, (model, version))
        if row is None:
            raise KeyUnavailable(
                "a model version has no key",
                why="it was destroyed with the version, or never made",
                remedy="Train the model anew.",
                reason="key.missing",
            )
        kek_id, wrapped, kc = row
        return self._unwrap(_MODEL, (kek_id, model, version, 0), bytes(wrapped), bytes(kc))

    def model_versions(self) -> set[tuple[int, int]]:
        """(model, version) of every model key there is."""
        with self.store.read() as tx:
            return {(int(m), int(v)) for m, v in tx.all("SELECT model, version FROM model_key")}

    def destroy_model_key(self, model: int, version: int) -> None:
        """Destroy the key of one model version; safe to repeat."""
        with self.store.write() as tx:
            tx.run("DELETE FROM model_key WHERE model = ? AND version = ?", (model, version))

    # --- subjects ------------------------------------------------------------------------

    def of_subjects(self, snos: Sequence[int], doms: Sequence[int]) -> dict[Pair, SubjectKey]:
        """Keys of these subjects in these domains, in a snapshot of their own.

        A pair without a key is left out: the subject was erased there, or has nothing yet.

        Raises:
            IntegrityError: a key is not the one that was committed to.
        """
        if not snos or not doms:
            return {}
        if len(snos) == 1:  # one statement: a snapshot without a transaction around it
            rows = by_subject(self.store, _SUBJECT_KEYS, snos, dom=doms)
        else:
            with self.store.read() as tx:
                rows = by_subject(tx, _SUBJECT_KEYS, snos, dom=doms)
        found: dict[Pair, SubjectKey] = {}
        for sno, dom, gen, kek_id, wrapped, kc in rows:
            committed = bytes(kc)
            key = self._unwrap(_SUBJECT, (kek_id, sno, dom, gen), bytes(wrapped), committed)
            found[sno, dom] = SubjectKey(gen, committed, Aead(key))
        return found

    def make_for_subjects(self, pairs: Collection[Pair]) -> dict[Pair, SubjectKey]:
        """Fresh keys for pairs that have none, durable when this returns.

        Where another process was first, its key is the one returned.
        """
        if not pairs:
            return {}
        made: dict[Pair, SubjectKey] = {}
        with self.store.write() as tx:
            kek_id = self._charge(tx, len(pairs))
            kek, rows = self._kek(kek_id, tx), []
            # Drawn in one slab for this call alone: a nonce, a generation and a key for each.
            slab = memoryview(os.urandom(_DRAWN * len(pairs)))
            for at, (sno, dom) in zip(range(0, len(slab), _DRAWN), sorted(pairs), strict=True):
                nonce = bytes(slab[at : at + NONCE_BYTES])
                key = bytes(slab[at + _DRAWN - KEY_BYTES : at + _DRAWN])
                drawn = int.from_bytes(slab[at + NONCE_BYTES : at + NONCE_BYTES + 4], "little")
                gen = drawn % _FRESH_GENS + 1
                kc = commitment(_KC_LABEL, key)
                ad = _WRAP.pack(_SUBJECT, self.deployment, kek_id, sno, dom, gen, kc)
                rows.append((sno, dom, gen, kek_id, kek.seal(key, ad, nonce), kc))
                made[sno, dom] = SubjectKey(gen, kc, Aead(key))
            stored = tx.many(
                "INSERT INTO subject_key (sno, dom, gen, kek_id, wrapped, kc) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sno, dom) DO NOTHING",
                rows,
            )
        if stored == len(rows):  # all of them are ours
            return made
        snos, doms = sorted({p[0] for p in pairs}), sorted({p[1] for p in pairs})
        found = self.of_subjects(snos, doms)
        return {pair: found[pair] for pair in pairs if pair in found}

    def unchanged(self, commitments: dict[Pair, bytes]) -> bool:
        """Whether each of these pairs still has the key with this commitment."""
        if not commitments:
            return True
        snos, doms = sorted({p[0] for p in commitments}), sorted({p[1] for p in commitments})
        with self.store.read() as tx:
            rows = by_subject(tx, "SELECT sno, dom, kc FROM subject_key", snos, dom=doms)
        now = {(sno, dom): bytes(kc) for sno, dom, kc in rows}
        return all(now.get(pair) == kc for pair, kc in commitments.items())

    def domains(self, snos: Sequence[int]) -> dict[int, set[int]]:
        """Numbers of the domains in which each of these subjects has a key."""
        found: dict[int, set[int]] = {}
        with self.store.read() as tx:
            for sno, dom in by_subject(tx, "SELECT sno, dom FROM subject_key", snos):
                found.setdefault(int(sno), set()).add(int(dom))
        return found

    def holders(self, dom: int) -> BitMap:
        """Ordinals of everybody who has a key in a domain."""
        from pyroaring import BitMap

        with self.store.read() as tx:
            return BitMap([int(r[0]) for r in tx.all(_HOLDERS, (dom,))])

    def destroy_subject(self, sno: int, doms: Iterable[int] | None) -> list[int]:
        """Delete one subject's keys (of some domains, or all); the domains that had one."""
        with self.store.write() as tx:
            had = [r[0] for r in tx.all("SELECT dom FROM subject_key WHERE sno = ?", (sno,))]
            gone = sorted(had if doms is None else set(had) & set(doms))
            tx.many("DELETE FROM subject_key WHERE sno = ? AND dom = ?", [(sno, d) for d in gone])
        return gone

    # --- epochs --------------------------------------------------------------------------

    def rotate(self) -> int:
        """Begin a new epoch: re-wrap every living key, then have the old secret destroyed.

        From the destruction on, no backup of the keys store opens anything. Safe to run
        again after an interruption: an epoch that was left retiring is destroyed then.

        Returns:
            The new epoch's number.
        """
        self._destroy_retiring()
        with self.store.read() as tx:
            (last,) = tx.one("SELECT MAX(kek_id) FROM epoch") or (None,)
        if last is None:
            raise _uninitialised()
        epoch = self._new_epoch(last + 1)
        committing = False
        try:
            with self.store.write() as tx:
                self._retire(tx, last)
                epoch.insert(tx, self._keyring.name, micros(self._clock.now()))
                wraps = sum(rewrap(tx, epoch) for rewrap in self._rewraps())
                tx.run("UPDATE epoch SET wraps = ? WHERE kek_id = ?", (wraps, epoch.kek_id))
                committing = True
        except BaseException:
            # A commit that was not heard of may have happened: every key may hang on this
            # secret. One that nothing hangs on harms nobody.
            if not committing:
                self._keyring.destroy(epoch.ref)
            raise
        self._destroy_retiring()
        self.forget()
        return epoch.kek_id

    def epoch_began(self) -> int:
        """When the active epoch began, UTC microseconds."""
        with self.store.read() as tx:
            row = tx.one("SELECT created FROM epoch WHERE state = 'active'")
        if row is None:
            raise _uninitialised()
        return int(row[0])

    def destruction(self, kek_id: int) -> int | None:
        """The moment (UTC µs) from which a retired epoch opens nowhere, if one is stated."""
        with self.store.read() as tx:
            row = tx.one("SELECT destroy_after FROM epoch WHERE kek_id = ?", (kek_id,))
        return None if row is None else row[0]

    def _retire(self, tx: Tx, last: int) -> None:
        changed = tx.run(
            "UPDATE epoch SET state = 'retiring' WHERE kek_id = ? AND state = 'active'", (last,)
        )
        if changed != 1:
            raise StoreUnavailable(
                "another process is rotating the epoch",
                remedy="Let it finish.",
                reason="store.busy",
            )

    def _rewraps(self) -> tuple[Callable[[Tx, _Epoch], int], ...]:
        return (self._rewrap_subjects, self._rewrap_secrets, self._rewrap_models)

    def _rewrap_subjects(self, tx: Tx, epoch: _Epoch) -> int:
        rows = tx.all(f"SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key{tx.for_update}")
        fresh = []
        for sno, dom, gen, kek_id, wrapped, kc in rows:
            key = self._unwrap(_SUBJECT, (kek_id, sno, dom, gen), bytes(wrapped), bytes(kc))
            sealed, _ = self._wrap(_SUBJECT, (epoch.kek_id, sno, dom, gen), key, epoch.aead)
            fresh.append((epoch.kek_id, sealed, sno, dom))
        tx.many("UPDATE subject_key SET kek_id = ?, wrapped = ? WHERE sno = ? AND dom = ?", fresh)
        return len(fresh)

    def _rewrap_secrets(self, tx: Tx, epoch: _Epoch) -> int:
        rows = tx.all("SELECT name, ver, kek_id, wrapped, kc FROM secret WHERE name <> 'kek'")
        for name, ver, kek_id, wrapped, kc in rows:
            number = SECRETS.index(name)
            key = self._unwrap(_SECRET, (kek_id, number, ver, 0), bytes(wrapped), bytes(kc))
            sealed, _ = self._wrap(_SECRET, (epoch.kek_id, number, ver, 0), key, epoch.aead)
            tx.run(
                "UPDATE secret SET kek_id = ?, wrapped = ? WHERE name = ? AND ver = ?",
                (epoch.kek_id, sealed, name, ver),
            )
        return len(rows)

    def _rewrap_models(self, tx: Tx, epoch: _Epoch) -> int:
        rows = tx.all("SELECT model, version, kek_id, wrapped, kc FROM model_key")
        for model, version, kek_id, wrapped, kc in rows:
            key = self._unwrap(_MODEL, (kek_id, model, version, 0), bytes(wrapped), bytes(kc))
            sealed, _ = self._wrap(_MODEL, (epoch.kek_id, model, version, 0), key, epoch.aead)
            tx.run(
                "UPDATE model_key SET kek_id = ?, wrapped = ? WHERE model = ? AND version = ?",
                (epoch.kek_id, sealed, model, version),
            )
        return len(rows)

    def _destroy_retiring(self) -> None:
        with self.store.read() as tx:
            left = tx.all("SELECT kek_id, provider_ref FROM epoch WHERE state = 'retiring'")
        for kek_id, ref in left:
            told: Destruction = self._keyring.destroy(ref)
            with self.store.write() as tx:
                tx.run("DELETE FROM secret WHERE name = 'kek' AND ver = ?", (kek_id,))
                tx.run(
                    "UPDATE epoch SET state = 'destroyed', destroy_after = ? WHERE kek_id = ?",
                    (told.date, kek_id),
                )

    def _new_epoch(self, kek_id: int) -> _Epoch:
        ref, kek = self._keyring.create(), random_key()
        wrapped = self._keyring.wrap(ref, kek, self._kek_ad(kek_id))
        return _Epoch(kek_id, ref, wrapped, commitment(_KEK_LABEL, kek, KEY_BYTES), Aead(kek))

    def _charge(self, tx: Tx, count: int) -> int:
        """Count wraps against the active epoch and hold it still; its number."""
        sql = f"SELECT kek_id, wraps FROM epoch WHERE state = 'active'{tx.for_update}"
        # Who waited for a rotation finds the old epoch retired, and the new one at a second look.
        row = tx.one(sql) or tx.one(sql)
        if row is None:
            raise _uninitialised()
        kek_id, wraps = row
        if wraps + count > MAX_WRAPS:
            raise KeyUnavailable(
                "this epoch has wrapped as many keys as one may",
                why="random nonces are safe for so many only (NIST SP 800-38D)",
                remedy="Rotate the epoch: `privet maintain`.",
                reason="key.exhausted",
            )
        tx.run("UPDATE epoch SET wraps = ? WHERE kek_id = ?", (wraps + count, kek_id))
        self._kek(int(kek_id), tx)
        return int(kek_id)

    def _kek(self, kek_id: int, tx: Tx | None = None) -> Aead:
        held = self._keks.get(kek_id)
        if held is not None and held[1] > time.monotonic():
            return held[0]
        if tx is None:
            with self.store.read() as own:
                row = own.one(_KEK_ROW, (kek_id,))
        else:
            row = tx.one(_KEK_ROW, (kek_id,))
        if row is None:
            raise KeyUnavailable(
                "an epoch's key is gone", why="the epoch was destroyed", reason="key.missing"
            )
        ref, wrapped, committed = row
        kek = self._keyring.unwrap(ref, bytes(wrapped), self._kek_ad(kek_id))
        if not same(commitment(_KEK_LABEL, kek, KEY_BYTES), bytes(committed)):
            raise KeyUnavailable(
                "the keyring gave another key than this epoch's",
                why="its commitment differs",
                reason="key.foreign",
            )
        self._keks[kek_id] = (Aead(kek), time.monotonic() + CACHE_S)
        return self._keks[kek_id][0]

    def _kek_ad(self, kek_id: int) -> bytes:
        return _WRAP.pack(_KEK, self.deployment, kek_id, 0, 0, 0, b"")

    def _wrap(
        self, label: bytes, place: tuple[int, int, int, int], key: bytes, kek: Aead | None = None
    ) -> tuple[bytes, bytes]:
        kc = commitment(_KC_LABEL, key)
        ad = _WRAP.pack(label, self.deployment, *place, kc)
        return (kek or self._kek(place[0])).seal(key, ad), kc

    def _unwrap(
        self, label: bytes, place: tuple[int, int, int, int], wrapped: bytes, kc: bytes
    ) -> bytes:
        ad = _WRAP.pack(label, self.deployment, *place, kc)
        key = self._kek(place[0]).open(wrapped, ad)
        if not same(commitment(_KC_LABEL, key), kc):
            raise IntegrityError("a key is not the one that was committed to")
        return key

    def _put_secret(self, tx: Tx, name: str, ver: int, key: bytes, epoch: _Epoch) -> None:
        place = (epoch.kek_id, SECRETS.index(name), ver, 0)
        wrapped, kc = self._wrap(_SECRET, place, key, epoch.aead)
        tx.run(_ADD_KEY, (name, ver, epoch.kek_id, wrapped, kc))


class _Epoch:
    """An epoch about to begin."""

    __slots__ = ("aead", "committed", "kek_id", "ref", "wrapped")

    def __init__(self, kek_id: int, ref: str, wrapped: bytes, committed: bytes, aead: Aead) -> None:
        self.kek_id, self.ref, self.wrapped = kek_id, ref, wrapped
        self.committed, self.aead = committed, aead

    def insert(self, tx: Tx, provider: str, now: int) -> None:
        """Write the epoch and its wrapped KEK."""
        tx.run(
            "INSERT INTO epoch (kek_id, commitment, provider, provider_ref, state, wraps, "
            "created, destroy_after) VALUES (?, ?, ?, ?, 'active', 0, ?, NULL)",
            (self.kek_id, self.committed, provider, self.ref, now),
        )
        tx.run(_ADD_KEY, ("kek", self.kek_id, self.kek_id, self.wrapped, self.committed))


_HOLDERS: Final = "SELECT sno FROM subject_key WHERE dom = ?"
_SUBJECT_KEYS: Final = "SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key"
_MODEL_KEY: Final = "SELECT kek_id, wrapped, kc FROM model_key WHERE model = ? AND version = ?"
_KEK_ROW: Final = (
    "SELECT e.provider_ref, s.wrapped, e.commitment FROM epoch e "
    "JOIN secret s ON s.name = 'kek' AND s.ver = e.kek_id WHERE e.kek_id = ?"
)
_ADD_KEY: Final = "INSERT INTO secret (name, ver, kek_id, wrapped, kc) VALUES (?, ?, ?, ?, ?)"


def _call(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    bound = method()
    if bound is not None:
        bound()


def _uninitialised() -> KeyUnavailable:
    return KeyUnavailable(
        "the keys store holds no such key",
        why="it was never initialised, or its rows are gone",
        remedy="Create the deployment with `privet init`, or restore the keys store.",
        reason="key.missing",
    )
