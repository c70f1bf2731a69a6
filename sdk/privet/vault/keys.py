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
import weakref
from typing import TYPE_CHECKING, Final

from privet.errors import KeyUnavailable
from privet.vault.keyroom.epochs import Epochs, EpochState
from privet.vault.keyroom.models import ModelKeys
from privet.vault.keyroom.own import SECRETS, Own
from privet.vault.keyroom.people import Pair, SubjectKeys
from privet.vault.keyroom.rewrapping import Progress, Rewrapping
from privet.vault.keyroom.terms import Terms
from privet.vault.keyroom.wrapping import MAX_WRAPS, Wraps, uninitialised

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyroaring import BitMap

    from privet.clock import Clock
    from privet.crypto import Aead
    from privet.db import Store, Tx
    from privet.vault.cells import SubjectKey
    from privet.vault.keyring import Keyring

__all__ = ["MAX_WRAPS", "SECRETS", "EpochState", "Keys", "Pair", "Progress", "Terms"]


def _silent(_done: int, _of: int) -> None:
    pass


SILENT: Final = _silent


class Keys:
    """The keys store of one deployment, opened through its keyring.

    Args:
        store: the keys store.
        keyring: holds the epochs' secrets.
        deployment: the deployment's 16-byte id, bound into every wrap.
        clock: dates epochs and destructions.
        former: keyrings that hold secrets of epochs from before.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        deployment: bytes,
        clock: Clock,
        former: tuple[Keyring, ...] = (),
    ) -> None:
        self.store = store
        self.deployment = deployment
        self.wraps = Wraps(store, keyring, deployment, former)
        self.own = Own(self.wraps)
        self._epochs = Epochs(self.wraps, self.own, clock)
        self._rewrapping = Rewrapping(self.wraps)
        self._people = SubjectKeys(self.wraps)
        self._models = ModelKeys(self.wraps)
        forget = weakref.WeakMethod(self.forget)
        os.register_at_fork(after_in_child=lambda: _call(forget))

    def __repr__(self) -> str:
        return "Keys(<hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("keys cannot be pickled")

    def forget(self) -> None:
        """Drop every key held in memory; the next use asks the keyring again."""
        self.wraps.forget()
        self.own.forget()

    # --- the deployment ------------------------------------------------------------------

    def initialise(self) -> None:
        """Make the first epoch and the deployment's secrets; nothing where they exist."""
        self._epochs.initialise()

    def timeline(self) -> int:
        """How often this deployment was restored, plus one; bound into every new ciphertext."""
        with self.store.read() as tx:
            row = tx.one("SELECT value FROM meta WHERE key = 'timeline'")
        if row is None:
            raise uninitialised()
        return int(bytes(row[0]))

    def secret(self, name: str, ver: int | None = None) -> bytes:
        """One of the deployment's own 32-byte keys, named in ``SECRETS``; the newest version.

        Raises:
            KeyUnavailable: no such secret, or its epoch is gone.
        """
        return self.own.get(name, ver)

    def ask_keyring(self) -> str:
        """Ask the keyring for the active epoch's key, whatever is held; its kind.

        Raises:
            KeyUnavailable: it does not give the key.
        """
        active = self._epochs.active()
        self.wraps.ask(active.number)
        return active.provider

    # --- models --------------------------------------------------------------------------

    def model_key(self, model: int, version: int, *, create: bool = False) -> bytes:
        """The 32-byte key of one model version.

        Raises:
            KeyUnavailable: it does not exist, or was destroyed (reason ``key.missing``).
        """
        return self._models.get(model, version, create=create)

    def model_versions(self) -> set[tuple[int, int]]:
        """(model, version) of every model key there is."""
        return self._models.versions()

    def destroy_model_key(self, model: int, version: int) -> None:
        """Destroy the key of one model version; safe to repeat."""
        self._models.destroy(model, version)

    # --- subjects ------------------------------------------------------------------------

    def of_subjects(self, snos: Sequence[int], doms: Sequence[int]) -> dict[Pair, SubjectKey]:
        """Keys of these subjects in these domains, in a snapshot of their own.

        A pair without a key is left out: the subject was erased there, or has nothing yet.

        Raises:
            IntegrityError: a key is not the one that was committed to.
        """
        return self._people.get(snos, doms)

    def make_for_subjects(self, pairs: Collection[Pair]) -> dict[Pair, SubjectKey]:
        """Fresh keys for pairs that have none, durable when this returns.

        Where another process was first, its key is the one returned.
        """
        return self._people.make(pairs)

    def unchanged(self, commitments: dict[Pair, bytes]) -> bool:
        """Whether each of these pairs still has the key with this commitment."""
        return self._people.unchanged(commitments)

    def gens(self, pairs: Collection[Pair]) -> dict[Pair, int]:
        """The generation that each of these pairs is sealed under from now on."""
        return self._people.gens(pairs)

    def domains(self, snos: Sequence[int]) -> dict[int, set[int]]:
        """Numbers of the domains in which each of these subjects has a key."""
        return self._people.domains(snos)

    def holders(self, dom: int) -> BitMap:
        """Ordinals of everybody who has a key in a domain."""
        return self._people.holders(dom)

    def destroy_subject(self, sno: int, doms: Iterable[int] | None) -> list[int]:
        """Delete one subject's keys (of some domains, or all); the domains that had one."""
        return self._people.destroy(sno, doms)

    def renew_subject(self, sno: int, doms: Collection[int]) -> list[int]:
        """Put fresh keys in the place of a subject's; the former ones stay until dropped."""
        return self._people.renew(sno, doms)

    def renewals(self) -> list[Pair]:
        """Subject and domain of each renewal that is under way."""
        return self._people.renewals()

    def former_gens(self, sno: int) -> dict[int, int]:
        """Of each domain whose renewal is under way the generation that is to go."""
        return self._people.former_gens(sno)

    def drop_former(self, sno: int, gens: dict[int, int]) -> None:
        """Destroy former keys of a subject: nothing is sealed under them any more."""
        self._people.drop_former(sno, gens)

    def secrets(self, name: str) -> list[bytes]:
        """Every version of one of the deployment's own keys, the newest last."""
        found = []
        for ver in self.own.versions(name):
            try:
                found.append(self.own.get(name, ver))
            except KeyUnavailable:
                if ver in self.own.versions(name):  # else another process dropped it
                    raise
        return found

    def add_secret(self, name: str) -> None:
        """Make a further version of one of the deployment's own keys."""

        def add(tx: Tx, kek_id: int, kek: Aead) -> None:
            # The epoch is held: two who do this at once make two versions.
            self.own.put(tx, kek_id, kek, name, max(self.own.versions(name, tx)) + 1)

        self.wraps.under_active(1, add)
        self.own.forget()

    def drop_secrets(self, name: str, below: int) -> None:
        """Destroy the versions of one of the deployment's own keys below a number."""
        with self.store.write() as tx:
            for ver in self.own.versions(name, tx):
                if ver < below:
                    self.own.drop(tx, name, ver)

    # --- epochs --------------------------------------------------------------------------

    def rotate(self, progress: Progress = SILENT) -> int:
        """End the active epoch: all that lives moves to a new one, the old secret is destroyed.

        From the destruction on, no backup of the keys store opens anything. Reads and writes
        go on meanwhile. An earlier rotation that was interrupted is finished first.

        Returns:
            The new epoch's number.
        """
        self.finish_epochs(progress)
        number = self.begin_epoch()
        self.finish_epochs(progress)
        return number

    def begin_epoch(self) -> int:
        """Make a new epoch the active one; the one before is left, not ended yet."""
        return self._epochs.begin()

    def finish_epochs(self, progress: Progress = SILENT) -> int:
        """Finish what a rotation began: re-wrap, retire, destroy; how many secrets went.

        Raises:
            KeyUnavailable: the keyring did not give or destroy a secret; call it again.
            IntegrityError: a wrapped key is not what was written.
        """
        if not self._epochs.unfinished():
            return 0
        self._rewrapping.run(progress)
        self._epochs.retire()
        gone = self._epochs.destroy()
        self.forget()
        return gone

    def unwrapped(self) -> int:
        """How many keys still hang on an epoch that was left."""
        return self._rewrapping.left()

    def epochs(self) -> list[EpochState]:
        """Every epoch there was, the first first."""
        return self._epochs.states()

    def epoch_began(self) -> int:
        """When the active epoch began, UTC microseconds."""
        return self._epochs.active().began

    def terms(self) -> Terms:
        """How long epochs last, and when this one, and the index with it, is to end."""
        return self._epochs.terms()

    def set_terms(self, terms: Terms) -> None:
        """Write other terms."""
        self._epochs.set_terms(terms)

    def destroys_within(self) -> int | None:
        """Microseconds from the order to destroy a secret until it is gone; None: not stated.

        Of several keyrings the longest counts: an epoch that is left may be with any of them.
        """
        told = [keyring.destroys_within() for keyring in self.wraps.keyrings]
        known = [within for within in told if within is not None]
        return max(known) if len(known) == len(told) else None

    def destruction(self, kek_id: int) -> int | None:
        """The moment (UTC µs) from which a retired epoch opens nowhere, if one is stated."""
        return next((e.destroyed for e in self.epochs() if e.number == kek_id), None)


def _call(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    bound = method()
    if bound is not None:
        bound()
