"""The sealed store by itself: ingest, point read, bulk read, bytes an event; JSON on stdout.

python benchmarks/vault.py [--subjects 2000] [--events 128]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from privet.clock import SystemClock
from privet.db import Home, create_stores, locate
from privet.types import Warrant
from privet.vault import Keys, Plan, Rows, Subjects, Vault, open_keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("item", "basket", "quantity", "value")
KINDS = {
    "purchase.item": ("item", 0),
    "purchase.basket": ("id", 0),
    "purchase.quantity": ("int", 0),
    "purchase.value": ("decimal", 2),
}
START_US = 1_700_000_000_000_000
MINUTE_US = 60_000_000
CHUNK = 500


@contextmanager
def vault_at(directory: Path) -> Iterator[tuple[Home, Vault]]:
    home = create_stores(locate(directory), "FULL")
    clock = SystemClock()
    keys = Keys(home.keys, open_keyring(None, home.location), home.deployment, clock)
    keys.initialise()
    vault = Vault(home, keys, Subjects(home.keys, keys, clock), clock)
    vault.install([("purchase", FIELDS)], [("orders", "orders", "")], KINDS)
    yield home, vault
    home.close()


def rows_of(snos: np.ndarray, events: int, start: int, generator: np.random.Generator) -> Rows:
    owner = np.repeat(snos, events)
    count = len(owner)
    minutes = np.tile(np.arange(start, start + events), len(snos)) * 97
    keys = [b"%d-%d" % (start, k) for k in range(count)]
    at = START_US + minutes * MINUTE_US
    columns = {
        "item": generator.integers(0, 60_000, count),
        "basket": 30_000_000_000 + np.tile(np.arange(events), len(snos)) // 8,
        "quantity": generator.integers(1, 9, count),
        "value": generator.integers(20, 4000, count),
    }
    return Rows(
        "purchase",
        dict.fromkeys(FIELDS, "orders"),
        owner,
        at,
        columns,
        {},
        keys,
        {"orders": at + 10**13},
    )


def seal(home: Home, vault: Vault, warrant: Warrant, rows: Rows) -> None:
    prepared = vault.prepare(warrant, rows)
    with home.data.write() as tx:
        done = vault.commit(tx, prepared, BitMap(warrant.subjects))
    if done is None or done.sealed != len(rows.snos):
        raise RuntimeError("a batch was not sealed whole")


def read(home: Home, vault: Vault, warrant: Warrant, snos: list[int]) -> int:
    plan = Plan("purchase", FIELDS, ("orders",), None)
    with home.data.read() as tx:
        fetched = vault.fetch(tx, plan, snos)
    return len(vault.open(warrant, fetched))


def best(action: object, repeats: int = 5) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()  # type: ignore[operator]
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def measure(subjects: int, events: int) -> dict[str, float]:
    generator = np.random.default_rng(7)
    snos = np.arange(1, subjects + 1)
    warrant = Warrant.issue(1, "orders", frozenset(snos.tolist()))
    chunks = [snos[i : i + CHUNK] for i in range(0, subjects, CHUNK)]
    total = subjects * events
    with tempfile.TemporaryDirectory() as place, vault_at(Path(place)) as (home, vault):
        batches = [rows_of(chunk, events, 0, generator) for chunk in chunks]
        began = time.perf_counter()
        for batch in batches:
            seal(home, vault, warrant, batch)
        ingest = time.perf_counter() - began
        bulk = best(lambda: [read(home, vault, warrant, c.tolist()) for c in chunks])
        points = [best(lambda s=s: read(home, vault, warrant, [s]), 1) for s in snos[:400].tolist()]
        singles = [rows_of(snos[i : i + 1], 1, 10_000 + i, generator) for i in range(200)]
        began = time.perf_counter()
        for single in singles:
            seal(home, vault, warrant, single)
        append = time.perf_counter() - began
        home.data.truncate_log()
        size = (Path(place) / "data.db").stat().st_size
    return {
        "subjects": subjects,
        "events_each": events,
        "ingest_events_per_s": round(total / ingest),
        "bulk_events_per_s": round(total / bulk),
        "point_us_p50": round(statistics.median(points) * 1e6, 1),
        "append_one_event_us": round(append / len(singles) * 1e6, 1),
        "bytes_per_event": round(size / total, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2000)
    parser.add_argument("--events", type=int, nargs="*", default=[40, 128, 600])
    options = parser.parse_args()
    print(json.dumps([measure(options.subjects, n) for n in options.events], indent=2))


if __name__ == "__main__":
    main()
