"""A home of every revision that was released, with people in it, is brought up whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import revisions

import privet
from privet.db import locate, migrate_stores, open_stores
from privet.db.home import STORES, _engine
from privet.db.migrate import REVISION, revision
from privet.recommend import Popularity
from privet.testing import FakeClock

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PEOPLE = [f"person-{n}" for n in range(6)]
EARLIER = ["0001", "0002", "0003", "0004", "0005"]


def filled(shop: privet.Deployment) -> None:
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    till = shop.principal("till", roles=["storefront"])
    orders, looks = till.purpose("orders"), till.purpose("recommendations")
    for n, person in enumerate(PEOPLE):
        till.consent.begin(person, "orders")
        orders.describe(person, email=f"{person}@example.com")
        orders.record(person, "purchase", item="kettle", order=f"o{n}", quantity=n, value="2.50")
        yes = {"recommendations": True, "newsletter": False}
        shop.subject(person, proof="t").consent.answer(yes, notice="1", how="web")
        looks.record(person, "view", event_id=str(n), item="kettle")
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("popular", Popularity(event="view")))
    shop.subject(PEOPLE[4], proof="t").consent.withdraw("recommendations")
    shop.subject(PEOPLE[5], proof="t").rights.erase()
    assert -1 not in shop.maintenance.run().values()


def told(shop: privet.Deployment) -> dict[str, Any]:
    """All that people are told of themselves, and what is recommended to them."""
    found = {}
    looks = shop.principal("till", roles=["storefront"]).purpose("recommendations")
    for person in PEOPLE[:5]:
        mine = shop.subject(person, proof="t").rights.access()
        found[person] = {
            name: mine[name] for name in ("ids", "profile", "events", "evidence", "models")
        }
        found[person]["grounds"] = sorted(json.dumps(one) for one in mine["grounds"])
        found[person]["picks"] = [pick.item for pick in looks.recommend(person)]
    return found


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a home holds in which all of it happened, row by row, and what people were told."""
    root = tmp_path_factory.mktemp("lived")
    clock = FakeClock(START)
    place = {"keyring": f"file:{root / 'ring'}", "clock": clock, "sync": "OFF"}
    with privet.open(root / "home", policy="pack:shop", **place) as shop:
        filled(shop)
        before = told(shop)
        deployment = shop._parts.home.deployment
        documents = shop.policy.documents
        policy = shop.policy.hash
    return {
        "rows": revisions.taken(root / "home"),
        "told": before,
        "place": place,
        "deployment": deployment,
        "policy": (policy, documents),
    }


def home_of(where: str, number: str, lived: dict[str, Any]) -> None:
    """A home of one revision with the rows of the one in which people lived."""
    revisions.made(where, number, lived["deployment"])
    rows = dict(lived["rows"])
    if number < "0003":  # the active policy's documents lay with the other settings
        digest, documents = lived["policy"]
        meta = [row for row in rows["data", "meta"][1] if row[0] != "policy"]
        meta.append(("policy", digest.encode()))
        meta += [(f"policy:{name}", text.encode()) for name, text in documents.items()]
        rows["data", "meta"] = rows["data", "meta"][0], meta
    if number < "0005":  # a row a change; its checksums are another key's, as if it were damaged
        rows["data", "ledger"] = (
            OLD_LEDGER,
            [(n, 1, "orders", "begun", 1, "", "", "", -1, None, "", b"m") for n in range(3)],
        )
    revisions.filled(where, rows)


OLD_LEDGER = (
    "seq", "sno", "purpose", "kind", "at", "notice", "jurisdiction", "event_id", "seen",
    "expires", "commitment", "mac",
)  # fmt: skip


@pytest.mark.parametrize("number", EARLIER)
def test_a_home_of_every_released_revision_is_brought_up(
    number: str, where: str, lived: dict[str, Any]
) -> None:
    home_of(where, number, lived)
    with pytest.raises(privet.StoreUnavailable) as refusal:
        privet.open(where, **lived["place"])
    assert refusal.value.reason == "store.schema"
    assert "privet init --migrate" in refusal.value.remedy
    migrate_stores(locate(where))
    migrate_stores(locate(where))  # again: nothing is left to do
    with privet.open(where, **lived["place"]) as shop:
        assert told(shop) == lived["told"]
        assert shop.maintenance.check().faults == ()
        assert {f.check: f.state for f in shop.maintenance.examine()}["audit log"] == "ok"
        shop.subject("newcomer", proof="t").consent.answer(
            {"recommendations": True}, notice="1", how="web"
        )
        assert shop.subject(PEOPLE[0], proof="t").rights.erase().state == "held"
        assert shop.maintenance.check().faults == ()


def _killed_before(where: str, last: str) -> None:
    from privet.db import migrate

    upgrade = migrate.upgrade

    def one_less(name: str, engine: object) -> None:
        if name == last:
            os.kill(os.getpid(), signal.SIGKILL)
        upgrade(name, engine)  # type: ignore[arg-type]

    migrate.upgrade = one_less  # type: ignore[assignment]
    migrate_stores(locate(where))


@pytest.mark.parametrize("last", ["audit"])
def test_a_migration_that_was_killed_between_two_stores_goes_on(
    where: str, last: str, lived: dict[str, Any]
) -> None:
    home_of(where, "0005", lived)
    child = multiprocessing.get_context("spawn").Process(target=_killed_before, args=(where, last))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    done = {name: _revision_of(where, name) for name in STORES}
    assert done["data"] == REVISION
    assert done[last] == "0005"
    with pytest.raises(privet.StoreUnavailable) as refusal:
        privet.open(where, **lived["place"])
    assert refusal.value.reason == "store.schema"
    migrate_stores(locate(where))
    with privet.open(where, **lived["place"]) as shop:
        assert told(shop) == lived["told"]


def _revision_of(where: str, name: Any) -> str:
    engine = _engine(locate(where), name, "OFF")
    try:
        return revision(engine)
    finally:
        engine.dispose()


def test_a_migration_that_fails_leaves_its_store_as_it_was(
    where: str, lived: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails at its very end: all that it did before is taken back."""
    home_of(where, "0005", lived)
    before = _all_rows(where)
    monkeypatch.setattr(
        "privet.db.guards.keeps_its_word", lambda _: ["SELECT nothing FROM nowhere"]
    )
    with pytest.raises(privet.StoreUnavailable) as refusal:
        migrate_stores(locate(where))
    assert refusal.value.reason == "store.migration"
    assert "nowhere" not in str(refusal.value)
    assert _all_rows(where) == before
    monkeypatch.undo()
    migrate_stores(locate(where))
    with privet.open(where, **lived["place"]) as shop:
        assert told(shop) == lived["told"]


def _all_rows(where: str) -> dict[str, Any]:
    engine = _engine(locate(where), "data", "OFF")
    with engine.connect() as connection:
        tables = ("ledger", "ground", "ground_set", "cell", "meta", "notice", "alembic_version")
        found = {
            table: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}").all()))
            for table in tables
        }
    engine.dispose()
    return found


def test_an_older_privet_refuses_a_newer_home_and_says_so(
    where: str, lived: dict[str, Any]
) -> None:
    home_of(where, "0005", lived)
    migrate_stores(locate(where))
    stores = open_stores(locate(where), "OFF")
    with stores.audit.write() as tx:
        tx.run("UPDATE alembic_version SET version_num = '0099'")
    stores.close()
    for attempt in (
        lambda: open_stores(locate(where), "OFF"),
        lambda: migrate_stores(locate(where)),
    ):
        with pytest.raises(privet.StoreUnavailable) as refusal:
            attempt()
        assert refusal.value.reason == "store.newer"
        assert "newer privet" in refusal.value.what


def test_a_migration_waits_for_whoever_writes(tmp_path: Path, lived: dict[str, Any]) -> None:
    from privet.db.store import FileLock

    where = str(tmp_path / "home")
    home_of(where, "0005", lived)
    lock = FileLock(tmp_path / "home" / "data.lock")
    with lock.held("data"), pytest.MonkeyPatch.context() as patched:
        patched.setattr("privet.db.store.LOCK_DEADLINE_S", 0.05)
        with pytest.raises(privet.StoreUnavailable) as refusal:
            migrate_stores(locate(where))
    assert refusal.value.reason == "store.busy"
    lock.close()


def test_nobody_lapses_or_comes_back_by_a_migration(tmp_path: Path, lived: dict[str, Any]) -> None:
    where = str(tmp_path / "home")
    home_of(where, "0005", lived)
    migrate_stores(locate(where))
    clock = FakeClock(START + timedelta(days=1))
    with privet.open(where, **{**lived["place"], "clock": clock}) as shop:
        assert shop.subject(PEOPLE[4], proof="t").consent.state()["recommendations"] != "active"
        looks = shop.principal("till", roles=["storefront"]).purpose("recommendations")
        with pytest.raises(privet.PrivetError):
            looks.record(PEOPLE[5], "view", event_id="x", item="kettle")
