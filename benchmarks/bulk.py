"""Everybody at once: events a second through the gate, and where the difference comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks import shop
from benchmarks.measure import Row, fastest
from benchmarks.point import FEATURES
from privet.features import compute
from privet.features.items import known_items
from privet.gate.read import read
from privet.types import Events

if TYPE_CHECKING:
    from benchmarks.bench import Bench

QUERY = "SELECT subject, at, item, basket, quantity FROM purchase ORDER BY subject, at"
FEATURE_QUERY = "SELECT subject, at, basket, value FROM purchase ORDER BY subject, at"
NOTES = {
    "pandas": "pandas.read_sql from the plain table",
    "arrays": "the same typed arrays a person and field, unsealed in SQLite blobs",
    "parquet": "plain Parquet, read by pyarrow into numpy",
}


def rows(bench: Bench) -> Iterator[Row]:
    """Three integer fields and the time of everybody, and four features of everybody."""
    _ = bench.plain
    arrays(bench)
    peers = {"pandas": lambda: _pandas(bench), "arrays": lambda: _arrays(bench)}
    if find_spec("pyarrow") is not None:
        parquet(bench)
        peers["parquet"] = lambda: _parquet(bench)
    yield from _read(bench, "as loaded", {})
    yield from _read(bench, "", peers)
    yield from _features(bench)


def _read(bench: Bench, state: str, peers: dict[str, Callable[[], int]]) -> Iterator[Row]:
    _ = bench.shop
    if not state:
        bench.compact()
    count = len(bench.sales)
    found = fastest({"ours": lambda: _gate(bench), **peers}, bench.size.rounds)
    name = f"three integer fields of everybody{', ' + state if state else ''}"
    rate = count / found["ours"]
    if state:
        yield Row("bulk", name, rate, None, "events/s", "before maintenance packed the cells")
    for peer in peers:
        yield Row("bulk", name, rate, count / found[peer], "events/s", NOTES[peer])


def _gate(bench: Bench) -> int:
    access = bench.grouping(bench.shop)
    fields = [f"purchase.{name}" for name in shop.FIELDS]
    reading = read(access._parts, access._caller, "segmentation", "derive", fields)
    return _counted(sum(len(e) for chunk in reading.chunks() for e in chunk.events.values()), bench)


def _counted(count: int, bench: Bench) -> int:
    if count != len(bench.sales):
        raise RuntimeError("a read did not return every event")
    return count


def _pandas(bench: Bench) -> int:
    return _counted(len(pd.read_sql(QUERY, bench.plain)), bench)


def arrays(bench: Bench) -> None:
    """Write each field of each person as one typed array, as narrow as it goes."""
    with closing(shop.connect(bench.directory / "arrays.db")) as connection:
        connection.execute(
            "CREATE TABLE packed (sno INTEGER, n INTEGER, at BLOB, item BLOB, basket BLOB, "
            "quantity BLOB, PRIMARY KEY (sno)) WITHOUT ROWID"
        )
        connection.execute("BEGIN")
        for owner, part in bench.sales.groupby("owner"):
            at = part["at"].to_numpy("datetime64[us]").astype(np.int64)
            columns = (
                at,
                part["item_no"].to_numpy(np.uint16),
                part["basket"].to_numpy(np.int64),
                part["quantity"].to_numpy(np.uint8),
            )
            blobs = [c.tobytes() for c in columns]
            connection.execute(
                "INSERT INTO packed VALUES (?, ?, ?, ?, ?, ?)", (owner, len(part), *blobs)
            )
        connection.execute("COMMIT")


def _arrays(bench: Bench) -> int:
    with closing(shop.connect(bench.directory / "arrays.db")) as connection:
        found = connection.execute(
            "SELECT sno, n, at, item, basket, quantity FROM packed ORDER BY sno"
        ).fetchall()
    _, _, *columns = zip(*found, strict=True)
    widths = (np.int64, np.uint16, np.int64, np.uint8)
    read = [
        np.concatenate([np.frombuffer(blob, dtype) for blob in column]).astype(np.int64)
        for column, dtype in zip(columns, widths, strict=True)
    ]
    return _counted(len(read[0]), bench)


def parquet(bench: Bench) -> None:
    """Write the plain table's columns as Parquet, ordered by person and time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.read_sql(
        "SELECT subject, at, item, basket, quantity, value, discount, coupon, store "
        "FROM purchase ORDER BY subject, at",
        bench.plain,
    )
    pq.write_table(pa.Table.from_pandas(frame), bench.directory / "plain.parquet")


def _parquet(bench: Bench) -> int:
    import pyarrow.parquet as pq

    names = ["subject", "at", *shop.FIELDS]
    table = pq.read_table(bench.directory / "plain.parquet", columns=names)
    columns = [table[name].to_numpy() for name in names[1:]]
    return _counted(len(columns[0]), bench)


def _features(bench: Bench) -> Iterator[Row]:
    access = bench.grouping(bench.shop)
    found = fastest(
        {
            "ours": lambda: access.features(FEATURES),
            "pandas": lambda: _plain_features(bench),
        },
        bench.size.rounds,
    )
    count = len(bench.sales)
    yield Row(
        "bulk",
        f"{len(FEATURES)} features of everybody",
        count / found["ours"],
        count / found["pandas"],
        "events/s",
        "pandas.read_sql from the plain table and the same feature code",
    )


def _plain_features(bench: Bench) -> object:
    parts = bench.shop._parts
    frame = pd.read_sql(FEATURE_QUERY, bench.plain)
    codes, names = pd.factorize(frame["subject"])
    starts = np.searchsorted(codes, np.arange(len(names) + 1))
    columns = {n: frame[n].to_numpy() for n in ("basket", "value")}
    subjects = np.arange(1, len(names) + 1)
    events = Events(subjects, starts, frame["at"].to_numpy(), columns, {})
    found = compute(
        FEATURES,
        {"purchase": events},
        None,
        known_items(parts),
        parts.now,
        parts.zone,
        scales=parts.scales,
    )
    return pd.DataFrame(found, index=pd.Index(names, name="subject", dtype=object))
