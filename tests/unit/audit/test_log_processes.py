"""Several processes over one store: one sequence, and what was acknowledged is there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

from privet.audit import Entry, Log, merkle
from privet.audit.checkpoint import Verifier
from privet.clock import SystemClock
from privet.crypto import Signer
from privet.db import Home, locate, open_stores

SIGNER_SEED = b"\x05" * 32


def log_of(home: Home) -> Log:
    origin = f"privet.dev/{home.deployment.hex()}"
    return Log(home.audit, Signer(SIGNER_SEED), origin, SystemClock())


def append(where: str, worker: int, count: int, pipe: Connection) -> None:
    home = open_stores(locate(where), "OFF")
    log = log_of(home)
    for i in range(count):
        warrant = log.authorise(Entry({"worker": worker, "n": i}, frozenset({worker})))
        pipe.send(warrant.seq)
    pipe.close()
    home.close()


def received(pipe: Connection) -> list[int]:
    seqs: list[int] = []
    try:
        while True:
            seqs.append(pipe.recv())
    except (EOFError, ConnectionResetError):
        return seqs


def start(where: str, worker: int, count: int) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=append, args=(where, worker, count, writer))
    process.start()
    writer.close()
    return process, reader


def check_tree(home: Home, log: Log) -> None:
    with home.audit.read() as tx:
        rows = tx.all("SELECT seq, body FROM record ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(len(rows)))
    leaves = [merkle.leaf_hash(bytes(body)) for _, body in rows]
    signed = Verifier.parse(log.vkey).open(log.checkpoint())
    assert (signed.size, signed.root) == (len(rows), merkle.root(leaves))


def test_processes_at_once_make_one_log(home: Home, where: str) -> None:
    team = [start(where, worker, 40) for worker in range(3)]
    seqs = [received(pipe) for _, pipe in team]
    for process, _ in team:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(seq for part in seqs for seq in part) == list(range(120))
    log = log_of(home)
    for worker, part in enumerate(seqs):
        assert [record["seq"] for record in log.history(worker)] == part
    check_tree(home, log)


def test_a_killed_process_leaves_every_warrant_with_its_record(home: Home, where: str) -> None:
    process, pipe = start(where, 5, 100_000)
    seqs = [pipe.recv() for _ in range(20)]
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    seqs += received(pipe)
    process.join(60)
    log = log_of(home)
    # A server may still finish a commit whose sender is dead; the next record waits for it.
    (after,) = log.append([Entry({"after": True})])
    held = [record["seq"] for record in log.history(5)]
    assert set(seqs) <= set(held)
    assert held == list(range(after))
    check_tree(home, log)
