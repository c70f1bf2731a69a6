"""Creating and migrating the tables, by Alembic; nothing here runs on ``open``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from privet.db import identity, roles
from privet.db.store import Name

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

REVISION = "0006"
"""The newest revision of every store: what ``open`` asks for."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_CREATING = 7237110  # an advisory lock of privet's own: one creator or migrator at a time


def create_files(
    directory: Path, names: tuple[Name, ...], engine_at: Callable[[Path], Engine]
) -> None:
    """Create SQLite stores: made aside and moved into place, the audit store last.

    A crash leaves either no audit store, and the next creation begins anew, or all three.
    """
    aside = directory / "new"
    aside.mkdir(mode=0o700, exist_ok=True)
    deployment = os.urandom(16)
    for name in names:
        path = aside / f"{name}.db"
        path.unlink(missing_ok=True)
        engine = engine_at(path)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                _found(connection, name, deployment)
                connection.exec_driver_sql("COMMIT")
        finally:
            engine.dispose()
    for name in names:
        (aside / f"{name}.db").replace(directory / f"{name}.db")
    aside.rmdir()


def create_schemas(names: tuple[Name, ...], engine: Engine) -> None:
    """Create PostgreSQL schemas with all tables, in one transaction; the first creator wins."""
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATING})")
        if connection.exec_driver_sql("SELECT to_regclass('audit.meta')").scalar() is None:
            deployment = os.urandom(16)
            for name in names:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
                connection.exec_driver_sql(f"SET LOCAL search_path = {name}")
                _found(connection, name, deployment)
            _finish(connection)
        connection.exec_driver_sql("COMMIT")


def create_copy(path: Path, name: Name) -> None:
    """Make the tables of one store in a SQLite file that nobody else has; no row is in them."""
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA page_size=8192")
            connection.exec_driver_sql("BEGIN")
            _upgrade(connection, name)
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def load_schemas(
    names: tuple[Name, ...], engine: Engine, fill: Callable[[Connection, Name], None]
) -> None:
    """Create PostgreSQL schemas anew and fill them, in one transaction: all of it or nothing.

    Args:
        names: the stores; what stood under these names is dropped.
        engine: with a role that may create schemas.
        fill: puts the rows into the empty tables of one store.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATING})")
        for name in names:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
            connection.exec_driver_sql(f"SET LOCAL search_path = {name}")
            _upgrade(connection, name)
            fill(connection, name)
        _finish(connection)
        connection.exec_driver_sql("COMMIT")


def revision(engine: Engine) -> str:
    """The revision that one existing store has; empty where it has none."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return "" if row is None else str(row[0])


def upgrade(name: Name, engine: Engine) -> None:
    """Bring one existing store to the newest revision, in one transaction."""
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATING})")
        _upgrade(connection, name)
        connection.exec_driver_sql("COMMIT")


def finish(engine: Engine) -> None:
    """After all three stores were migrated: rights on new tables, the server they are on."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            _finish(connection)
            connection.exec_driver_sql("COMMIT")


def _finish(connection: Connection) -> None:
    roles.grant(connection)
    identity.remember(connection)


def _found(connection: Connection, name: Name, deployment: bytes) -> None:
    _upgrade(connection, name)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(
        f"INSERT INTO meta (key, value) VALUES ('deployment', {mark})", (deployment,)
    )


def _upgrade(connection: Connection, name: Name) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("version_locations", str(_MIGRATIONS / name))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, store=name)
    command.upgrade(config, "head")
