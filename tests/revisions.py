"""Homes of earlier revisions, made by the migration scripts up to there and filled with rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privet.db import locate, migrate
from privet.db.home import STORES, _engine
from privet.db.store import Name, Row

Rows = Mapping[tuple[Name, str], tuple[Sequence[str], Sequence[Row]]]
"""Store and table to the names of its columns and its rows."""


def made(where: str, revision: str, deployment: bytes | None = None) -> None:
    """An empty home as that revision made it."""
    location, deployment = locate(where), deployment or os.urandom(16)
    if location.directory is not None:
        location.directory.mkdir(parents=True)
    for name in STORES:
        engine = _engine(location, name, "OFF")
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            if location.directory is None:
                connection.exec_driver_sql(f"CREATE SCHEMA {name}")
                connection.exec_driver_sql(f"SET LOCAL search_path = {name}")
            replayed(connection, name, revision)
            mark = "?" if location.directory else "%s"
            connection.exec_driver_sql(
                f"INSERT INTO meta (key, value) VALUES ('deployment', {mark})", (deployment,)
            )
            connection.exec_driver_sql("COMMIT")
        engine.dispose()


def replayed(connection: Any, name: Name, revision: str) -> None:
    """Run one store's scripts up to a revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrate._MIGRATIONS))
    config.set_main_option("version_locations", str(migrate._MIGRATIONS / name))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, store=name)
    command.upgrade(config, revision)


def filled(where: str, rows: Rows) -> None:
    """Put rows into the tables that a home has, with the columns that they have there."""
    location = locate(where)
    for name in STORES:
        engine = _engine(location, name, "OFF")
        mark = "?" if location.directory else "%s"
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            for (store, table), (columns, values) in rows.items():
                there = columns_of(connection, table, name) if store == name else []
                kept = [column for column in columns if column in there]
                if not kept or len(kept) < len(there) or not values:
                    continue
                places = [columns.index(column) for column in kept]
                sql = (
                    f"INSERT INTO {table} ({', '.join(kept)}) "
                    f"VALUES ({', '.join([mark] * len(kept))}) ON CONFLICT DO NOTHING"
                )
                for row in values:
                    connection.exec_driver_sql(sql, tuple(row[place] for place in places))
            connection.exec_driver_sql("COMMIT")
        engine.dispose()


def columns_of(connection: Any, table: str, schema: str) -> list[str]:
    """The columns of a table; none where there is no such table."""
    if connection.dialect.name == "sqlite":
        return [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
    sql = (
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s"
    )
    return [row[0] for row in connection.exec_driver_sql(sql, (schema, table))]


def taken(where: str | Path) -> Rows:
    """All rows of a home that is closed, but for what says of which revision it is."""
    location, found = locate(where), {}
    for name in STORES:
        engine = _engine(location, name, "OFF")
        with engine.connect() as connection:
            tables = [
                row[0]
                for row in connection.exec_driver_sql(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            ]
            for table in sorted(set(tables) - {"alembic_version"}):
                columns = columns_of(connection, table, name)
                rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
                found[name, table] = columns, [tuple(row) for row in rows]
        engine.dispose()
    return found
