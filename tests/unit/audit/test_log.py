"""The log over both databases: durable, in order, and nothing without a commit."""

from __future__ import annotations

import os
import pickle
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from privet.audit import Entry, Log, merkle, sets
from privet.audit.checkpoint import Verifier
from privet.crypto import Signer
from privet.db import Home, open_stores, store
from privet.errors import AuditUnavailable, HandleInvalid

SIGNER = Signer(b"\x05" * 32)


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    return make(home, clock)


def make(home: Home, clock: Any) -> Log:
    return Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)


def entry(*subjects: int, **body: Any) -> Entry:
    return Entry({"kind": "access", **body}, frozenset(subjects), "recommendations")


def bodies(home: Home) -> list[bytes]:
    with home.audit.read() as tx:
        return [bytes(b) for (b,) in tx.all("SELECT body FROM record ORDER BY seq")]


def test_records_get_consecutive_numbers_and_come_back(log: Log, clock: Any) -> None:
    assert log.append([]) == []
    assert log.append([entry(3, n=1), entry(n=2)]) == [0, 1]
    clock.advance(timedelta(seconds=1))
    assert log.append([entry(n=3)]) == [2]
    assert log.size() == 3
    got = log.leaves(0, 10)
    assert [seq for seq, _ in got] == [0, 1, 2]
    assert got[0][1]["set"] == {"n": 1, "snos": [3]}
    assert "set" not in got[1][1]
    assert got[2][1]["ts"] - got[1][1]["ts"] == 1_000_000
    assert log.leaves(1, 1) == [got[1]]


def test_the_checkpoint_signs_the_root_over_the_stored_bytes(home: Home, log: Log) -> None:
    for size in range(1, 6):
        log.append([entry(size, n=size)])
        signed = Verifier.parse(log.vkey).open(log.checkpoint())
        assert signed.size == size
        assert signed.root == merkle.root([merkle.leaf_hash(b) for b in bodies(home)])
    assert Verifier.parse(log.vkey).public == log.public == SIGNER.public


def test_an_empty_log_has_the_checkpoint_of_the_empty_tree(log: Log) -> None:
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    assert (log.size(), signed.size, signed.root) == (0, 0, merkle.EMPTY_ROOT)


def test_whole_tiles_of_all_levels_are_stored_as_the_log_grows(home: Home, log: Log) -> None:
    log.append([Entry({"n": i}) for i in range(255)])
    for start in (255, 256, 300):
        log.append([Entry({"n": start})])
    log.append([Entry({"n": i}) for i in range(65_536 - log.size())])
    leaves = [merkle.leaf_hash(b) for b in bodies(home)]
    with home.audit.read() as tx:
        tiles = {
            (level, idx): bytes(h)
            for level, idx, h in tx.all("SELECT level, idx, hashes FROM tile")
        }
    assert len(tiles) == 256 + 1
    assert tiles[0, 1] == b"".join(leaves[256:512])
    roots = [merkle.root(leaves[i : i + 256]) for i in range(0, 65_536, 256)]
    assert tiles[1, 0] == b"".join(roots)


def test_a_warrant_names_the_record_and_its_exact_set(log: Log) -> None:
    log.append([entry()])
    warrant = log.authorise(entry(4, 9))
    assert (warrant.seq, warrant.purpose) == (1, "recommendations")
    assert warrant.covers(4)
    assert not warrant.covers(5)
    with pytest.raises(TypeError):
        pickle.dumps(warrant)


def test_history_finds_single_and_bulk_accesses_and_names_nobody_else(log: Log) -> None:
    log.append([entry(7, 8, n=0), entry(8, n=1)])
    log.append([entry(*range(1, 200, 2), n=2), entry(*range(0, 200, 2), n=3)])
    log.append([entry(*range(70_000, 70_100), 7, n=4)])
    seen = log.history(7)
    assert [(r["seq"], r["n"]) for r in seen] == [(0, 0), (2, 2), (4, 4)]
    assert [r["set"] for r in seen] == [{"n": 2}, {"n": 100}, {"n": 101}]
    assert [r["seq"] for r in log.history(70_050)] == [4]
    assert log.history(65_536) == []


def test_redo_gives_only_what_state_is_rebuilt_from(log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr("privet.audit.log.PAGE", 3)
    log.append([Entry({"n": i}, redo=i % 2 == 0) for i in range(20)])
    assert [(seq, body["n"]) for seq, body in log.redo(-1)] == [(i, i) for i in range(0, 20, 2)]
    assert [seq for seq, _ in log.redo(4, 10)] == [6, 8, 10]
    assert list(log.redo(18)) == []


def test_ts_never_falls_where_the_clock_lags_a_little(log: Log, clock: Any) -> None:
    log.append([entry()])
    clock.advance(timedelta(minutes=-4))
    log.append([entry()])
    first, second = log.leaves(0, 2)
    assert first[1]["ts"] == second[1]["ts"]


def test_a_clock_far_behind_the_log_is_refused(log: Log, clock: Any) -> None:
    log.append([entry()])
    clock.advance(timedelta(minutes=-6))
    with pytest.raises(AuditUnavailable) as caught:
        log.authorise(entry(1))
    assert caught.value.reason == "clock.backwards"
    assert log.size() == 1
    clock.advance(timedelta(minutes=6))
    assert log.append([entry()]) == [1]


def test_one_checkpoint_a_minute_is_kept(home: Home, log: Log, clock: Any) -> None:
    other = make(home, clock)
    for _ in range(5):
        log.append([entry()])
        other.append([entry()])
        clock.advance(timedelta(seconds=20))
    with home.audit.read() as tx:
        kept = tx.all("SELECT size, note FROM checkpoint ORDER BY size")
    assert [size for size, _ in kept] == [1, 7]
    assert Verifier.parse(log.vkey).open(bytes(kept[1][1])).size == 7


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Entry({"ts": 1}), "record.form"),
        (Entry({"set": {}}), "record.form"),
        (Entry({"f": 1.5}), "record.form"),
        (Entry({"f": "x" * 70_000}), "record.size"),
        (Entry({}, frozenset({-1})), "record.set"),
    ],
)
def test_a_bad_entry_is_refused_and_nothing_beside_it_is_recorded(
    log: Log, bad: Entry, reason: str
) -> None:
    with pytest.raises(AuditUnavailable) as caught:
        log.append([entry(n=1), bad])
    assert caught.value.reason == reason
    assert log.size() == 0


def test_many_threads_share_one_sequence(home: Home, log: Log) -> None:
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: (i, log.append([entry(i, n=i)])[0]), range(200)))
    assert sorted(seq for _, seq in got) == list(range(200))
    bodies_by_seq = dict(log.leaves(0, 300))
    assert all(bodies_by_seq[seq]["n"] == i for i, seq in got)
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    assert signed.root == merkle.root([merkle.leaf_hash(b) for b in bodies(home)])


def test_two_logs_over_one_store_take_turns(home: Home, clock: Any) -> None:
    logs = [make(home, clock), make(home, clock)]
    with ThreadPoolExecutor(8) as pool:
        seqs = list(pool.map(lambda i: logs[i % 2].append([entry(i)])[0], range(80)))
    assert sorted(seqs) == list(range(80))
    signed = Verifier.parse(logs[0].vkey).open(logs[1].checkpoint())
    assert signed.root == merkle.root([merkle.leaf_hash(b) for b in bodies(home)])


def test_writers_that_begin_a_log_at_once_both_find_its_head(home: Home, clock: Any) -> None:
    logs = [make(home, clock) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        seqs = list(pool.map(lambda log: log.append([entry()])[0], logs))
    assert sorted(seqs) == list(range(6))


FAULTY = [entry(1, 2), entry(*range(100)), *[entry(n=i) for i in range(254)]]


@contextmanager
def faulty(monkeypatch: Any, at: int) -> Any:
    """The statement numbered ``at`` (from 0, after the BEGIN) raises, and those after it."""
    calls = iter(range(at))

    def strike() -> None:
        if next(calls, None) is None:
            raise OSError("Ada's row")

    class Cursor:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def execute(self, sql: str, *args: Any) -> Any:
            if sql != "ROLLBACK":
                strike()
            return self._inner.execute(sql, *args)

        def executemany(self, *args: Any) -> Any:
            strike()
            return self._inner.executemany(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    real = store.Tx.__init__

    def wrapped(self: store.Tx, cursor: Any, owner: store.Store) -> None:
        real(self, Cursor(cursor), owner)

    with monkeypatch.context() as patch:
        patch.setattr(store.Tx, "__init__", wrapped)
        yield


@pytest.mark.parametrize("before", [0, 1])
def test_whichever_statement_fails_there_is_no_warrant_and_no_record(
    home: Home, log: Log, monkeypatch: Any, before: int
) -> None:
    log.append([entry()] * before)
    seqs: list[int] = []
    failures, told = 0, ""
    while not seqs:
        with faulty(monkeypatch, failures):
            try:
                seqs = log.append(FAULTY)
            except AuditUnavailable as error:
                told += traceback.format_exc() + repr(error)
                failures += 1
        assert log.size() == before + len(seqs)
    assert "AuditUnavailable" in told
    assert "Ada" not in told
    # Head, record, single, set_chunk, leaves of a tile, tile, head at the least; PostgreSQL
    # writes records, sets and the head by one.
    assert failures >= (7 if home.audit.dialect == "sqlite" else 4)
    assert seqs == list(range(before, before + len(FAULTY)))
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    assert signed.root == merkle.root([merkle.leaf_hash(b) for b in bodies(home)])


@contextmanager
def commit_fails(monkeypatch: Any) -> Any:
    real = store._Transaction.__exit__

    def failing(self: Any, *_: object) -> None:
        full = OSError("no space left")
        real(self, OSError, full, None)
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(store._Transaction, "__exit__", failing)
        yield


def test_a_failed_commit_gives_nothing_and_is_forgotten(
    home: Home, log: Log, monkeypatch: Any
) -> None:
    log.append([entry()])
    with commit_fails(monkeypatch), pytest.raises(AuditUnavailable):
        log.authorise(entry(1))
    assert log.size() == 1
    assert log.authorise(entry(1)).seq == 1


@pytest.mark.parametrize(
    "place", ["privet.audit.merkle.leaf_hash", "privet.audit.commits._insert_tile"]
)
def test_a_fault_in_the_tree_gives_no_warrant(log: Log, monkeypatch: Any, place: str) -> None:
    log.append([entry(n=i) for i in range(255)])

    def broken(*args: Any) -> bytes:
        raise ValueError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(place, broken)
        with pytest.raises(AuditUnavailable):
            log.authorise(entry(1))
    assert log.size() == 255
    assert log.append([entry(1)]) == [255]


def test_a_clock_that_raises_gives_no_warrant(home: Home) -> None:
    class Broken:
        def now(self) -> Any:
            raise OSError("no clock")

    with pytest.raises(AuditUnavailable):
        make(home, Broken()).authorise(entry(1))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE head SET size = size + 1", "audit.head"),
        ("UPDATE head SET frontier = note", "audit.head"),
        ("UPDATE head SET note = frontier", "audit.head"),
        ("DELETE FROM head", "audit.head"),
    ],
)
def test_a_head_that_this_log_did_not_sign_is_refused(
    home: Home, log: Log, change: str, reason: str
) -> None:
    log.append([entry(), entry()])
    with home.audit.write() as tx:
        tx.run(change)
    with pytest.raises(AuditUnavailable) as caught:
        log.authorise(entry(1))
    assert caught.value.reason == reason


def test_a_head_of_another_key_is_refused(home: Home, log: Log, clock: Any) -> None:
    log.append([entry()])
    foreign = Log(home.audit, Signer(b"\x06" * 32), f"privet.dev/{home.deployment.hex()}", clock)
    with pytest.raises(AuditUnavailable):
        foreign.authorise(entry(1))


def test_a_rollback_beneath_a_running_log_is_noticed(home: Home, log: Log) -> None:
    log.append([entry()])
    with home.audit.read() as tx:
        old = tx.one("SELECT size, frontier, note, ts FROM head")
    log.append([entry()])
    with home.audit.write() as tx:
        # A properly signed but older head.
        tx.run("UPDATE head SET size = ?, frontier = ?, note = ?, ts = ?", old)
    with pytest.raises(AuditUnavailable) as caught:
        log.append([entry()])
    assert caught.value.reason == "audit.rolled-back"


@pytest.mark.parametrize("table", ["record", "single", "set_chunk", "checkpoint"])
def test_the_store_itself_refuses_to_change_a_record(home: Home, log: Log, table: str) -> None:
    log.append([entry(1), entry(*range(100))])
    with pytest.raises(Exception, match=r"audit store refused"), home.audit.write() as tx:
        tx.run(f"DELETE FROM {table}")


def test_a_writer_that_never_ends_is_not_waited_for_without_end(
    home: Home, log: Log, clock: Any, monkeypatch: Any
) -> None:
    log.append([entry()])
    monkeypatch.setattr("privet.db.store.LOCK_DEADLINE_S", 0.2)
    second = open_stores(home.location, "OFF")
    try:
        with home.audit.write() as tx:
            tx.one(f"SELECT size FROM head{tx.for_update}")
            with pytest.raises(AuditUnavailable) as caught:
                make(second, clock).authorise(entry(1))
        assert caught.value.reason == "store.busy"
        assert make(second, clock).append([entry()]) == [1]
    finally:
        second.close()


def test_a_handle_from_before_a_fork_is_refused(log: Log) -> None:
    log.append([entry()])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        answer = b"recorded"
        try:
            log.authorise(entry(1))
        except HandleInvalid as error:
            answer = error.reason.encode()
        finally:
            os.write(write, answer)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"handle.forked"
    os.close(read)
    os.close(write)
    assert log.append([entry()]) == [1]


def test_a_closed_deployment_records_nothing(home: Home, log: Log) -> None:
    home.audit.close()
    with pytest.raises(HandleInvalid):
        log.append([entry()])


def test_a_bulk_set_is_committed_in_the_record_and_stored_in_chunks(home: Home, log: Log) -> None:
    subjects = frozenset(range(0, 300_000, 2))
    log.append([Entry({"kind": "train"}, subjects)])
    value = log.leaves(0, 1)[0][1]["set"]
    with home.audit.read() as tx:
        chunks = {c: bytes(b) for c, b in tx.all("SELECT chunk, bits FROM set_chunk")}
    assert list(chunks) == value["chunks"]
    proof = sets.prove(value, chunks, 299_998)
    assert sets.contains(value, 299_998, proof)
    assert not sets.contains(value, 299_999, proof)
