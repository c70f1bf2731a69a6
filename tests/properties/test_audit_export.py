"""However a log grew, its tiles, roots and exports are those of its records."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.audit import Entry, Log, export, merkle, treestore
from privet.audit.tiles import tiles
from privet.crypto import Signer
from privet.db import create_stores, locate

SIGNER = Signer(b"\x05" * 32)


class Still:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)


@settings(max_examples=12)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.data())
def test_any_growth_exports_the_same_tree(steps: list[int], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = create_stores(locate(Path(place) / "home"), "OFF")
        try:
            log = Log(home.audit, SIGNER, "privet.dev/p", Still())
            out = Path(place) / "out"
            for number, step in enumerate(steps):
                log.append([Entry({"n": n, "step": number}) for n in range(step)])
                report = export(home.audit, log.vkey, out)
            with home.audit.read() as tx:
                rows = tx.all("SELECT body FROM record ORDER BY seq")
                leaves = [merkle.leaf_hash(bytes(body)) for (body,) in rows]
                old = data.draw(st.integers(0, len(leaves)))
                assert treestore.root_at(tx, old) == merkle.root(leaves[:old])
        finally:
            home.close()
        assert report.root == merkle.root(leaves).hex()
        level = leaves
        for tile in tiles(len(leaves)):
            if tile.level and not tile.index:
                whole = len(level) // 256
                level = [merkle.root(level[i * 256 : i * 256 + 256]) for i in range(whole)]
            expected = level[tile.index * 256 : tile.index * 256 + tile.width]
            assert (out / tile.path).read_bytes() == b"".join(expected)
