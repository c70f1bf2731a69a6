"""The stores: snapshots, one writer, no handle across a fork, no two deployments mixed."""

from __future__ import annotations

import multiprocessing
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from privet.db import Home, create_stores, locate, open_stores
from privet.errors import HandleInvalid, PrivetError, StoreUnavailable


def test_a_write_is_read_back(home: Home) -> None:
    with home.data.write() as tx:
        tx.run("INSERT INTO fence VALUES (?, ?, ?)", (1, "till", 5))
    with home.data.read() as tx:
        assert tx.one("SELECT seq FROM fence WHERE request = ?", ("till",)) == (5,)


def test_a_failed_block_leaves_nothing(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), home.data.write() as tx:
        tx.run("INSERT INTO fence VALUES (?, ?, ?)", (1, "till", 5))
        raise ZeroDivisionError
    with home.data.read() as tx:
        assert tx.all("SELECT * FROM fence") == []


def test_the_log_refuses_updates_and_deletes(home: Home) -> None:
    with home.audit.write() as tx:
        tx.run("INSERT INTO single (sno, seq) VALUES (?, ?)", (1, 2))
    for statement in ("DELETE FROM single", "UPDATE single SET seq = 3"):
        with pytest.raises(StoreUnavailable), home.audit.write() as tx:
            tx.run(statement)


def test_driver_errors_carry_no_values(home: Home) -> None:
    secret = "canary-77f1"
    with pytest.raises(PrivetError) as caught, home.data.write() as tx:
        tx.run("INSERT INTO fence VALUES (?, ?, ?)", (1, secret, 1))
        tx.run("INSERT INTO fence VALUES (?, ?, ?)", (1, secret, 1))
    assert secret not in f"{caught.value!s}{caught.value!r}{caught.value.args}"
    assert caught.value.__cause__ is None


def test_a_handle_across_a_fork_is_refused(home: Home) -> None:
    def child(queue: multiprocessing.SimpleQueue) -> None:  # type: ignore[type-arg]
        try:
            with home.data.read() as tx:
                tx.all("SELECT 1")
        except HandleInvalid as error:
            queue.put(error.reason)
        else:
            queue.put("released")

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get() == "handle.forked"
    process.join()


def test_a_closed_handle_is_refused(home: Home) -> None:
    home.close()
    with pytest.raises(HandleInvalid), home.data.read() as tx:
        tx.all("SELECT 1")


def test_stores_of_two_deployments_do_not_mix(tmp_path: Path) -> None:
    for name in ("one", "two"):
        create_stores(locate(tmp_path / name), "OFF").close()
    shutil.copy(tmp_path / "two" / "keys.db", tmp_path / "one" / "keys.db")
    with pytest.raises(StoreUnavailable) as caught:
        open_stores(locate(tmp_path / "one"), "OFF")
    assert caught.value.reason == "store.mixed"


def test_a_host_registry_never_sees_the_tables() -> None:
    from privet.db.schema import METADATA

    own = {name for metadata in METADATA.values() for name in metadata.tables}
    assert {"cell", "subject_key", "record"} <= own
    assert not SQLModel.metadata.tables.keys() & own  # a host's own may be there


def test_few_commits_that_write_much_do_not_leave_a_long_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privet.db.store.CHECKPOINT_BYTES", 2**20)
    monkeypatch.setattr("privet.db.home.LOG_KEPT_BYTES", 2**19)
    with closing(create_stores(locate(tmp_path / "home"), "OFF")) as home:
        assert home.data.file is not None
        log = Path(f"{home.data.file}-wal")
        for n in range(12):
            with home.data.write() as tx:
                tx.run("INSERT INTO meta (key, value) VALUES (?, ?)", (f"x{n}", b"0" * 2**19))
        assert log.stat().st_size < 3 * 2**20
        with home.data.read() as tx:
            assert tx.all("SELECT COUNT(*) FROM meta WHERE key LIKE 'x%'") == [(12,)]
