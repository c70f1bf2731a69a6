"""One key per subject and domain: made, found, renewed, destroyed; never cached.

A key that is renewed stays beside its successor until nothing is sealed under it any
more: new ciphertexts are the successor's from its first moment on, and the generation in
a ciphertext's clear bytes says which of the two opens it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from privet.crypto import KEY_BYTES, NONCE_BYTES, Aead, commitment
from privet.vault.cells import SubjectKey
from privet.vault.keyroom.wrapping import KC_LABEL, SUBJECT, WRAP, Wraps, again
from privet.vault.rows import by_subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pyroaring import BitMap

    from privet.db import Tx
    from privet.db.store import Row

_FRESH_GENS: Final = 2**16 - 1
_DRAWN: Final = NONCE_BYTES + 4 + KEY_BYTES
Pair = tuple[int, int]


class SubjectKeys:
    """The keys of people."""

    def __init__(self, wraps: Wraps) -> None:
        self._wraps = wraps

    def get(self, snos: Sequence[int], doms: Sequence[int]) -> dict[Pair, SubjectKey]:
        """Keys of these subjects in these domains, in a snapshot of their own.

        A pair without a key is left out: the subject was erased there, or has nothing yet.

        Raises:
            IntegrityError: a key is not the one that was committed to.
        """
        if not snos or not doms:
            return {}
        return again(lambda: self._get(snos, doms))

    def _get(self, snos: Sequence[int], doms: Sequence[int]) -> dict[Pair, SubjectKey]:
        store = self._wraps.store
        if len(snos) == 1:  # one statement: a snapshot without a transaction around it
            rows = by_subject(store, _KEYS, snos, dom=doms)
        else:
            with store.read() as tx:
                rows = by_subject(tx, _KEYS, snos, dom=doms)
        unwrap, former = self._wraps.unwrap, self._former
        found: dict[Pair, SubjectKey] = {}
        for sno, dom, gen, kek_id, wrapped, kc in rows:
            committed = bytes(kc)
            key = unwrap(SUBJECT, (kek_id, sno, dom, gen), bytes(wrapped), committed)
            found[sno, dom] = SubjectKey(gen, committed, Aead(key), (sno, dom), former)
        return found

    def _former(self, pair: Pair, gen: int) -> Aead | None:
        """The key of an earlier generation, while something is sealed under it."""
        return again(lambda: self._read_former(pair, gen))

    def _read_former(self, pair: Pair, gen: int) -> Aead | None:
        with self._wraps.store.read() as tx:
            row = tx.one(f"{_FORMER} AND gen = ?", (*pair, gen))
        if row is None:
            return None
        _, kek_id, wrapped, kc = row
        place = (int(kek_id), *pair, gen)
        return Aead(self._wraps.unwrap(SUBJECT, place, bytes(wrapped), bytes(kc)))

    def make(self, pairs: Collection[Pair]) -> dict[Pair, SubjectKey]:
        """Fresh keys for pairs that have none, durable when this returns.

        Where another process was first, its key is the one returned.
        """
        if not pairs:
            return {}
        made: dict[Pair, SubjectKey] = {}

        def insert(tx: Tx, kek_id: int, kek: Aead) -> int:
            rows = self._drawn(sorted(pairs), kek_id, kek, made)
            return len(rows) - tx.many(f"{_ADD} ON CONFLICT (sno, dom) DO NOTHING", rows)

        if not self._wraps.under_active(len(pairs), insert):  # all of them are ours
            return made
        snos, doms = sorted({p[0] for p in pairs}), sorted({p[1] for p in pairs})
        found = self.get(snos, doms)
        return {pair: found[pair] for pair in pairs if pair in found}

    def _drawn(
        self,
        pairs: Sequence[Pair],
        kek_id: int,
        kek: Aead,
        made: dict[Pair, SubjectKey],
        taken: Collection[tuple[int, int, int]] = (),
    ) -> list[Row]:
        """Rows of fresh keys; one slab for this call alone: nonces, generations, keys."""
        slab, rows = memoryview(os.urandom(_DRAWN * len(pairs))), []
        for at, (sno, dom) in zip(range(0, len(slab), _DRAWN), pairs, strict=True):
            nonce = bytes(slab[at : at + NONCE_BYTES])
            key = bytes(slab[at + _DRAWN - KEY_BYTES : at + _DRAWN])
            drawn = int.from_bytes(slab[at + NONCE_BYTES : at + NONCE_BYTES + 4], "little")
            gen = drawn % _FRESH_GENS + 1
            if (sno, dom, gen) in taken:
                gen = gen % _FRESH_GENS + 1
            kc = commitment(KC_LABEL, key)
            ad = WRAP.pack(SUBJECT, self._wraps.deployment, kek_id, sno, dom, gen, kc)
            rows.append((sno, dom, gen, kek_id, kek.seal(key, ad, nonce), kc))
            made[sno, dom] = SubjectKey(gen, kc, Aead(key), (sno, dom), self._former)
        return rows

    def unchanged(self, commitments: dict[Pair, bytes]) -> bool:
        """Whether each of these pairs still has the key with this commitment."""
        if not commitments:
            return True
        now = {pair: kc for pair, (_, kc) in self._newest(commitments).items()}
        return all(now.get(pair) == kc for pair, kc in commitments.items())

    def gens(self, pairs: Collection[Pair]) -> dict[Pair, int]:
        """The generation that each of these pairs is sealed under from now on."""
        return {pair: gen for pair, (gen, _) in self._newest(pairs).items()}

    def _newest(self, pairs: Collection[Pair]) -> dict[Pair, tuple[int, bytes]]:
        snos, doms = sorted({p[0] for p in pairs}), sorted({p[1] for p in pairs})
        with self._wraps.store.read() as tx:
            rows = by_subject(tx, "SELECT sno, dom, gen, kc FROM subject_key", snos, dom=doms)
        return {(sno, dom): (int(gen), bytes(kc)) for sno, dom, gen, kc in rows}

    def domains(self, snos: Sequence[int]) -> dict[int, set[int]]:
        """Numbers of the domains in which each of these subjects has a key."""
        found: dict[int, set[int]] = {}
        with self._wraps.store.read() as tx:
            for sno, dom in by_subject(tx, "SELECT sno, dom FROM subject_key", snos):
                found.setdefault(int(sno), set()).add(int(dom))
        return found

    def holders(self, dom: int) -> BitMap:
        """Ordinals of everybody who has a key in a domain."""
        from pyroaring import BitMap

        with self._wraps.store.read() as tx:
            return BitMap([int(r[0]) for r in tx.all(_HOLDERS, (dom,))])

    def destroy(self, sno: int, doms: Iterable[int] | None) -> list[int]:
        """Delete one subject's keys (of some domains, or all); the domains that had one."""
        with self._wraps.store.write() as tx:
            return destroy(tx, sno, doms)

    # --- renewal -------------------------------------------------------------------------

    def renew(self, sno: int, doms: Collection[int]) -> list[int]:
        """Put a fresh key in the place of a subject's key in each of these domains.

        The one before stays as the former one until ``drop_former``. A domain whose renewal
        is under way is left as it is.

        Returns:
            The domains whose key is fresh now.
        """
        renewed: list[int] = []

        def exchange(tx: Tx, kek_id: int, kek: Aead) -> None:
            rows = tx.all(f"{_KEYS} WHERE sno = ? ORDER BY dom{tx.for_update}", (sno,))
            busy = {int(r[0]) for r in tx.all(_UNDER_WAY + " WHERE sno = ?", (sno,))}
            old = [row for row in rows if row[1] in doms and row[1] not in busy]
            tx.many(_ADD.replace("subject_key", "former_key"), old)
            pairs = [(int(row[0]), int(row[1])) for row in old]
            taken = {(int(row[0]), int(row[1]), int(row[2])) for row in old}
            fresh = self._drawn(pairs, kek_id, kek, {}, taken)
            # In place: an erasure that waits for this row must find the fresh key in it.
            tx.many(_RENEW, [(*row[2:], *row[:2]) for row in fresh])
            renewed.extend(dom for _, dom in pairs)

        if doms:
            self._wraps.under_active(len(doms), exchange)
        return renewed

    def renewals(self) -> list[Pair]:
        """Pairs whose renewal is under way."""
        with self._wraps.store.read() as tx:
            rows = tx.all("SELECT sno, dom FROM former_key ORDER BY sno, dom")
        return [(int(sno), int(dom)) for sno, dom in rows]

    def former_gens(self, sno: int) -> dict[int, int]:
        """Of each domain whose renewal is under way the generation that is to go."""
        with self._wraps.store.read() as tx:
            rows = tx.all("SELECT dom, gen FROM former_key WHERE sno = ?", (sno,))
        return {int(dom): int(gen) for dom, gen in rows}

    def drop_former(self, sno: int, gens: dict[int, int]) -> None:
        """Destroy the former keys of these domains: nothing is sealed under them any more."""
        with self._wraps.store.write() as tx:
            tx.many(
                "DELETE FROM former_key WHERE sno = ? AND dom = ? AND gen = ?",
                [(sno, dom, gen) for dom, gen in gens.items()],
            )


_HOLDERS: Final = "SELECT sno FROM subject_key WHERE dom = ?"
_KEYS: Final = "SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key"
_FORMER: Final = "SELECT gen, kek_id, wrapped, kc FROM former_key WHERE sno = ? AND dom = ?"
_UNDER_WAY: Final = "SELECT dom FROM former_key"
_RENEW: Final = (
    "UPDATE subject_key SET gen = ?, kek_id = ?, wrapped = ?, kc = ? WHERE sno = ? AND dom = ?"
)
_ADD: Final = (
    "INSERT INTO subject_key (sno, dom, gen, kek_id, wrapped, kc) VALUES (?, ?, ?, ?, ?, ?)"
)


def destroy(tx: Tx, sno: int, doms: Iterable[int] | None) -> list[int]:
    """``SubjectKeys.destroy`` within a writer's transaction."""
    had = [r[0] for r in tx.all("SELECT dom FROM subject_key WHERE sno = ?", (sno,))]
    gone = sorted(had if doms is None else set(had) & set(doms))
    for table in ("subject_key", "former_key"):
        tx.many(f"DELETE FROM {table} WHERE sno = ? AND dom = ?", [(sno, d) for d in gone])
    return gone
