"""How fast the log is exported in each form and verified, and in how much memory.

    python benchmarks/export_rate.py [RECORDS]

The home is SQLite without the disk's flushes, the records are as the gate writes them. CPU is of
this process and its children; the memory is the most that this process ever had, each form in a
process of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from privet.audit import Entry, Log, Selection, export, extract
from privet.audit.verifier import verify_directory
from privet.clock import SystemClock
from privet.crypto import Signer
from privet.db import create_stores, locate, open_stores

AT_ONCE = 5_000


def make(home: str, records: int) -> str:
    """A log of so many records; its verifier key."""
    stores = create_stores(locate(home), "OFF")
    log = Log(stores.audit, Signer(b"\x05" * 32), "privet.dev/bench", SystemClock())
    for start in range(0, records, AT_ONCE):
        log.append([_entry(n) for n in range(start, min(records, start + AT_ONCE))])
    key = log.vkey
    stores.close()
    return key


def _entry(n: int) -> Entry:
    told = {
        "kind": "access",
        "who": f"p-{n % 50:016x}",
        "roles": ["storefront"],
        "purpose": ("recommendations", "orders")[n % 2],
        "action": "recommend",
        "policy": "f2747ce340b8e3d1",
        "fields": ["purchase.item", "purchase.order", "view.item"],
        "position": n,
        "decision": "permit",
        "permits": ["suggest"],
    }
    return Entry(told, frozenset({n % 100_000}))


def run(home: str, out: str, form: str, vkey: str) -> None:
    """Export in one form, verify what can be, and print what it took."""
    audit = open_stores(locate(home), "OFF").audit
    place = Path(out) / form
    if form == "tiles":
        _told(form, lambda: export(audit, vkey, place).records)
        _told("verify", lambda: verify_directory(place, vkey=vkey).ok)
    else:
        kind: Any = form
        _told(form, lambda: extract(audit, vkey, place, kind, Selection(), _silent).records)


def _silent(_done: int, _of: int) -> None:
    pass


def _told(name: str, work: Callable[[], object]) -> None:
    began, spent = time.perf_counter(), _cpu()
    found = work()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:8} {found!s:>9}  CPU {_cpu() - spent:6.2f} s  "
        f"elapsed {time.perf_counter() - began:6.2f} s  memory {most} MiB"
    )


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Make a log, then export it in each form."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as root:
        vkey = make(f"{root}/home", records)
        for form in ("tiles", "jsonl", "csv", "parquet"):
            process = multiprocessing.get_context("spawn").Process(
                target=run, args=(f"{root}/home", root, form, vkey)
            )
            process.start()
            process.join()


if __name__ == "__main__":
    main()
