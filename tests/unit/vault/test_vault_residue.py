"""Shredded is gone: no byte of a destroyed key is left in any file of the home."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from privet.db import create_stores, locate


@pytest.fixture
def home(tmp_path):
    """Files only: what a database server keeps has a date, not a moment (see the docs)."""
    stores = create_stores(locate(tmp_path / "home"), "OFF")
    yield stores
    stores.close()


def everything(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


def test_no_byte_of_a_destroyed_key_or_cell_is_left(shop, home, tmp_path) -> None:
    people = list(range(1, 301))
    for start in range(0, 300, 50):
        shop.seal(shop.purchases(*((s, 10, s) for s in people[start : start + 50])))
    with home.keys.read() as tx:
        wrapped = {
            (s, d): bytes(w) for s, d, w in tx.all("SELECT sno, dom, wrapped FROM subject_key")
        }
    with home.data.read() as tx:
        cells = {
            (s, q, g, d): bytes(ct)
            for s, d, q, g, ct in tx.all("SELECT sno, dom, seq, grp, ct FROM cell")
        }
    gone = set(random.Random(5).sample(people, 60))
    for sno in gone:
        shop.vault.shred(sno)
    assert home.keys.truncate_log()
    assert home.data.truncate_log()
    home.keys.vacuum()
    assert home.keys.truncate_log()
    home.close()  # a file is looked into only after every connection is closed
    left = everything(tmp_path / "home")
    for (sno, _dom), key in wrapped.items():
        # Whole rows of the living are there: the scan can find what it looks for.
        assert (key in left) == (sno not in gone)
        if sno in gone:
            assert key[:12] not in left
            assert key[12:28] not in left
    for (sno, *_), ct in cells.items():
        if sno in gone:
            assert ct[-32:] not in left
