"""Creating and migrating the tables; nothing here runs on ``open``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from privet.db import schema
from privet.db.store import Name

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from privet.db.home import Location

# The log only grows: the database itself refuses anything else (SQLite; on PostgreSQL by rule).
APPEND_ONLY = ("record", "tile", "checkpoint", "single", "set_chunk")


def create(location: Location, deployment: bytes, engine_of: Callable[[Name], Engine]) -> None:
    """Create all tables of all three stores and write their identity."""
    from privet.db.home import SCHEMA_VERSION, STORES

    for name in STORES:
        engine = engine_of(name)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                if engine.dialect.name == "postgresql":
                    # One creator at a time; the later ones find the tables and leave.
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7237110)")
                    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
                    made = connection.exec_driver_sql(f"SELECT to_regclass('{name}.meta')")
                    if made.scalar() is not None:
                        connection.exec_driver_sql("COMMIT")
                        continue
                schema.METADATA[name].create_all(connection)
                if name == "audit":
                    for table in APPEND_ONLY:
                        for statement in _guards(engine.dialect.name, table):
                            connection.exec_driver_sql(statement)
                mark = "?" if engine.dialect.name == "sqlite" else "%s"
                for key, value in (("deployment", deployment), ("schema", b"%d" % SCHEMA_VERSION)):
                    connection.exec_driver_sql(
                        f"INSERT INTO meta (key, value) VALUES ({mark}, {mark})", (key, value)
                    )
                connection.exec_driver_sql("COMMIT")
        finally:
            engine.dispose()


def _guards(dialect: str, table: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        (
            "CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$"
        ),
        (
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION only_grows()"
        ),
    ]
