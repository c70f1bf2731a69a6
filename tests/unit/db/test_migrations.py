"""The migrations make exactly the tables that the schema declares, and can be repeated."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

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
