"""Bytes an event on disk, of seven fields and the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import bulk
from benchmarks.measure import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench


def rows(bench: Bench) -> Iterator[Row]:
    """The data store alone, and the whole home with keys, grounds, model and log."""
    bench.compact()
    bench.shop.maintenance.run()
    bench.shop._parts.home.data.vacuum()
    bench.shop.maintenance.run()  # empties the write-ahead logs
    _ = bench.plain
    count = len(bench.sales)
    data = (bench.home / "data.db").stat().st_size / count
    whole = sum(f.stat().st_size for f in bench.home.iterdir() if f.is_file()) / count
    plain = bench.plain_path.stat().st_size / count
    yield Row("size", "the data store", data, plain, "bytes/event", "plain SQLite, two indexes")
    yield Row("size", "the whole home", whole, plain, "bytes/event", "plain SQLite, two indexes")
    path = bench.directory / "plain.parquet"
    if not path.exists():
        try:
            bulk.parquet(bench)
        except ImportError:
            return
    packed = path.stat().st_size / count
    yield Row("size", "the data store", data, packed, "bytes/event", "plain Parquet, Snappy")
