"""A log that is put back, cut or written anew: found at open against its anchor, on both homes.

Each attack is done by whoever can change the stores: raw SQL, or a copy from yesterday.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.audit import Entry
from privet.audit.verifier import verify_directory

AUDIT = ("record", "tile", "head", "checkpoint", "single", "set_chunk", "anchor", "meta")
LAST = "SELECT MAX(seq) + 1 FROM record"
Rows = dict[str, list[tuple[Any, ...]]]


class Stores:
    """The stores of a home as their attacker sees them."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.served = where.startswith("postgresql")

    @contextmanager
    def opened(self, store: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
        """Run SQL in one store, triggers off."""
        if self.served:
            import psycopg

            with psycopg.connect(self.where) as connection:
                connection.execute("SET session_replication_role = replica")
                connection.execute(f"SET search_path TO {store}")

                def run(sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
                    cursor = connection.execute(sql.replace("?", "%s"), values)
                    return cursor.fetchall() if cursor.description else []

                yield run
            return
        with sqlite3.connect(Path(self.where, f"{store}.db")) as file:
            triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            kept = triggers.fetchall()
            for name, _ in kept:
                file.execute(f"DROP TRIGGER {name}")
            yield lambda sql, values=(): file.execute(sql, values).fetchall()
            for _, sql in kept:
                file.execute(sql)
        file.close()

    def tables(self, store: str) -> list[str]:
        with self.opened(store) as run:
            if self.served:
                found = run("SELECT tablename FROM pg_tables WHERE schemaname = ?", (store,))
            else:
                found = run("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [name for (name,) in found if name != "alembic_version"]

    def copy(self, store: str) -> Rows:
        with self.opened(store) as run:
            return {name: run(f'SELECT * FROM "{name}"') for name in self.tables(store)}

    def put_back(self, store: str, rows: Rows, *names: str) -> None:
        """These tables, or all, as they were."""
        with self.opened(store) as run:
            for name in names or rows:
                run(f'DELETE FROM "{name}"')
                for row in rows[name]:
                    run(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', row)


class Shop:
    """A shop that is opened, closed and attacked."""

    def __init__(self, where: str, place: Path, clock: Any) -> None:
        self.where, self.place, self.clock = where, place, clock
        self.anchor = place / "elsewhere.anchor"
        self.stores = Stores(where)

    def open(self, *, anchored: bool = True, **more: Any) -> privet.Deployment:
        return privet.open(
            self.where,
            policy="pack:shop",
            keyring=f"file:{self.place / 'keys'}",
            clock=self.clock,
            sync="OFF",
            anchors=[f"file+same-volume:{self.anchor}"] if anchored else [],
            **more,
        )

    def day(self, name: str, records: int = 20) -> tuple[int, int]:
        """Somebody comes, a few are looked at, many at once; the log's size before and after."""
        self.clock.advance(timedelta(days=1))
        with self.open() as shop:
            before = shop._parts.log.size()
            person = shop.subject(name, proof="t")
            person.consent.answer({"recommendations": True}, notice="1", how="web")
            log = shop._parts.log
            log.append([Entry({"kind": "x", "n": n}, frozenset({n})) for n in range(records)])
            log.append([Entry({"kind": "bulk"}, frozenset(range(100)))])
            log.append([Entry({"kind": "y", "of": name}) for _ in range(5)])
            assert [pushed.error for pushed in shop.maintenance.anchor()] == [None]
            return before, log.size()

    def refusal(self, **more: Any) -> privet.PrivetError:
        with pytest.raises(privet.PrivetError) as refusal:
            self.open(**more).close()
        return refusal.value


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Shop:
    return Shop(where, tmp_path, clock)


def suspected(error: privet.PrivetError) -> tuple[int, int]:
    """The first and the last record of which one is the first bad one, as the error says."""
    found = re.search(r"first bad record is (?:one of (\d+) to )?(\d+)", error.why)
    assert found
    return int(found[1] or found[2]), int(found[2])


def every(shop: Shop) -> dict[str, Rows]:
    return {store: shop.stores.copy(store) for store in ("data", "keys", "audit")}


def test_all_three_stores_put_back_are_found_against_the_anchor_alone(shop: Shop) -> None:
    shop.day("ada")
    yesterday = every(shop)
    before, after = shop.day("bob")
    for store, rows in yesterday.items():
        shop.stores.put_back(store, rows)
    error = shop.refusal()
    assert (type(error), error.reason) == (privet.IntegrityError, "anchor.ahead")
    assert f"record {before} is the first bad one" in error.why
    assert f"records {before} to {after - 1} were anchored and are gone" in error.why
    assert "since 2026-03-03T09:30:00Z" in error.why
    assert "anchored at 2026-03-04T09:30:00Z" in error.why
    shop.open(anchored=False).close()  # and without it nothing is found, as the docs say


def test_a_shortened_export_is_found_against_the_anchor_by_the_verifier(shop: Shop) -> None:
    shop.day("ada")
    yesterday = every(shop)
    before, after = shop.day("bob")
    for store, rows in yesterday.items():
        shop.stores.put_back(store, rows)
    with shop.open(anchored=False) as opened:
        opened.principal("a", roles=["auditor"]).audit.export(shop.place / "export")
    known = shop.anchor.read_bytes()
    found = verify_directory(shop.place / "export", anchor=known)
    assert before < found.size < after
    assert not found.ok
    assert found.first_bad in {before, found.size}  # an anchor in between may name the first
    assert verify_directory(shop.place / "export").ok


def test_two_histories_signed_by_one_key_are_told_apart(shop: Shop) -> None:
    _, agreed = shop.day("ada")
    yesterday, anchor = every(shop), shop.anchor.read_bytes()
    shop.day("bob")
    first, kept = every(shop), shop.anchor.read_bytes()
    for store, rows in yesterday.items():
        shop.stores.put_back(store, rows)
    shop.anchor.write_bytes(anchor)
    _, other = shop.day("eve", records=40)
    shop.anchor.write_bytes(kept)  # the true one
    error = shop.refusal()
    assert (type(error), error.reason) == (privet.IntegrityError, "anchor.forked")
    assert suspected(error)[0] == agreed
    for store, rows in first.items():
        shop.stores.put_back(store, rows)
    shop.open().close()
    assert other > agreed


@pytest.mark.parametrize("table", ["record", "head", "checkpoint", "single", "set_chunk"])
def test_a_table_of_the_log_put_back_is_found_without_an_anchor(shop: Shop, table: str) -> None:
    before, _ = shop.day("ada")
    yesterday = shop.stores.copy("audit")
    before, after = shop.day("bob")
    shop.stores.put_back("audit", yesterday, table)
    if table == "checkpoint":  # the kept ones only: nothing rests on them
        shop.open(anchored=False).close()
        return
    error = shop.refusal(anchored=False)
    assert (type(error), error.reason) == (privet.IntegrityError, "log.rolled-back")
    named = range(before, after)
    assert any(f"record {seq} is the first bad one" in error.why for seq in named), error.why


def test_a_tile_put_back_is_found_without_an_anchor(shop: Shop) -> None:
    shop.day("ada")
    yesterday = shop.stores.copy("audit")
    shop.day("bob", records=300)
    shop.stores.put_back("audit", yesterday, "tile")
    assert shop.refusal(anchored=False).reason == "log.rolled-back"


def test_head_and_records_put_back_together_are_found_by_a_kept_checkpoint(shop: Shop) -> None:
    shop.day("ada")
    yesterday = shop.stores.copy("audit")
    before, _ = shop.day("bob")
    tables = set(AUDIT) - {"checkpoint", "meta"}
    shop.stores.put_back("audit", yesterday, *tables)
    error = shop.refusal(anchored=False)
    assert f"record {before} is the first bad one" in error.why


def test_the_whole_audit_store_put_back_is_found(shop: Shop) -> None:
    shop.day("ada")
    yesterday = shop.stores.copy("audit")
    shop.day("bob")
    shop.stores.put_back("audit", yesterday)
    assert shop.refusal().reason == "anchor.ahead"
    assert shop.refusal(anchored=False).reason == "log.behind"  # the ledger knows more


def test_a_cut_end_is_found(shop: Shop) -> None:
    """The last records and all that names them, and a head that was signed at that size."""
    shop.day("ada")
    heads = shop.stores.copy("audit")["head"]
    before, after = shop.day("bob")
    with shop.stores.opened("audit") as run:
        for table, column in (("record", "seq"), ("single", "seq"), ("set_chunk", "seq")):
            run(f"DELETE FROM {table} WHERE {column} >= ?", (before,))
        run("DELETE FROM checkpoint WHERE size > ?", (before,))
    shop.stores.put_back("audit", {"head": heads})
    error = shop.refusal()
    assert error.reason == "anchor.ahead"
    assert f"records {before} to {after - 1}" in error.why


def test_a_record_changed_and_signed_over_is_found(shop: Shop, clock: Any) -> None:
    """Whoever holds the signing key writes a new tree over one changed record."""
    from privet.audit import head as heads
    from privet.audit import merkle

    _, size = shop.day("ada")
    with shop.open() as opened:
        parts = opened._parts
        with parts.home.audit.read() as tx:
            old = heads.read(tx)
            rows = tx.all("SELECT body FROM record ORDER BY seq")
            assert old is not None
    bodies = [bytes(body) for (body,) in rows]
    place = next(n for n, body in enumerate(bodies) if b'"kind":"x"' in body and b'"n":7' in body)
    bodies[place] = bodies[place].replace(b'"n":7', b'"n":8')
    leaves = [merkle.leaf_hash(body) for body in bodies]
    with shop.open() as opened:
        signer = opened._parts.signer
        forged = heads.Head(0, (), 0, b"").grown(leaves, old.ts, opened._parts.log._origin, signer)
    with shop.stores.opened("audit") as run:
        changed = (bodies[place], leaves[place], place)
        run("UPDATE record SET body = ?, leaf = ? WHERE seq = ?", changed)
        run("DELETE FROM tile")
        run("DELETE FROM checkpoint")
        frontier = b"".join(forged.frontier)
        run("UPDATE head SET frontier = ?, note = ?", (frontier, forged.note))
    error = shop.refusal()
    assert error.reason == "anchor.forked"
    first, last = suspected(error)
    assert first <= place <= last < size
    shop.open(anchored=False).close()
