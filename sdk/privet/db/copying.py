"""A whole store as one SQLite file, whatever kind of home it lives in, and back.

A SQLite store is copied page by page by the online-backup API, through a connection of the
store's own: a process that opened its file otherwise would lose the locks that it holds on it
(https://www.sqlite.org/backup.html, https://www.sqlite.org/howtocorrupt.html section 2.2). A
PostgreSQL store is read table by table by binary ``COPY`` in one REPEATABLE READ snapshot, into a
file with the tables that a SQLite home has. Both are one instant of the store while others
write, both in bounded memory, and what comes out is the same kind of file: it can be loaded into
a home of either kind.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from privet.db.store import Name, Store, Tx

PAGES = 512
"""Pages that one step copies: 4 MiB."""
ROWS = 2000
_TYPES = {"BIGINT": "int8", "TEXT": "text", "BLOB": "bytea"}
Progress = Callable[[int, int], None]
"""Called with what is copied, and of how much: pages of a SQLite store, rows of another."""


def copy_out(tx: Tx, store: Store, path: Path, progress: Progress) -> None:
    """Copy a store, as the caller's snapshot has it, into a new file of mode 0600; durable.

    Args:
        tx: a snapshot of the store that has read something already, which pins it.
        store: the same store.
        path: the file, which must not exist.
        progress: told now and then.

    Raises:
        StoreUnavailable: the file cannot be written (``backup.unwritable``).
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if store.dialect == "sqlite":
            _copy_pages(tx, path, progress)
        else:
            _copy_tables(tx, store.name, path, progress)
        sync(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(
            "the copy could not be written",
            why=f"writing its file ended in {type(error).__name__}",
            remedy="Give a place with room that you may write to, and begin again.",
            reason="backup.unwritable",
        ) from None


def load_tables(connection: Connection, name: Name, path: Path, progress: Progress) -> None:
    """Put what a copy holds into the empty tables of a PostgreSQL store, in the open transaction.

    Raises:
        StoreUnavailable: the copy cannot be read (``backup.torn``).
    """
    raw: Any = connection.connection.driver_connection
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as source:
            total, done = _count(source.execute, name), 0
            for table in _tables(name):
                columns = [column.name for column in table.columns]
                rows = source.execute(f"SELECT {', '.join(columns)} FROM {table.name}")
                into = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
                with raw.cursor() as cursor, cursor.copy(into) as copy:
                    copy.set_types(_types(table))
                    for row in rows:
                        copy.write_row(row)
                        done += 1
                        if done % ROWS == 0:
                            progress(done, total)
            progress(total, total)
    except sqlite3.Error:
        raise torn("it is no SQLite database with these tables") from None


def torn(why: str) -> StoreUnavailable:
    """The error for a copy that is not whole."""
    return StoreUnavailable(
        "this backup is not whole",
        why=why,
        remedy="Take another backup; this one was cut off, or damaged where it lay.",
        reason="backup.torn",
    )


def sync(path: Path) -> None:
    """Make a file, or a directory's list of files, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy_pages(tx: Tx, path: Path, progress: Progress) -> None:
    source: sqlite3.Connection = tx.driver.connection
    with closing(sqlite3.connect(path)) as target:
        target.execute("PRAGMA synchronous=OFF")  # the file is synced once, when it is whole
        source.backup(target, pages=PAGES, progress=lambda _s, left, of: progress(of - left, of))
        # The pages say that a write-ahead log belongs to them; a copy is one file alone.
        target.execute("PRAGMA journal_mode=DELETE")


def _copy_tables(tx: Tx, name: Name, path: Path, progress: Progress) -> None:
    from privet.db.migrate import create_copy

    create_copy(path, name)
    total, done = _count(tx.driver.execute, name), 0
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=OFF")
        target.execute("PRAGMA journal_mode=OFF")
        for table in _tables(name):
            marks = ", ".join("?" for _ in table.columns)
            target.execute("BEGIN")
            rows = _rows(tx, table)
            while some := list(islice(rows, ROWS)):
                target.executemany(f"INSERT INTO {table.name} VALUES ({marks})", some)
                done += len(some)
                progress(done, total)
            target.execute("COMMIT")
        target.execute("PRAGMA journal_mode=DELETE")


def _rows(tx: Tx, table: Table) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(column.name for column in table.columns)
    with tx.driver.copy(f"COPY {table.name} ({columns}) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(_types(table))
        yield from copy.rows()


def _count(execute: Callable[[str], Any], name: Name) -> int:
    found = (execute(f"SELECT COUNT(*) FROM {t.name}").fetchone() for t in _tables(name))
    return sum(int(row[0]) for row in found)


def _tables(name: Name) -> list[Table]:
    from privet.db.schema import METADATA

    return list(METADATA[name].sorted_tables)


def _types(table: Table) -> list[str]:
    return [_TYPES[str(column.type.compile())] for column in table.columns]
