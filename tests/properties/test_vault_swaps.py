"""A ciphertext opens at the one place it was sealed for, and nowhere else."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyroaring import BitMap

from privet.crypto import Aead
from privet.db import create_stores, locate
from privet.errors import IntegrityError
from privet.types import Warrant
from privet.vault import FileKeyring, Keys, Plan, Rows, Subjects, Vault
from privet.vault.cells import Sealer, SubjectKey

FIELDS = {"item": "orders/hold", "value": "orders"}
PEOPLE = Warrant.issue(1, "orders", frozenset(range(1, 5)))


class Stopped:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled():
    """Two people, two domains, two atoms, three appends: 12 cells and their heads."""
    with tempfile.TemporaryDirectory() as place:
        home = create_stores(locate(Path(place) / "home"), "OFF")
        keys = Keys(home.keys, FileKeyring(Path(place) / "ring"), home.deployment, Stopped())
        keys.initialise()
        vault = Vault(home, keys, Subjects(home.keys, keys, Stopped()), Stopped())
        vault.install(
            [("purchase", ("item",)), ("purchase", ("value",))],
            [("orders", "orders", ""), ("orders/hold", "orders", "tax")],
            {"purchase.item": ("item", 0), "purchase.value": ("int", 0)},
        )
        for at in (10, 20, 30):
            snos, times = np.array([1, 2]), np.array([at, at])
            columns = {"item": np.array([1, 2]), "value": np.array([3, 4])}
            prepared = vault.prepare(PEOPLE, Rows("purchase", FIELDS, snos, times, columns))
            with home.data.write() as tx:
                assert vault.commit(tx, prepared, BitMap([1, 2])).sealed == 2
        yield home, vault
        home.close()


def read(home, vault) -> list[int]:
    plan = Plan("purchase", ("item", "value"), ("orders", "orders/hold"), None)
    with home.data.read() as tx:
        fetched = vault.fetch(tx, plan, [1, 2])
    return vault.open(PEOPLE, fetched).columns["value"].tolist()


class Undone(Exception):
    """Rolls a tampering back."""


def tampered(home, vault, statement: str, rows: list[tuple]) -> None:
    """Whether reading refuses after the change; the store is as before afterwards."""
    with home.data.read() as tx:
        cells = tx.all("SELECT sno, dom, seq, grp, n, lapses, ct FROM cell")
        heads = tx.all("SELECT sno, dom, ver, ct FROM head")
    with home.data.write() as tx:
        tx.many(statement, rows)
    try:
        with pytest.raises(IntegrityError):
            read(home, vault)
    finally:
        with home.data.write() as tx:
            tx.run("DELETE FROM cell")
            tx.run("DELETE FROM head")
            tx.many("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?)", cells)
            tx.many("INSERT INTO head VALUES (?, ?, ?, ?)", heads)
    assert read(home, vault) == [3, 3, 3, 4, 4, 4]


@given(st.data())
def test_two_cells_never_change_places(filled, data) -> None:
    home, vault = filled
    with home.data.read() as tx:
        cells = tx.all("SELECT sno, dom, seq, grp, ct FROM cell")
    a, b = data.draw(st.sampled_from(cells)), data.draw(st.sampled_from(cells))
    assume(a != b)
    tampered(
        home,
        vault,
        "UPDATE cell SET ct = ? WHERE sno = ? AND dom = ? AND seq = ? AND grp = ?",
        [(a[4], *b[:4]), (b[4], *a[:4])],
    )


@given(st.data())
def test_no_byte_and_no_clear_column_of_a_cell_can_change(filled, data) -> None:
    home, vault = filled
    with home.data.read() as tx:
        cells = tx.all("SELECT sno, dom, seq, grp, n, lapses, ct FROM cell")
    *place, n, lapses, ct = data.draw(st.sampled_from(cells))
    what = data.draw(st.sampled_from(["ct", "n", "lapses", "seq", "sno", "dom", "grp"]))
    where = "WHERE sno = ? AND dom = ? AND seq = ? AND grp = ?"
    if what == "ct":
        at = data.draw(st.integers(0, len(ct) - 1))
        value = bytes(ct[:at]) + bytes([ct[at] ^ data.draw(st.integers(1, 255))]) + ct[at + 1 :]
    elif what in {"n", "lapses"}:
        value = {"n": n, "lapses": lapses}[what] + data.draw(st.integers(1, 3))
    else:
        old = dict(zip(["sno", "dom", "seq", "grp"], place, strict=True))[what]
        value = 10 + old if what == "seq" else 3 - old
        moved = [value if what == c else p for c, p in zip("sdqg", place, strict=True)]
        assume(tuple(moved) not in {tuple(c[:4]) for c in cells})
        assume(what == "seq")
    tampered(home, vault, f"UPDATE cell SET {what} = ? {where}", [(value, *place)])


@given(st.data())
def test_no_head_can_change_or_change_places(filled, data) -> None:
    home, vault = filled
    with home.data.read() as tx:
        heads = tx.all("SELECT sno, dom, ver, ct FROM head")
    a, b = data.draw(st.sampled_from(heads)), data.draw(st.sampled_from(heads))
    where = "WHERE sno = ? AND dom = ?"
    if a != b:
        rows = [(a[3], b[0], b[1]), (b[3], a[0], a[1])]
        tampered(home, vault, f"UPDATE head SET ct = ? {where}", rows)
    else:
        tampered(home, vault, f"UPDATE head SET ver = ? {where}", [(a[2] + 1, a[0], a[1])])


PLACE = st.tuples(
    st.integers(0, 2**62),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**30),
    st.integers(0, 2**16 - 1),
    st.integers(0, 1024),
    st.integers(-(2**31), 2**31 - 1),
)
KEY = SubjectKey(7, b"", Aead(bytes(32)))


@given(PLACE, PLACE, st.binary(max_size=40))
def test_no_two_places_share_their_associated_data(here, there, plain) -> None:
    sealer = Sealer(b"d" * 16, 1)
    ct = sealer.seal_cell(KEY, here, plain, b"n" * 12)
    assert sealer.open_cell(KEY, here, ct) == plain
    if here != there:
        with pytest.raises(IntegrityError):
            sealer.open_cell(KEY, there, ct)
    with pytest.raises(IntegrityError):
        Sealer(b"e" * 16, 1).open_cell(KEY, here, ct)
    with pytest.raises(IntegrityError):
        sealer.open_cell(SubjectKey(8, b"", KEY.aead), here, ct)
    assert Sealer(b"d" * 16, 2).open_cell(KEY, here, ct) == plain
    later = Sealer(b"d" * 16, 2).seal_cell(KEY, here, plain, b"n" * 12)
    with pytest.raises(IntegrityError):
        sealer.open_cell(KEY, here, later)
