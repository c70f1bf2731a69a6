"""Renewing a person's keys: what is sealed under the one before is sealed anew under the next.

1. ``Keys.renew_subject``: from its commit on whatever is sealed is sealed under the fresh
   key; the one before still opens what it sealed.
2. ``cells`` and ``value``: ciphertexts of the earlier generation are replaced. A cell keeps
   its number: it is used once under the fresh key as well.
3. ``left``: in a transaction that no writer overlaps it is seen that nothing of the earlier
   generation is left; then ``drop`` destroys its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from privet.crypto import nonces
from privet.errors import StoreUnavailable
from privet.vault.cells import HEADER
from privet.vault.reading import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.db import Tx
    from privet.types import Warrant
    from privet.vault.cells import SubjectKey
    from privet.vault.reading import Room, Row

_ATTEMPTS: Final = 20


class Rekeying:
    """Renews the keys of people; made by ``Vault.rekeying``."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._names = {dom: name for name, dom in room.layouts.domains.items()}

    def renew(self, warrant: Warrant, sno: int, domains: Sequence[str]) -> list[str]:
        """Give a person fresh keys in these domains, but where a renewal is under way."""
        require(warrant, (sno,))
        doms = [self._room.layouts.dom(name) for name in domains]
        return [self._names[dom] for dom in self._room.keys.renew_subject(sno, doms)]

    def former(self, sno: int) -> dict[str, int]:
        """Of each domain whose renewal is under way the generation that is to go."""
        gens = self._room.keys.former_gens(sno)
        return {self._names[dom]: gen for dom, gen in gens.items()}

    def drop(self, sno: int, gens: Mapping[str, int]) -> None:
        """Destroy the former keys of these domains."""
        dom = self._room.layouts.dom
        self._room.keys.drop_former(sno, {dom(name): gen for name, gen in gens.items()})

    def cells(self, warrant: Warrant, sno: int, domain: str) -> None:
        """Seal anew a head and its cells that are of an earlier generation than the key's.

        Raises:
            IntegrityError: one of them is not what was written.
            StoreUnavailable: others kept writing to them.
        """
        require(warrant, (sno,))
        dom = self._room.layouts.dom(domain)
        if not any(self._sealed_anew(sno, dom) for _ in range(_ATTEMPTS)):
            raise StoreUnavailable(
                "a subject's cells could not be sealed anew",
                why="others kept writing to them",
                remedy="Run maintenance again.",
                reason="store.busy",
            )

    def _sealed_anew(self, sno: int, dom: int) -> bool:
        """Whether nothing of an earlier generation is left; False where somebody wrote."""
        room = self._room
        with room.data.read() as tx:
            head = tx.one("SELECT ver, ct FROM head WHERE sno = ? AND dom = ?", (sno, dom))
            cells = tx.all(f"{_CELLS} WHERE sno = ? AND dom = ?", (sno, dom))
        key = room.keys.of_subjects([sno], [dom]).get((sno, dom))
        if head is None or key is None:  # nothing is sealed there, or she was erased
            return True
        ver, ct = int(head[0]), bytes(head[1])
        old = [row for row in cells if gen_of(bytes(row[6])) != key.gen]
        if not old and gen_of(ct) == key.gen:
            return True
        plain = room.sealer.open_head(key, sno, dom, ver, ct)
        sealed = room.sealer.seal_head(key, sno, dom, ver + 1, plain)
        fresh = [
            (room.sealer.seal_cell(key, row[:6], _plain(room, key, row), nonce), *row[:4])
            for row, nonce in zip(old, nonces(len(old)), strict=True)
        ]
        with room.data.write() as tx:
            moved = tx.run(_HEAD, (ver + 1, sealed, sno, dom, ver))
            if moved:  # whoever changes a cell changes the head first
                tx.many(_CELL, fresh)
        return bool(moved)

    def value(
        self, warrant: Warrant, sno: int, domain: str, label: bytes, ct: bytes
    ) -> bytes | None:
        """A value sealed anew; None where it is of the key's generation, or hers is gone."""
        require(warrant, (sno,))
        dom = self._room.layouts.dom(domain)
        key = self._room.keys.of_subjects([sno], [dom]).get((sno, dom))
        if key is None or gen_of(ct) == key.gen:
            return None
        plain = self._room.sealer.open_value(key, sno, dom, label, ct)
        return self._room.sealer.seal_value(key, sno, dom, label, plain)

    def left(self, sno: int, gens: Mapping[str, int]) -> bool:
        """Whether a head or a cell of these generations is left; no writer overlaps this look."""
        former = {self._room.layouts.dom(name): gen for name, gen in gens.items()}
        with self._room.data.write() as tx:
            alone(tx, "head")
            rows = [row for sql in _CLEAR for row in tx.all(sql, (sno,))]
        return any(gen_of(bytes(clear)) == former.get(int(dom)) for dom, clear in rows)


def gen_of(ct: bytes) -> int:
    """The generation that a ciphertext names; 0 where it is none."""
    return int(HEADER.unpack_from(ct)[2]) if len(ct) >= HEADER.size else 0


def alone(tx: Tx, table: str) -> None:
    """Let nobody write a table until the transaction ends; whoever does now is waited for."""
    if tx.for_update:
        tx.run(f"LOCK TABLE {table} IN SHARE MODE")


def _plain(room: Room, key: SubjectKey, row: Row) -> bytes:
    return room.sealer.open_cell(key, row[:6], bytes(row[6]))


_CELLS: Final = "SELECT sno, dom, seq, grp, n, lapses, ct FROM cell"
_HEAD: Final = "UPDATE head SET ver = ?, ct = ? WHERE sno = ? AND dom = ? AND ver = ?"
_CELL: Final = "UPDATE cell SET ct = ? WHERE sno = ? AND dom = ? AND seq = ? AND grp = ?"
_CLEAR: Final = (
    "SELECT dom, substr(ct, 1, 7) FROM head WHERE sno = ?",
    "SELECT dom, substr(ct, 1, 7) FROM cell WHERE sno = ?",
)
