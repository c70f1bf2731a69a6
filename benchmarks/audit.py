"""What the audit log costs, as one JSON object on standard output.

    python benchmarks/audit.py [DIRECTORY]

Durable means fully synchronous SQLite commits in DIRECTORY (a temporary one when left
out), so the figures are this disk's; ``fsync_ms`` is the disk alone, to compare with.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from privet.audit import Entry, Log, export, sets
from privet.clock import SystemClock
from privet.crypto import Signer
from privet.db import Home, create_stores, locate, open_stores

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = b"\x01" * 32
BODY = {
    "kind": "access",
    "who": 3,
    "roles": ["recommender"],
    "purpose": "recommendations",
    "action": "read",
    "decision": "permit",
    "permits": ["recommend-baskets"],
    "policy": "9f86d081884c7d65",
    "fields": ["purchase.item", "purchase.quantity"],
    "rows": 412,
}


def log_of(home: Home) -> Log:
    return Log(home.audit, Signer(SEED), "privet.dev/bench", SystemClock())


def entry(sno: int) -> Entry:
    return Entry(BODY, frozenset({sno}), "recommendations")


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def fsync_ms(directory: Path) -> float:
    path = directory / "probe"
    with path.open("wb") as file:

        def once() -> None:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

        seconds = [timed(once) for _ in range(300)]
    path.unlink()
    return statistics.median(seconds) * 1e3


def single(log: Log, count: int = 1000) -> dict[str, float]:
    seconds = sorted(timed(partial(log.authorise, entry(i))) for i in range(count))
    return {"p50_ms": seconds[count // 2] * 1e3, "p99_ms": seconds[count * 99 // 100] * 1e3}


def threads(log: Log, workers: int = 16, count: int = 8000) -> float:
    with ThreadPoolExecutor(workers) as pool:
        seconds = timed(lambda: list(pool.map(lambda i: log.append([entry(i)]), range(count))))
    return count / seconds


def one_process(directory: str, start: float, count: int) -> None:
    home = open_stores(locate(directory))
    log = log_of(home)
    time.sleep(max(0.0, start - time.time()))
    for i in range(count):
        log.append([entry(i)])
    home.close()


def processes(directory: Path, workers: int = 4, count: int = 500) -> float:
    context = multiprocessing.get_context("spawn")
    start = time.time() + 4
    team = [
        context.Process(target=one_process, args=(str(directory), start, count))
        for _ in range(workers)
    ]
    for member in team:
        member.start()
    for member in team:
        member.join()
    if any(member.exitcode for member in team):
        raise SystemExit("a process failed")
    return workers * count / (time.time() - start)


def bulk_set(log: Log) -> dict[str, float]:
    subjects = frozenset(random.Random(1).sample(range(1_000_000), 100_000))
    committed = statistics.median(timed(lambda: sets.commit(subjects)) for _ in range(20))
    about = sets.commit(subjects)
    proof = sets.prove(about.value, about.chunks, 70_000)
    assert proof is not None
    bulk = Entry(BODY, subjects)
    return {
        "commit_ms": committed * 1e3,
        "append_ms": statistics.median(timed(lambda: log.append([bulk])) for _ in range(20)) * 1e3,
        "prove_ms": timed(lambda: sets.prove(about.value, about.chunks, 70_000)) * 1e3,
        "proof_bytes": len(proof.bits) + sum(map(len, proof.path)),
        "stored_bytes_a_subject": sum(map(len, about.chunks.values())) / len(subjects),
    }


def whole_log(home: Home, log: Log, directory: Path, size: int = 100_000) -> dict[str, float]:
    rest = size - log.size()
    append = timed(
        lambda: [log.append([entry(j) for j in range(1000)]) for _ in range(rest // 1000)]
    )
    seconds = timed(lambda: export(home.audit, log.vkey, directory))
    return {
        "records": log.size(),
        "append_a_second": rest // 1000 * 1000 / append,
        "seconds": seconds,
        "records_a_second": log.size() / seconds,
        "history_ms": timed(lambda: log.history(7)) * 1e3,
    }


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as place:
        directory = Path(place) / "home"
        home = create_stores(locate(directory))
        log = log_of(home)
        figures = {
            "fsync_ms": fsync_ms(Path(place)),
            "single": single(log),
            "threads_16_records_a_second": threads(log),
            "processes_4_records_a_second": processes(directory),
            "set_100k_of_1m": bulk_set(log),
            "export": whole_log(home, log, Path(place) / "export"),
        }
        home.close()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
