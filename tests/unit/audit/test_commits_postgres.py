"""Records of several processes on PostgreSQL: one journey alone, a held head among others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from privet.audit import Entry, Log, commits, merkle
from privet.audit.checkpoint import Verifier
from privet.crypto import Signer
from privet.db import Home, Store, create_stores, locate
from privet.db.store import Tx
from privet.errors import AuditUnavailable, StoreUnavailable

SIGNER = Signer(b"\x05" * 32)
LOST = StoreUnavailable("no", why="the connection broke", reason="store.unreachable")


@pytest.fixture
def stores(postgres_url: str) -> Iterator[Home]:
    home = create_stores(locate(postgres_url), "OFF")
    yield home
    home.close()


def make(home: Home, clock: Any) -> Log:
    return Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)


def calm(log: Log) -> None:
    """Let it find out that nobody else writes."""
    for n in range(commits.CALM + 1):
        log.append([Entry({"calm": n})])
    assert log._commits._calm >= commits.CALM


def check(home: Home, log: Log) -> list[bytes]:
    """The log is whole, and what is signed is what is stored."""
    with home.audit.read() as tx:
        rows = tx.all("SELECT seq, body FROM record ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(len(rows)))
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    bodies = [bytes(body) for _, body in rows]
    assert (signed.size, signed.root) == (
        len(rows),
        merkle.root([merkle.leaf_hash(body) for body in bodies]),
    )
    return bodies


class Counted:
    """Counts the journeys of one log: statements of their own, and transactions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.once, self.write = 0, 0
        once, write = Store.once, Store.write

        def counted_once(store: Store, *args: Any) -> Any:
            self.once += 1
            return once(store, *args)

        def counted_write(store: Store) -> Any:
            self.write += 1
            return write(store)

        monkeypatch.setattr(Store, "once", counted_once)
        monkeypatch.setattr(Store, "write", counted_write)


def test_alone_a_record_is_one_journey(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make(stores, clock)
    calm(log)
    counted = Counted(monkeypatch)
    assert log.append([Entry({"n": 1}, frozenset({7}))]) == [4]
    assert (counted.once, counted.write) == (1, 0)
    assert [record["seq"] for record in log.history(7)] == [4]
    check(stores, log)


def test_whoever_is_not_alone_any_more_notices_and_loses_nothing(stores: Home, clock: Any) -> None:
    one, other = make(stores, clock), make(stores, clock)
    calm(one)
    (seq,) = other.append([Entry({"who": "other"})])
    assert one.append([Entry({"who": "one"})]) == [seq + 1]
    assert one._commits._calm == 0
    check(stores, one)


@pytest.mark.parametrize("written", [True, False])
def test_an_answer_that_was_lost_is_found_in_the_head(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    log = make(stores, clock)
    calm(log)
    real = Store.once

    def lost(store: Store, *args: Any) -> Any:
        monkeypatch.setattr(Store, "once", real)
        if written:
            real(store, *args)
        raise LOST

    monkeypatch.setattr(Store, "once", lost)
    assert log.append([Entry({"n": "lost"})]) == [4]
    assert sum(b'"lost"' in body for body in check(stores, log)) == 1


def test_an_answer_that_was_lost_while_others_wrote_is_no_permission(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, other = make(stores, clock), make(stores, clock)
    calm(log)
    real = Store.once

    def lost(store: Store, *args: Any) -> Any:
        monkeypatch.setattr(Store, "once", real)
        other.append([Entry({"who": "other"})])
        raise LOST

    monkeypatch.setattr(Store, "once", lost)
    with pytest.raises(AuditUnavailable) as caught:
        log.authorise(Entry({"n": "lost"}))
    assert caught.value.reason == "store.unreachable"
    assert log.authorise(Entry({"n": "next"})).seq == 5
    check(stores, log)


def test_a_head_that_is_not_held_gives_no_warrant(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With READ COMMITTED and no lock two processes would read one head; one must not write."""
    log, other = make(stores, clock), make(stores, clock)
    log.append([Entry({"n": 0})])
    monkeypatch.setattr(Tx, "for_update", "")
    real = commits.Commits._write

    def late(self: commits.Commits, *args: Any) -> Any:
        monkeypatch.setattr(commits.Commits, "_write", real)
        other.append([Entry({"who": "other"})])
        return real(self, *args)

    monkeypatch.setattr(commits.Commits, "_write", late)
    with pytest.raises(AuditUnavailable) as caught:
        log.authorise(Entry({"n": "late"}, frozenset(range(100))))
    assert caught.value.reason == "store.conflict"
    assert log.append([Entry({"n": "next"})]) == [2]
    assert not any(b"late" in body for body in check(stores, log))
    assert log.history(7) == []


def test_what_others_see_may_not_be_durable_and_what_is_told_is(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock goes before the disk has the commit; the caller only after it."""
    from privet.db import piped

    log = make(stores, clock)
    log.append([Entry({"n": 0})])
    monkeypatch.setattr(piped, "SETTLE", "SELECT 1/0")
    with pytest.raises(AuditUnavailable):
        log.authorise(Entry({"n": 1}))
    monkeypatch.undo()
    assert log.size() == 2  # it is there, and nobody was told so
    assert log.authorise(Entry({"n": 2})).seq == 2


def test_a_commit_that_failed_leaves_no_connection_that_refuses_the_next(
    stores: Home, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver prepares in a pipeline is not there where an error came before it."""
    monkeypatch.setattr(commits, "CALM", float("inf"))
    log = make(stores, clock)
    for failing in range(12):  # past the number of uses after which the driver prepares
        with stores.audit.write() as tx:
            tx.run("ALTER TABLE record ADD CONSTRAINT closed CHECK (seq < 0) NOT VALID")
        with pytest.raises(AuditUnavailable):
            log.append([Entry({"n": failing})])
        with stores.audit.write() as tx:
            tx.run("ALTER TABLE record DROP CONSTRAINT closed")
        assert log.append([Entry({"n": failing})]) == [failing]
    check(stores, log)
