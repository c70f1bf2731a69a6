"""Putting the copies of three stores into an empty home; until a restore ends nobody opens it.

In a directory the files are made aside and moved into place, the audit store last, with the row
in it that keeps every door closed (``home.RESTORING``). In a database all three schemas are made
and filled in one transaction, that row included. So a load that was cut off has left either
nothing that counts as a home, or a home that is closed; beginning anew replaces both.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from privet.db import migrate
from privet.db.copying import copy_out, load_tables, sync, torn
from privet.db.home import (
    ASIDE,
    RESTORING,
    STORES,
    Location,
    Sync,
    _engine,
    _make_directory,
    _open,
    exists,
)
from privet.db.store import FileLock, Name
from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

PIECE = 1 << 20
_MARK = "INSERT INTO meta (key, value) VALUES ('" + RESTORING + "', {})"
Progress = Callable[[str, int, int], None]
"""Called with the store's name, what is loaded, and of how much: bytes or rows."""


@dataclass(frozen=True, slots=True)
class Source:
    """One store's copy.

    Attributes:
        path: its file.
        sha256: of all its bytes, hex; empty where it was made in this process.
    """

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class State:
    """What stands at a place.

    Attributes:
        kind: ``"empty"``, ``"restoring"`` (a restore did not end) or ``"used"``.
        deployment: whose; empty where nothing stands.
    """

    kind: Literal["empty", "restoring", "used"]
    deployment: bytes = b""


def state(location: Location) -> State:
    """What stands at a place; changes nothing.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    if not exists(location):
        return State("empty")
    audit = _open(location, "audit", "FULL")
    try:
        rows = {
            str(key): bytes(value)
            for key, value in audit.all(
                "SELECT key, value FROM meta WHERE key IN ('deployment', ?)", (RESTORING,)
            )
        }
    finally:
        audit.close()
    return State("restoring" if RESTORING in rows else "used", rows.get("deployment", b""))


def load(
    location: Location,
    sources: Mapping[Name, Source],
    mark: bytes,
    progress: Progress,
    at: Sync = "FULL",
) -> None:
    """Load three copies into a place that is empty, or where a restore did not end.

    Args:
        location: where; the caller has looked at its ``state``.
        sources: the copies.
        mark: what the row that keeps the home closed says.
        progress: told now and then.
        at: of SQLite.

    Raises:
        StoreUnavailable: a copy is not the one that its hash names (``backup.torn``), or the
            place cannot be written.
    """
    if location.directory is None:
        _load_schemas(location, sources, mark, progress)
        return
    from sqlalchemy.exc import DBAPIError

    _make_directory(location.directory)
    lock = FileLock(location.directory / "create.lock")
    try:
        with lock.held("new"):
            _load_files(location.directory, sources, mark, progress, at)
    except (OSError, DBAPIError) as error:  # a driver's error may hold what was written
        raise _unwritable(type(error).__name__) from None
    finally:
        lock.close()


def _load_files(
    directory: Path, sources: Mapping[Name, Source], mark: bytes, progress: Progress, at: Sync
) -> None:
    aside = directory / ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    for left in aside.iterdir():
        left.unlink()
    for name in STORES:
        source = sources[name]
        digest = _copy(source.path, aside / f"{name}.db", name, progress)
        if source.sha256 and digest != source.sha256:
            raise _changed(name)
    _put_mark(Location(aside, None), mark, at)
    for name in STORES:
        sync(aside / f"{name}.db")
        # Those of a half-made home would be taken for the new files' own.
        for suffix in ("-wal", "-shm"):
            (directory / f"{name}.db{suffix}").unlink(missing_ok=True)
    (directory / "audit.db").unlink(missing_ok=True)  # no home until all three are in place
    for name in STORES:
        (aside / f"{name}.db").replace(directory / f"{name}.db")
    sync(directory)
    for left in aside.iterdir():
        left.unlink()
    aside.rmdir()


def _put_mark(aside: Location, mark: bytes, at: Sync) -> None:
    engine = _engine(aside, "audit", at)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(_MARK.format("?"), (mark,))
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def _load_schemas(
    location: Location, sources: Mapping[Name, Source], mark: bytes, progress: Progress
) -> None:
    for name, source in sources.items():
        if source.sha256 and _digest(source.path) != source.sha256:
            raise _changed(name)

    def fill(connection: Connection, name: Name) -> None:
        load_tables(connection, name, sources[name].path, lambda done, of: progress(name, done, of))
        if name == "audit":
            connection.exec_driver_sql(_MARK.format("%s"), (mark,))

    engine = _engine(location, "audit", "FULL")
    try:
        migrate.load_schemas(STORES, engine, fill)
    except StoreUnavailable:
        raise
    except Exception as error:  # typed, without the URL's password
        raise _unwritable(type(error).__name__) from None
    finally:
        engine.dispose()


def _copy(source: Path, target: Path, name: str, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with source.open("rb") as reading, os.fdopen(fd, "wb") as writing:
        total = os.fstat(reading.fileno()).st_size
        while piece := reading.read(PIECE):
            digest.update(piece)
            writing.write(piece)
            done += len(piece)
            progress(name, done, total)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changed(name: str) -> StoreUnavailable:
    return torn(f"the copy of {name} is not the one that its manifest names")


def _unwritable(kind: str) -> StoreUnavailable:
    return StoreUnavailable(
        "the backup could not be loaded",
        why=f"writing the stores ended in {kind}",
        remedy="Give a place with room that you may write to; in a database, a role that may "
        "create schemas.",
        reason="restore.unwritable",
    )


def copied(location: Location, name: Name, path: Path) -> None:
    """Copy one store of a home that is alive into a new file, through a connection of its own.

    Raises:
        StoreUnavailable: it is not there, or cannot be read.
    """
    store = _open(location, name, "FULL")
    try:
        with store.read() as tx:
            tx.one("SELECT 1 FROM meta")
            copy_out(tx, store, path, lambda _done, _of: None)
    finally:
        store.close()


def accept(location: Location) -> None:
    """Write down that a home is on the server where it is now: a restore has made that true."""
    if location.directory is None:
        engine = _engine(location, "audit", "FULL")
        try:
            migrate.finish(engine)
        finally:
            engine.dispose()
