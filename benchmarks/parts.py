"""Single parts by themselves: the sealed store, and the verifier of an audit export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import vault, verify_rate
from benchmarks.measure import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench


def rows(bench: Bench) -> Iterator[Row]:
    """Without policy, grounds and log: how much of a figure is the cells' own."""
    size = bench.size
    quick = size.rounds == 1
    found = vault.measure(size.subjects, size.events)
    alone = "the sealed store alone; 4 fields in one cell, one load"
    yield Row("parts", "seal", found["ingest_events_per_s"], None, "events/s", alone)
    yield Row("parts", "open everybody's", found["bulk_events_per_s"], None, "events/s", alone)
    yield Row("parts", "open one person's, p50", found["point_us_p50"], None, "µs", alone)
    yield Row("parts", "size of an event", found["bytes_per_event"], None, "bytes/event", alone)
    if not verify_rate.GENERATOR.exists():
        return
    rate = verify_rate.measure(2_000 if quick else 200_000)
    yield Row(
        "parts",
        "verify an export",
        rate["records_a_cpu_second"],
        rate["hashing_alone_a_cpu_second"],
        "records/s",
        "hashing the same bodies and nodes once; by CPU time",
    )
