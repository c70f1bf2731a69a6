"""The pen: open heads and keys that new cells are written with, and putting them in.

Everything is sealed outside of transactions. A writer notes the version of every head that
it read; when its work is put in, each head must still have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.crypto import nonces
from privet.vault.heads import Manifest, Record
from privet.vault.reading import (
    Room,
    Row,
    check_listed,
    open_heads,
    select_cells,
    select_heads,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from privet.db import Tx
    from privet.vault.cells import SubjectKey
    from privet.vault.codec import Layout
    from privet.vault.keys import Pair


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """What one subject and domain gets: a new head, new cells, cells to remove."""

    sno: int
    dom: int
    ver: int
    head: bytes
    cells: list[Row]
    gone: list[tuple[int, int]]


@dataclass(slots=True)
class Pen:
    """The open heads and keys that a preparation writes with."""

    room: Room
    vers: dict[Pair, int]
    manifests: dict[Pair, Manifest]
    keys: dict[Pair, SubjectKey]
    made: dict[Pair, bytes]
    found: list[Row]
    cells: dict[Pair, list[Row]] = field(default_factory=dict)
    gone: dict[Pair, list[tuple[int, int]]] = field(default_factory=dict)

    def seal(
        self, layout: Layout, dom: int, plains: Sequence[bytes], places: Sequence[Row]
    ) -> None:
        """Seal cells of one layout and domain; ``places`` are (sno, seq, n, lapses)."""
        sealer, grp = self.room.sealer, layout.grp
        for plain, nonce, (sno, seq, n, lapses) in zip(
            plains, nonces(len(plains)), places, strict=True
        ):
            ct = sealer.seal_cell(
                self.keys[sno, dom], (sno, dom, seq, grp, n, lapses), plain, nonce
            )
            self.cells.setdefault((sno, dom), []).append((sno, dom, seq, grp, n, lapses, ct))

    def close(self, pair: Pair, next_seq: int, next_row: int) -> Change:
        """Seal the new head of one subject and domain."""
        sno, dom = pair
        cells = sorted(self.cells.get(pair, ()), key=lambda c: (c[2], c[3]))
        gone = self.gone.get(pair, [])
        manifest = self.manifests[pair]
        if gone:
            manifest = manifest.without(set(gone))
        added: list[Record] = [(c[2], c[3], c[4]) for c in cells]
        manifest = manifest.grown(added, next_seq, next_row)
        ver = self.vers.get(pair, 0) + 1
        head = self.room.sealer.seal_head(self.keys[pair], sno, dom, ver, manifest.to_bytes())
        return Change(sno, dom, ver, head, cells, gone)


def open_pen(
    room: Room,
    snos: Sequence[int],
    written: Collection[Pair],
    read: Sequence[int],
    grps: Sequence[int],
) -> Pen:
    """Read heads and the cells of some groups in one snapshot, then the keys.

    Keys are made, for the pairs of ``written``, where neither key nor head exists. A head
    without a key belongs to a subject whose erasure is under way: she gets no manifest,
    and nothing is written.
    """
    with room.data.read() as tx:
        heads = select_heads(tx, snos, read)
        cells = select_cells(tx, snos, read, grps)
    keys = room.keys.of_subjects(snos, read)
    vers = {(h[0], h[1]): int(h[2]) for h in heads}
    manifests = open_heads(room, heads, keys)
    cells = [c for c in cells if (c[0], c[1]) in manifests]
    check_listed(room.layouts, manifests, cells, grps)
    fresh = set(written) - vers.keys()
    keys |= room.keys.make_for_subjects(fresh - keys.keys())
    manifests |= {pair: Manifest.first() for pair in fresh if pair in keys}
    made = {pair: keys[pair].commitment for pair in fresh if pair in keys}
    return Pen(room, vers, manifests, keys, made, cells)


def put(room: Room, tx: Tx, changes: Sequence[Change], made: Mapping[Pair, bytes]) -> bool:
    """Write heads if all still stand at the version read, then cells; else change nothing."""
    mine = {(c.sno, c.dom) for c in changes}
    if not room.keys.unchanged({pair: kc for pair, kc in made.items() if pair in mine}):
        return False
    tx.run("SAVEPOINT heads")
    moved = tx.many(
        "UPDATE head SET ver = ?, ct = ? WHERE sno = ? AND dom = ? AND ver = ?",
        [(c.ver, c.head, c.sno, c.dom, c.ver - 1) for c in changes if c.ver > 1],
    )
    moved += tx.many(
        "INSERT INTO head (sno, dom, ver, ct) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(c.sno, c.dom, c.ver, c.head) for c in changes if c.ver == 1],
    )
    if moved != len(changes):
        tx.run("ROLLBACK TO SAVEPOINT heads")
        return False
    tx.run("RELEASE SAVEPOINT heads")
    tx.many(
        "DELETE FROM cell WHERE sno = ? AND dom = ? AND seq = ? AND grp = ?",
        [(c.sno, c.dom, seq, grp) for c in changes for seq, grp in c.gone],
    )
    tx.many(
        "INSERT INTO cell (sno, dom, seq, grp, n, lapses, ct) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [cell for c in changes for cell in c.cells],
    )
    return True
