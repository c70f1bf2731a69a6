"""Three roles of PostgreSQL with least rights: who owns the tables, who works, who looks.

One role a schema would separate nothing: a worker needs all three stores within one read, and
whoever has its process has all its logins. What rights can keep apart is *changing the rules*
(triggers, tables: the owner, who is needed to create, to migrate and to restore), *working under
them* (a worker, which is what the network reaches), and *looking* (an auditor, who sees the log
and neither a key nor a cell).

A role is not created here: that takes rights which no part of privet has. ``script`` is what an
administrator runs; creating and migrating give the roles that are there their rights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from privet.db.store import Name

PREFIX = "privet"
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,40}\Z")
_ALL = "SELECT, INSERT, UPDATE, DELETE"
_WORKER: dict[Name, dict[str, str]] = {
    "data": {
        "alembic_version": "SELECT",
        # Deleting passes the trigger for those alone whose erasure has begun.
        "ledger": "SELECT, INSERT, DELETE",
        "policy_version": "SELECT, INSERT",
        "policy_activation": "SELECT, INSERT",
    },
    "keys": {"alembic_version": "SELECT"},
    "audit": {
        "alembic_version": "SELECT",
        "meta": "SELECT",
        "head": "SELECT, INSERT, UPDATE",
        "anchor": _ALL,
        "shard": "SELECT",  # old records are dropped by the owner alone
    },
}
"""What a worker may do with a table that is not treated like the others of its store."""
_OTHERS: dict[Name, str] = {"data": _ALL, "keys": _ALL, "audit": "SELECT, INSERT"}


def script(prefix: str = PREFIX) -> str:
    """The SQL that an administrator runs in the database; it may run again at any time.

    Args:
        prefix: the roles are ``<prefix>_owner``, ``<prefix>_worker`` and ``<prefix>_auditor``.

    Raises:
        InvalidInput: the prefix is no plain lower-case name.
    """
    if _PREFIX.match(prefix) is None:
        raise InvalidInput(
            "this cannot name roles",
            remedy="Give a lower-case word of letters, digits and underscores.",
            reason="store.role",
        )
    roles = "\n".join(_created(prefix))
    rights = "\n".join(f"        {statement};" for statement in _rights(prefix))
    return f"""\
-- Roles of one deployment. Run by an administrator, in its database; may run again.
{roles}

-- The owner makes the schemas: privet init, privet init --migrate, privet restore.
DO $$ BEGIN
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO {prefix}_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {prefix}_worker, {prefix}_auditor',
                   current_database());
END $$;

-- An auditor writes nothing anywhere.
ALTER ROLE {prefix}_auditor SET default_transaction_read_only = on;

-- Rights on the tables, where they are there. `privet init` and `privet init --migrate` give
-- them by themselves when they are run by {prefix}_owner.
DO $$ BEGIN
    IF to_regclass('audit.record') IS NOT NULL THEN
{rights}
    END IF;
END $$;
"""


def grant(connection: Connection) -> None:
    """Give the roles that go with the present one their rights; nothing where there are none."""
    owner = str(connection.exec_driver_sql("SELECT current_user").scalar())
    prefix = owner.removesuffix("_owner")
    if prefix == owner or _PREFIX.match(prefix) is None:
        return
    names = ", ".join(f"'{prefix}_{role}'" for role in ("worker", "auditor"))
    found = connection.exec_driver_sql(
        f"SELECT count(*) FROM pg_roles WHERE rolname IN ({names})"
    ).scalar()
    if found == 2:
        for statement in _rights(prefix):
            connection.exec_driver_sql(statement)


def _created(prefix: str) -> Iterator[str]:
    for role in ("owner", "worker", "auditor"):
        name = f"{prefix}_{role}"
        yield (
            f"DO $$ BEGIN CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        )


def _rights(prefix: str) -> Iterator[str]:
    from privet.db.schema import METADATA

    worker, auditor = f"{prefix}_worker", f"{prefix}_auditor"
    yield f"GRANT USAGE ON SCHEMA data, keys, audit TO {worker}"
    yield f"GRANT USAGE ON SCHEMA audit TO {auditor}"
    for store, others in _OTHERS.items():
        tables = [*(table.name for table in METADATA[store].sorted_tables), "alembic_version"]
        for table in sorted(tables):
            rights = _WORKER[store].get(table, others)
            yield f"REVOKE ALL ON {store}.{table} FROM {worker}"
            yield f"GRANT {rights} ON {store}.{table} TO {worker}"
            if store == "audit":
                yield f"GRANT SELECT ON audit.{table} TO {auditor}"
