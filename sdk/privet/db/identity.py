"""Which PostgreSQL server a home is on: it may not become another one behind its back.

A server that takes over from another, or that was restored, lacks what was acknowledged last
and not copied yet. Its system identifier (drawn at ``initdb``) or its timeline (which grows at
every promotion and at every restore to a point in time) tells it from the one before. So both
are kept in the store, and looked at in each new connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from privet.db.store import Store

SYSTEM = "system"
"""Row of the audit store's ``meta``: ``<system identifier>/<timeline>``."""
# Where it recovers, it writes to no timeline yet.
_NAME = (
    "(SELECT system_identifier FROM pg_control_system()) || '/' || "
    "CASE WHEN pg_is_in_recovery() THEN '' "
    "ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
_SERVER = (
    "SELECT pg_is_in_recovery(), current_setting('fsync'), "
    f"current_setting('synchronous_commit'), {_NAME}"
)


class Same:
    """Looks at each new connection of a pool: all are to one server, and it keeps commits.

    Args:
        durable: whether commits must wait for the disk.
    """

    def __init__(self, *, durable: bool) -> None:
        self._durable = durable
        self._identity: str | None = None

    def __call__(self, connection: Any, _record: object = None) -> None:
        """Look at a connection of the driver.

        Raises:
            StoreUnavailable: a replica (``store.replica``), another server than before
                (``store.moved``), or one that loses commits (``store.volatile``).
        """
        with connection.cursor() as cursor:
            cursor.execute(_SERVER)
            recovering, fsync, commits, found = cursor.fetchone()
            if recovering:
                raise StoreUnavailable(
                    "the database server is a replica",
                    why="it is in recovery, behind a primary or a restore",
                    remedy="Connect to the primary.",
                    reason="store.replica",
                )
            if self._durable and fsync == "off":
                raise StoreUnavailable(
                    "the database server loses commits",
                    why="it runs with fsync = off",
                    remedy="Set fsync = on: an acknowledged record must outlive a power cut.",
                    reason="store.volatile",
                )
            if not self._durable:
                cursor.execute("SET synchronous_commit = off")
            elif commits == "off":
                cursor.execute("SET synchronous_commit = on")
        if self._identity not in {None, found}:
            raise moved()
        self._identity = found


def remember(connection: Connection) -> None:
    """Write down, in an open transaction of the owner's, on which server the home is now."""
    connection.exec_driver_sql(
        f"INSERT INTO audit.meta (key, value) SELECT '{SYSTEM}', convert_to({_NAME}, 'UTF8') "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )


def check(audit: Store) -> None:
    """Refuse a home whose server is not the one that it was made, migrated or restored on.

    Raises:
        StoreUnavailable: reason ``store.moved``.
    """
    if audit.dialect == "sqlite":
        return
    rows = audit.all(
        f"SELECT convert_from(value, 'UTF8') = {_NAME} FROM meta WHERE key = '{SYSTEM}'"
    )
    if rows != [(True,)]:
        raise moved()


def moved() -> StoreUnavailable:
    """The error for a server that is not the one on which the home was made."""
    return StoreUnavailable(
        "this home is on another database server than it was",
        why="the server's identifier or its timeline changed: it was restored, or another took "
        "over from it, and what was acknowledged last may be missing",
        remedy="Treat it as a restore: docs/guide/postgresql.md, fail-over.",
        reason="store.moved",
    )
