"""Where a deployment lives: a directory of SQLite files, or a PostgreSQL URL with three schemas."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privet.db import identity
from privet.db.causes import cause
from privet.db.store import (
    BUSY_WAIT_MS,
    LOG_KEPT_BYTES,
    FileLock,
    Name,
    Store,
)
from privet.errors import InvalidInput, PrivetError, StoreUnavailable
from privet.types import check_path

if TYPE_CHECKING:
    from sqlalchemy import Engine

STORES: tuple[Name, ...] = ("data", "keys", "audit")
Sync = Literal["FULL", "OFF"]
RESTORING = "restoring"
"""Row of the audit store's ``meta`` that stands from a restore's beginning until its end."""
ASIDE = "restoring"
"""Directory of a home in which a restore makes its files before they are moved into place."""


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed home: exactly one of ``directory`` and ``url`` is set."""

    directory: Path | None
    url: str | None

    def __repr__(self) -> str:
        # A URL holds a password.
        return f"Location({'postgresql' if self.url else self.directory})"


@dataclass(frozen=True, slots=True)
class Home:
    """The three open stores of one deployment."""

    location: Location
    deployment: bytes
    data: Store
    keys: Store
    audit: Store

    def close(self) -> None:
        """Close all three."""
        for store in (self.data, self.keys, self.audit):
            store.close()


def locate(home: str | os.PathLike[str]) -> Location:
    """Parse a home. A URL must be PostgreSQL; anything else is a directory."""
    text = os.fspath(home)
    if "://" not in text:
        return Location(check_path(home, "the home", "home.kind").expanduser(), None)
    scheme, _, rest = text.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise InvalidInput(
            "this kind of home is unknown",
            remedy="Give a directory, or a postgresql:// URL.",
            reason="home.kind",
        )
    return Location(None, f"postgresql+psycopg://{rest}")


def exists(location: Location) -> bool:
    """Whether a deployment has been created here."""
    if location.directory is not None:
        try:
            return (location.directory / "audit.db").exists()
        except OSError:  # such as a name that is too long
            raise _no_place() from None
    with _reached(location, "audit") as engine, closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT to_regclass('audit.meta')")
        row = cursor.fetchone()
        return row is not None and row[0] is not None


@contextmanager
def _reached(location: Location, name: Name, sync: Sync = "FULL") -> Iterator[Engine]:
    """An engine for a moment; what a driver says of it is typed, without the URL's password."""
    engine = _engine(location, name, sync)
    try:
        yield engine
    except PrivetError:
        raise
    except Exception as error:
        raise _unreachable(error) from None
    finally:
        engine.dispose()


def create_stores(location: Location, sync: Sync = "FULL") -> Home:
    """Create the three stores with fresh tables and a random deployment id.

    Safe where several processes begin at once: the later ones find it created.
    """
    from sqlalchemy.exc import DBAPIError

    from privet.db import migrate

    if location.directory is None:
        with _reached(location, "audit", sync) as engine:
            migrate.create_schemas(STORES, engine)
        return open_stores(location, sync)
    _make_directory(location.directory)
    if (location.directory / ASIDE).exists() and not exists(location):
        raise _restoring()
    lock = FileLock(location.directory / "create.lock")
    try:
        with lock.held("new"):
            if not exists(location):
                migrate.create_files(location.directory, STORES, lambda path: _sqlite(path, sync))
    except (OSError, DBAPIError):
        raise StoreUnavailable(
            "the stores cannot be created",
            why="the disk is full or read-only",
            reason="store.full",
        ) from None
    finally:
        lock.close()
    return open_stores(location, sync)


def migrate_stores(location: Location) -> None:
    """Bring the tables of an existing deployment to this version; while no worker runs.

    Raises:
        StoreUnavailable: there is no deployment, or a store cannot be changed.
    """
    if not exists(location):
        raise StoreUnavailable(
            "there is no deployment at this home",
            remedy="Create one: `privet init --policy pack:shop`.",
            reason="store.missing",
        )
    for name in STORES:
        _check_not_newer(location, name)
    for name in STORES:
        _migrate(location, name)


def _check_not_newer(location: Location, name: Name) -> None:
    from privet.db import migrate

    with _reached(location, name) as engine:
        found = migrate.revision(engine)
    if found > migrate.REVISION:
        raise _newer(name)


def _migrate(location: Location, name: Name) -> None:
    """Migrate one store, whole or not at all, while nobody else commits or checkpoints there."""
    from privet.db import migrate

    lock = None
    if location.directory is not None:
        lock = FileLock(location.directory / f"{name}.lock")
        lock.acquire(name)
    engine = _engine(location, name, "FULL")
    try:
        migrate.upgrade(name, engine)
        if name == STORES[-1]:
            migrate.finish(engine)
    except Exception as error:  # typed, and without what a driver's error may hold
        raise StoreUnavailable(
            f"the {name} store was not migrated; it is as it was",
            why=f"{type(error).__name__} was raised",
            remedy="Mend the cause (room on the disk, rights, others in the database) and run "
            "`privet init --migrate` again: stores that are done stay so.",
            reason="store.migration",
        ) from None
    finally:
        engine.dispose()  # SQLite checkpoints when its last connection closes: under the lock
        if lock is not None:
            lock.release()
            lock.close()


def _newer(name: Name) -> StoreUnavailable:
    return StoreUnavailable(
        f"the {name} store was written by a newer privet",
        why="its schema is of a revision that this version does not know",
        remedy="Install that version or a later one; nothing leads back.",
        reason="store.newer",
    )


def _unreachable(error: Exception) -> StoreUnavailable:
    reason, why = cause(error) or ("store.unreachable", "the server refused or did not answer")
    return StoreUnavailable(
        "the database cannot be used",
        why=why,
        remedy="Check the URL, the server and its roles.",
        reason=reason,
    )


def open_stores(location: Location, sync: Sync = "FULL", *, restoring: bool = False) -> Home:
    """Open existing stores; never migrates.

    Args:
        location: where.
        sync: of SQLite.
        restoring: also where a restore did not end: for the restore itself.

    Raises:
        StoreUnavailable: missing, unreadable, outdated, of different deployments, or put back
            by a restore that did not end.
    """
    stores: dict[Name, Store] = {}
    try:
        for name in STORES:
            stores[name] = _open(location, name, sync)
        ids = {name: _identity(store) for name, store in stores.items()}
        if len(set(ids.values())) != 1:
            raise StoreUnavailable(
                "stores of different deployments stand together",
                why="their deployment ids differ",
                remedy="Put each file back beside the other two of its own deployment.",
                reason="store.mixed",
            )
        if not restoring:
            _check_whole(stores["audit"])
            identity.check(stores["audit"])
    except BaseException:
        for store in stores.values():
            store.close()
        raise
    return Home(location, ids["data"], stores["data"], stores["keys"], stores["audit"])


def _open(location: Location, name: Name, sync: Sync) -> Store:
    lock = None
    if location.directory is not None:
        path = location.directory / f"{name}.db"
        if not path.exists():
            raise StoreUnavailable(
                f"the {name} store is missing",
                why="its file is not in the home",
                remedy="Give the right home, or create one: `privet init`.",
                reason="store.missing",
            )
        try:
            lock = FileLock(location.directory / f"{name}.lock")
        except OSError:
            raise StoreUnavailable(
                f"the {name} store cannot be locked",
                why="the home is read-only or not yours",
                reason="store.read-only",
            ) from None
    return Store(name, _engine(location, name, sync), lock)


def _identity(store: Store) -> bytes:
    from privet.db.migrate import REVISION

    with store.read() as tx:
        row = tx.one("SELECT version_num FROM alembic_version")
        deployment = tx.one("SELECT value FROM meta WHERE key = 'deployment'")
    if row is not None and str(row[0]) > REVISION:
        raise _newer(store.name)
    if row is None or deployment is None or str(row[0]) != REVISION:
        raise StoreUnavailable(
            f"the {store.name} store has another schema than {REVISION}",
            why="it was written by an older version of privet",
            remedy="Run `privet init --migrate` with this version, once, while no worker runs.",
            reason="store.schema",
        )
    return bytes(deployment[0])


def _check_whole(audit: Store) -> None:
    if audit.all("SELECT 1 FROM meta WHERE key = ?", (RESTORING,)):
        raise _restoring()


def _restoring() -> StoreUnavailable:
    return StoreUnavailable(
        "this home is being restored",
        why="a restore has begun and has not ended: not all that the log knows is applied yet",
        remedy="Run the same `privet restore` again.",
        reason="store.restoring",
    )


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
    except OSError:
        raise _no_place() from None


def _no_place() -> StoreUnavailable:
    return StoreUnavailable(
        "the home cannot be made",
        why="its place is read-only, a file, or not yours",
        remedy="Choose another directory.",
        reason="store.read-only",
    )


def _engine(location: Location, name: Name, sync: Sync) -> Engine:
    if location.url is not None:
        from privet.db import server

        return server.engine(location.url, name, durable=sync == "FULL")
    return _sqlite((location.directory or Path()) / f"{name}.db", sync)


def _sqlite(path: Path, sync: Sync) -> Engine:
    from sqlalchemy import create_engine, event

    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=8,
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": BUSY_WAIT_MS / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            connection.execute("PRAGMA page_size=8192")
            path.chmod(0o600)
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={sync}",
            "wal_autocheckpoint=0",
            f"journal_size_limit={LOG_KEPT_BYTES}",
            "secure_delete=ON",
            "temp_store=MEMORY",
            "cell_size_check=ON",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def sqlite_version() -> str:
    """Version of the SQLite library in use, for ``doctor``."""
    return sqlite3.sqlite_version
