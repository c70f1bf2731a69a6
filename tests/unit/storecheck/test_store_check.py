"""Every invariant of the stores, broken by hand on both homes, is named, and nobody with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.db.store import Name, Row
from privet.gate import storefaults
from privet.gate.storecheck import StoreCheck
from privet.maintenance import CALLER
from privet.recommend import Popularity

PEOPLE = [f"canary-{n}" for n in range(8)]
TABLES: dict[Name, tuple[str, ...]] = {
    "data": (
        "head", "cell", "contribution", "model_page", "model", "ledger", "ground", "ground_delta",
        "ground_set", "ground_end", "fence",
    ),
    "keys": ("subject_key", "subject_ref", "model_key"),
}  # fmt: skip


def opened(where: str, root: Path, clock: Any) -> privet.Deployment:
    return privet.open(
        where, policy="pack:shop", keyring=f"file:{root / 'ring'}", clock=clock, sync="OFF"
    )


def filled(shop: privet.Deployment) -> None:
    """Everything that a store can hold: profiles, events, grounds, a model, a withdrawal."""
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    till = shop.principal("till", roles=["storefront"])
    orders, looks = till.purpose("orders"), till.purpose("recommendations")
    for n, person in enumerate(PEOPLE):
        till.consent.begin(person, "orders")
        orders.describe(person, email=f"{person}@example.com")
        orders.record(person, "purchase", item="kettle", order=f"o{n}", quantity=1, value="2.50")
        shop.subject(person, proof="t").consent.answer(
            {"recommendations": True}, notice="1", how="web"
        )
        for view in range(3):
            looks.record(person, "view", event_id=f"{n}-{view}", item="kettle")
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("popular", Popularity(event="view")))
    shop.subject(PEOPLE[-1], proof="t").consent.withdraw("recommendations")
    assert -1 not in shop.maintenance.run().values()


def unguarded(shop: privet.Deployment) -> None:
    """As whoever may change the schema: take away what refuses to change the ledger."""
    store = shop._parts.home.data
    if store.dialect == "postgresql":
        with store.write() as tx:
            tx.run("ALTER TABLE ledger DISABLE TRIGGER ALL")
        return
    with store.write() as tx:
        for (name,) in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            tx.run(f"DROP TRIGGER {name}")


@dataclass
class Breaker:
    """Changes rows by raw SQL, and puts every table back as it was."""

    shop: privet.Deployment
    before: dict[tuple[Name, str], list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unguarded(self.shop)
        for name, tables in TABLES.items():
            for table in tables:
                with self.store(name).read() as tx:
                    self.before[name, table] = tx.all(f"SELECT * FROM {table}")

    def store(self, name: Name) -> Any:
        return getattr(self.shop._parts.home, name)

    def run(self, name: Name, sql: str, params: Sequence[object] = ()) -> None:
        with self.store(name).write() as tx:
            assert all(tx.run(statement, params) > 0 for statement in sql.split("; "))

    def found(self) -> dict[str, int]:
        return {fault.code: fault.count for fault in self.shop.maintenance.check().faults}

    def undo(self) -> None:
        for (name, table), rows in self.before.items():
            with self.store(name).write() as tx:
                tx.run(f"DELETE FROM {table}")
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    tx.many(f"INSERT INTO {table} VALUES ({marks})", rows)


OTHERS_CELL = """UPDATE cell SET ct = (SELECT c.ct FROM cell c WHERE c.sno = 3 AND c.dom = ?
AND c.grp = cell.grp) WHERE sno = 1 AND dom = ?"""
OTHERS_KEY = """UPDATE subject_key SET wrapped = (SELECT k.wrapped FROM subject_key k
WHERE k.sno = 2 AND k.dom = ?) WHERE sno = 1 AND dom = ?"""
WIPED = b"\0" * 60


def breaks(shop: privet.Deployment) -> Iterator[tuple[str, Name, str, Sequence[object]]]:
    """Fault, store and the statement that makes it."""
    parts = shop._parts
    doms = {name: dom for dom, name in parts.vault.domain_names.items()}
    views, orders = doms["recommendations"], doms["orders/hold"]
    of_four = f"DELETE FROM {{}} WHERE sno = 4 AND dom = {orders}"
    yield "head.sealed", "data", "UPDATE head SET ct = ? WHERE sno = 1 AND dom = ?", (WIPED, views)
    yield "cell.missing", "data", "DELETE FROM cell WHERE sno = 1 AND dom = ?", (views,)
    yield "cell.orphan", "data", "DELETE FROM head WHERE sno = 1 AND dom = ?", (views,)
    yield "cell.orphan", "data", "UPDATE cell SET seq = seq + 90 WHERE sno = 1", ()
    yield "cell.count", "data", "UPDATE cell SET n = n + 1 WHERE sno = 2 AND dom = ?", (views,)
    yield (
        "cell.layout",
        "data",
        "UPDATE cell SET grp = grp + 900 WHERE sno = 2 AND dom = ?",
        (views,),
    )
    yield "cell.sealed", "data", OTHERS_CELL, (orders, orders)
    yield "cell.sealed", "data", "UPDATE cell SET lapses = lapses + 9 WHERE sno = 1", ()
    yield "key.closed", "keys", OTHERS_KEY, (views, views)
    yield "key.closed", "keys", "UPDATE subject_key SET kc = ? WHERE sno = 1", (b"x" * 16,)
    yield "key.missing", "keys", "DELETE FROM subject_key WHERE sno = 1 AND dom = ?", (orders,)
    yield "key.unused", "data", f"{of_four.format('head')}; {of_four.format('cell')}", ()
    yield "contribution.keyless", "keys", "DELETE FROM subject_key WHERE sno = 1", ()
    yield "contribution.sealed", "data", "UPDATE contribution SET ct = ? WHERE sno = 2", (WIPED,)
    yield "model.keyless", "keys", "DELETE FROM model_key", ()
    yield "model.key", "keys", "UPDATE model_key SET version = version + 50", ()
    yield "model.sealed", "data", "UPDATE model_page SET ct = ?", (WIPED,)
    yield "model.sealed", "data", "UPDATE model SET digest = ?", (WIPED[:32],)
    yield "model.pages", "data", "UPDATE model SET version = version + 50", ()
    yield "ref.missing", "keys", "DELETE FROM subject_ref WHERE sno = 3", ()
    yield "ref.dataless", "keys", "UPDATE subject_ref SET sno = 70 WHERE sno = 3", ()
    yield "ledger.mac", "data", "UPDATE ledger SET mac = ? WHERE sno = 1", (WIPED[:16],)
    yield "ledger.missing", "data", "DELETE FROM ledger WHERE sno = 2", ()
    yield "grounds.mac", "data", "UPDATE ground SET mac = ? WHERE sno = 1", (WIPED[:16],)
    yield "grounds.differ", "data", "DELETE FROM ground WHERE sno = 1", ()
    yield "bitmaps.mac", "data", "UPDATE ground_set SET mac = ?", (WIPED[:16],)
    yield "bitmaps.differ", "data", "DELETE FROM ground_set WHERE purpose = 'orders'", ()


def test_every_broken_invariant_is_named(where: str, tmp_path: Path, clock: Any) -> None:
    with opened(where, tmp_path, clock) as shop:
        filled(shop)
        by_hand = Breaker(shop)
        assert by_hand.found() == {}
        named = set()
        for code, store, sql, params in breaks(shop):
            by_hand.run(store, sql, params)
            found = by_hand.found()
            assert found.get(code), (code, sql, found)
            named.add(code)
            by_hand.undo()
        assert by_hand.found() == {}
        assert storefaults.CODES - named == {
            "cell.form", "key.erasing", "member.keyless", "member.sealed", "ledger.differs",
            "ledger.foreign", "fence.missing", "retention.due", "retention.late",
            "retention.purpose", "rollback.head", "rollback.gone",
        }  # fmt: skip


def test_a_ledger_that_the_log_did_not_write_is_told(tmp_path: Path, clock: Any) -> None:
    """Whoever has the MAC's key, too, cannot make the log say it."""
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        unguarded(shop)
        parts = shop._parts
        macs = parts.ledger._macs
        with parts.home.data.read() as tx:
            seq, sno, body = tx.all("SELECT seq, sno, body FROM ledger ORDER BY seq")[-1]
        text = bytes(body).replace(b"withdrawn", b"yes")
        with parts.home.data.write() as tx:
            mac = macs.entry(seq, sno, text)
            tx.run("UPDATE ledger SET body = ?, mac = ? WHERE seq = ?", (text, mac, seq))
        codes = {fault.code for fault in shop.maintenance.check().faults}
        assert {"ledger.differs", "grounds.differ"} <= codes
        with parts.home.data.write() as tx:
            body = bytes(body)
            tx.run(
                "UPDATE ledger SET body = ?, mac = ?, seq = ? WHERE seq = ?",
                (body, macs.entry(seq - 2, sno, body), seq - 2, seq),
            )
        codes = {fault.code for fault in shop.maintenance.check().faults}
        assert {"ledger.foreign", "ledger.missing"} <= codes


def test_an_erasure_that_lost_its_fence_is_told(tmp_path: Path, clock: Any) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        shop.subject(PEOPLE[0], proof="t").rights.erase()
        assert shop.maintenance.check().faults == ()
        with shop._parts.home.data.write() as tx:
            tx.run("DELETE FROM fence")
        assert "fence.missing" in {fault.code for fault in shop.maintenance.check().faults}


def test_a_shredding_that_was_cut_off_is_housekeeping(tmp_path: Path, clock: Any) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        parts = shop._parts
        shop.subject(PEOPLE[0], proof="t").consent.withdraw("recommendations")
        with parts.home.keys.write() as tx:
            dom = parts.vault._room.layouts.dom("orders/hold")
            tx.run("DELETE FROM subject_key WHERE sno = 2 AND dom = ?", (dom,))
        shop.principal("till", roles=["storefront"]).consent.end(PEOPLE[1], "orders")
        told = shop.maintenance.check()
        assert told.ok
        assert [(fault.code, fault.state) for fault in told.faults] == [("key.erasing", "warn")]


def test_what_is_told_is_numbers(tmp_path: Path, clock: Any) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        seen: list[tuple[int, int]] = []
        told = shop.maintenance.check(progress=lambda done, of: seen.append((done, of)))
        assert told.people == len(PEOPLE)
        assert told.entries > len(PEOPLE)
        assert seen[-1][0] == seen[-1][1]
        assert not any(person in repr(asdict(told)) for person in PEOPLE)
        records = shop._parts.log.leaves(told.record - 1, 2)
        assert [body["task"] for _, body in records] == ["store-check"] * 2
        assert records[0][1]["set"]["n"] == len(PEOPLE)
        assert records[1][1]["found"] == {}
        assert records[1][1]["digest"] == told.digest
        assert all(body["who"] == CALLER.pseudonym for _, body in records)


def lines(told: StoreCheck) -> dict[tuple[str, bool, str], tuple[str, int]]:
    return {(k.purpose, k.held, k.category): (k.oldest, k.due) for k in told.kept}


def test_the_retention_proof_names_the_oldest_row_and_what_the_sweep_takes(
    tmp_path: Path, clock: Any
) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        today = clock.now().date().isoformat()
        assert lines(shop.maintenance.check()) == {
            ("orders", False, "contact"): (today, 0),
            ("orders", True, "transaction"): (today, 0),
            ("recommendations", False, "behaviour"): (today, 0),
        }
        clock.advance(timedelta(days=410))  # past thirteen months
        told = shop.maintenance.check()
        assert lines(told)["recommendations", False, "behaviour"] == (today, 21)
        assert [(f.code, f.count) for f in told.faults] == [("retention.due", 21)]
        assert told.ok
        shop.maintenance.run()
        assert lines(shop.maintenance.check()).keys() == {
            ("orders", False, "contact"),
            ("orders", True, "transaction"),
        }


def test_a_person_put_back_whole_is_found_against_an_earlier_digest(
    where: str, tmp_path: Path, clock: Any
) -> None:
    with opened(where, tmp_path, clock) as shop:
        filled(shop)
        by_hand = Breaker(shop)
        looks = shop.principal("till", roles=["storefront"]).purpose("recommendations")
        looks.record(PEOPLE[0], "view", event_id="later", item="kettle")
        first = shop.maintenance.check(digest=tmp_path / "first")
        same = shop.maintenance.check(against=tmp_path / "first")
        assert same.ok
        assert same.digest == first.digest
        looks.record(PEOPLE[1], "view", event_id="later", item="kettle")
        shop.subject(PEOPLE[2], proof="t").consent.withdraw("recommendations")
        shop.subject(PEOPLE[3], proof="t").rights.erase()
        assert shop.maintenance.check(against=tmp_path / "first").faults == ()
        for name, table in (("data", "head"), ("data", "cell")):
            with by_hand.store(name).write() as tx:
                tx.run(f"DELETE FROM {table} WHERE sno = 1")
                mine = [row for row in by_hand.before[name, table] if row[0] == 1]
                marks = ", ".join("?" * len(mine[0]))
                tx.many(f"INSERT INTO {table} VALUES ({marks})", mine)
        assert shop.maintenance.check().ok  # she agrees with herself
        found = shop.maintenance.check(against=tmp_path / "first").faults
        assert [(fault.code, fault.count) for fault in found] == [("rollback.head", 1)]
        with by_hand.store("data").write() as tx:
            tx.run("DELETE FROM head WHERE sno = 1")
            tx.run("DELETE FROM cell WHERE sno = 1")
        codes = {f.code for f in shop.maintenance.check(against=tmp_path / "first").faults}
        assert "rollback.gone" in codes


def test_a_withdrawal_that_was_settled_after_the_digest_is_no_rollback(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        with monkeypatch.context() as cut:  # the process ended behind the record
            cut.setattr("privet.rights.answering.settle", lambda *_: [])
            shop.subject(PEOPLE[0], proof="t").consent.withdraw("recommendations")
        shop.maintenance.check(digest=tmp_path / "first")
        assert shop.maintenance.run()["withdrawals"] == 1
        assert shop.maintenance.check(against=tmp_path / "first").faults == ()


def test_a_digest_that_was_changed_or_made_up_is_refused(tmp_path: Path, clock: Any) -> None:
    with opened(str(tmp_path / "home"), tmp_path, clock) as shop:
        filled(shop)
        file = tmp_path / "digest"
        shop.maintenance.check(digest=file)
        assert file.stat().st_mode & 0o777 == 0o600
        assert not any(person.encode() in file.read_bytes() for person in PEOPLE)
        with pytest.raises(privet.InvalidInput) as caught:
            shop.maintenance.check(digest=file)
        assert caught.value.reason == "digest.exists"
        whole = file.read_bytes()
        for changed, reason in (
            (whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "digest.broken"),
            (whole[:-50], "digest.broken"),
            (b"x" + whole[1:], "digest.form"),
            (whole[:-8] + (0).to_bytes(8, "little"), "digest.unrecorded"),
        ):
            file.write_bytes(changed)
            with pytest.raises(privet.PrivetError) as refusal:
                shop.maintenance.check(against=file)
            assert refusal.value.reason == reason
