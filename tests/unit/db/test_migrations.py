"""The migrations make exactly the tables that the schema declares, and can be repeated."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from tests import revisions

from privet.db import Home, create_stores, locate, migrate_stores, open_stores
from privet.db.schema import METADATA
from privet.errors import StoreUnavailable


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
def test_the_migrations_make_what_the_schema_declares(home: Home, name: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    store = getattr(home, name)
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA[name]) == []


def test_a_migration_may_run_again(where: str) -> None:
    create_stores(locate(where), "OFF").close()
    migrate_stores(locate(where))
    open_stores(locate(where), "OFF").close()


def _first(where: str) -> None:
    """A home with the tables of revision 0001, as released first, and rows of its own form."""
    revisions.made(where, "0001")
    meta = [
        ("policy", b"ab" * 32),
        ("policy:policy", b"one"),
        ("policy:data", b"2"),
        ("applied_seq", b"1"),
    ]
    ledger = ("seq", "sno", "purpose", "kind", "at", "notice", "jurisdiction", "event_id", "seen",
              "expires", "commitment", "mac")  # fmt: skip
    said = (1, 2, "p", "yes", 3, "code", "", "", -1, None, "", b"m")
    revisions.filled(
        where,
        {("data", "meta"): (("key", "value"), meta), ("data", "ledger"): (ledger, [said])},
    )


def test_a_home_of_the_first_revision_is_brought_up(where: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    _first(where)
    with pytest.raises(StoreUnavailable):
        open_stores(locate(where), "OFF")
    migrate_stores(locate(where))
    stores = open_stores(locate(where), "OFF")
    with stores.data._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA["data"]) == []
    with stores.data.read() as tx:
        # The log is what the ledger is learnt from again: nothing of it counts as applied.
        assert tx.all("SELECT 1 FROM ledger") == []
        assert tx.all("SELECT 1 FROM meta WHERE key = 'applied_seq'") == []
        assert tx.all("SELECT 1 FROM notice") == []
        assert tx.all("SELECT hash FROM policy_version") == [("ab" * 32,)]
        ((documents,),) = tx.all("SELECT documents FROM policy_version")
        assert json.loads(documents) == {"policy": "one", "data": "2"}
        assert tx.all("SELECT seq, hash, at FROM policy_activation") == [(-1, "ab" * 32, 0)]
        assert tx.all("SELECT key FROM meta WHERE key LIKE 'policy%'") == [("policy",)]
    stores.close()


def test_what_was_active_once_is_neither_changed_nor_deleted(home: Home) -> None:
    with home.data.write() as tx:
        tx.run("INSERT INTO policy_version (hash, documents) VALUES ('a', '{}')")
        tx.run("INSERT INTO policy_activation (seq, hash, at, detail) VALUES (1, 'a', 0, '{}')")
    for sql in ("UPDATE policy_version SET hash = 'b'", "DELETE FROM policy_activation"):
        with pytest.raises(StoreUnavailable), home.data.write() as tx:
            tx.run(sql)


def test_an_older_schema_is_refused_until_migrated(where: str) -> None:
    stores = create_stores(locate(where), "OFF")
    with stores.keys.write() as tx:
        tx.run("UPDATE alembic_version SET version_num = '0000'")
    stores.close()
    with pytest.raises(StoreUnavailable) as caught:
        open_stores(locate(where), "OFF")
    assert caught.value.reason == "store.schema"


def _create(place: str, queue: multiprocessing.SimpleQueue) -> None:  # type: ignore[type-arg]
    stores = create_stores(locate(place), "OFF")
    queue.put(stores.deployment)
    stores.close()


def test_processes_that_create_at_once_share_one_deployment(where: str) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    workers = [context.Process(target=_create, args=(where, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert len({queue.get() for _ in workers}) == 1
    for worker in workers:
        worker.join()


def test_a_creation_that_was_cut_off_begins_anew(tmp_path: Path) -> None:
    create_stores(locate(tmp_path / "home"), "OFF").close()
    (tmp_path / "home" / "audit.db").unlink()  # moved into place last
    create_stores(locate(tmp_path / "home"), "OFF").close()
