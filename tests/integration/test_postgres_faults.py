"""The server ends, hangs, is full or becomes another: a typed no, and nothing is lost."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import Server, server

import privet
from privet.audit import Entry, Log, merkle
from privet.audit.checkpoint import Verifier
from privet.clock import SystemClock
from privet.crypto import Signer
from privet.db import Home, create_stores, locate, open_stores
from privet.errors import AuditUnavailable, StoreUnavailable

WRITERS = 3


@pytest.fixture(scope="module")
def machine() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(scope="module")
def shop(machine: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[privet.Deployment]:
    ring = f"file:{tmp_path_factory.mktemp('ring') / 'ring'}"
    with privet.open(machine.url, policy="pack:shop", keyring=ring) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        ada = opened.subject("ada", proof="t")
        ada.consent.answer({"recommendations": True}, notice="1", how="web")
        yield opened


def view(shop: privet.Deployment, key: str) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    web.record("ada", "view", event_id=key, item="kettle")


def held(shop: privet.Deployment) -> int:
    """Grows with each event that is sealed."""
    return sum(n for (n,) in shop._parts.home.data.all("SELECT n FROM cell"))


def test_a_server_that_was_restarted_is_used_by_the_next_call(
    machine: Server, shop: privet.Deployment
) -> None:
    view(shop, "before")
    before = held(shop)
    machine.stop()
    with pytest.raises(privet.PrivetError) as refused:
        view(shop, "meanwhile")
    assert refused.value.reason == "store.unreachable"
    machine.start()
    view(shop, "after")
    assert held(shop) > before


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
def test_a_server_that_is_killed_within_a_transaction(
    machine: Server, shop: privet.Deployment, name: str
) -> None:
    store = getattr(shop._parts.home, name)
    before = store.all("SELECT count(*) FROM meta")
    with pytest.raises(StoreUnavailable) as refused, store.write() as tx:
        tx.run("INSERT INTO meta (key, value) VALUES (?, ?)", ("half", b"done"))
        machine.kill()
        tx.run("INSERT INTO meta (key, value) VALUES (?, ?)", ("rest", b"done"))
    assert refused.value.reason == "store.unreachable"
    machine.start()
    assert store.all("SELECT count(*) FROM meta") == before
    view(shop, f"after {name}")


def log_of(home: Home) -> Log:
    return Log(home.audit, Signer(b"\x05" * 32), "privet.dev/faults", SystemClock())


def write(url: str, worker: int, told: Connection) -> None:
    """Append until the server is gone, by four threads, and tell what was acknowledged."""
    home = open_stores(locate(url))
    log = log_of(home)
    lock = threading.Lock()

    def append(thread: int) -> None:
        n = 0
        while True:
            who = worker * 4 + thread
            try:
                warrant = log.authorise(Entry({"worker": who, "n": n}, frozenset({who})))
            except AuditUnavailable:
                return
            with lock:
                told.send((who, warrant.seq))
            n += 1

    team = [threading.Thread(target=append, args=(thread,)) for thread in range(4)]
    for member in team:
        member.start()
    for member in team:
        member.join()
    told.close()
    home.close()


def test_whatever_was_acknowledged_before_the_server_was_killed_is_there(machine: Server) -> None:
    import psycopg

    with psycopg.connect(machine.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE writers")
    url = machine.url.replace("/postgres?", "/writers?")
    create_stores(locate(url)).close()
    context = multiprocessing.get_context("spawn")
    pipes, team = [], []
    for worker in range(WRITERS):
        reader, writer = context.Pipe(duplex=False)
        team.append(context.Process(target=write, args=(url, worker, writer)))
        team[-1].start()
        writer.close()
        pipes.append(reader)
    for pipe in pipes:  # all of them write
        assert pipe.poll(60)
    time.sleep(0.3)
    machine.kill()
    told = [pair for pipe in pipes for pair in everything(pipe)]
    for member in team:
        member.join(60)
        assert member.exitcode == 0
    machine.start()
    home = open_stores(locate(url))
    log = log_of(home)
    assert log.append([Entry({"after": True})])
    with home.audit.read() as tx:
        rows = tx.all("SELECT seq, body FROM record ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(len(rows)))
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    leaves = [merkle.leaf_hash(bytes(body)) for _, body in rows]
    assert (signed.size, signed.root) == (len(rows), merkle.root(leaves))
    held = {(who, record["seq"]) for who in range(WRITERS * 4) for record in log.history(who)}
    assert len(told) > WRITERS
    assert len({seq for _, seq in told}) == len(told)
    assert set(told) <= held
    home.close()


def everything(pipe: Connection) -> Iterator[tuple[int, int]]:
    try:
        while True:
            yield pipe.recv()
    except (EOFError, ConnectionResetError):
        return


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> Iterator[Home]:
    """Stores whose times are short."""
    create_stores(locate(postgres_url)).close()
    monkeypatch.setattr("privet.db.store.LOCK_DEADLINE_S", 0.2)
    monkeypatch.setattr("privet.db.server.STATEMENT_S", 0.4)
    monkeypatch.setattr("privet.db.server.IDLE_S", 0.3)
    monkeypatch.setattr("privet.db.server.POOL_WAIT_S", 0.2)
    parameter = "&" if "?" in postgres_url else "?"
    home = open_stores(locate(f"{postgres_url}{parameter}privet_connections=2"))
    yield home
    home.close()


def reason_of(call: Any) -> str:
    began = time.monotonic()
    with pytest.raises(privet.PrivetError) as refused:
        call()
    assert time.monotonic() - began < 5
    return str(refused.value.reason)


def test_a_statement_ends_in_time(impatient: Home) -> None:
    assert reason_of(lambda: impatient.data.all("SELECT pg_sleep(60)")) == "store.slow"
    assert impatient.data.all("SELECT 1") == [(1,)]


def test_a_lock_is_waited_for_in_time(impatient: Home) -> None:
    log = log_of(impatient)
    log.append([Entry({"n": 0})])
    with impatient.audit.write() as tx:
        tx.one("SELECT size FROM head FOR UPDATE")
        assert reason_of(lambda: log.append([Entry({"n": 1})])) == "store.busy"
    assert log.append([Entry({"n": 2})]) == [1]


def test_a_transaction_left_idle_is_ended_and_the_next_begins_anew(impatient: Home) -> None:
    def idle() -> None:
        with impatient.data.read() as tx:
            tx.all("SELECT 1")
            time.sleep(0.6)  # the server's own clock
            tx.all("SELECT 1")

    assert reason_of(idle) == "store.unreachable"
    assert impatient.data.all("SELECT 1") == [(1,)]


def test_a_pool_that_is_spent_is_told_in_time(impatient: Home) -> None:
    with impatient.data.read() as one, impatient.data.read() as two:
        assert [tx.all("SELECT 1") for tx in (one, two)] == [[(1,)], [(1,)]]
        assert reason_of(lambda: impatient.data.all("SELECT 1")) == "store.busy"
    assert impatient.data.all("SELECT 1") == [(1,)]


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("privet.db.server.CONNECT_S", 2)  # the least that the driver takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d"
        assert reason_of(lambda: privet.open(where, keyring="file:x")) == "store.unreachable"


def test_a_replica_and_a_server_that_took_over_are_refused(
    machine: Server, shop: privet.Deployment, tmp_path: Path
) -> None:
    """Last: the server of this module is another one afterwards."""
    import psycopg

    view(shop, "on the primary")
    machine.stop()
    machine.signal_standby()
    machine.start()
    assert reason_of(lambda: privet.open(machine.url, keyring="file:x")) == "store.replica"
    assert reason_of(lambda: view(shop, "on the replica")) == "store.replica"
    with psycopg.connect(machine.url, autocommit=True) as admin:
        admin.execute("SELECT pg_promote()")
    assert reason_of(lambda: privet.open(machine.url, keyring="file:x")) == "store.moved"
    # A process that was there all the time notices it as well.
    assert reason_of(lambda: view(shop, "on the one that took over")) == "store.moved"


def test_a_server_that_loses_commits_is_refused() -> None:
    with server(fsync="off") as volatile:
        assert reason_of(lambda: create_stores(locate(volatile.url))) == "store.volatile"
        create_stores(locate(volatile.url), "OFF").close()  # said in words: for tests
