"""The log only grows: the database itself refuses to change or delete its rows."""

from __future__ import annotations

APPEND_ONLY = ("record", "tile", "checkpoint", "single", "set_chunk")


def only_grows(dialect: str, table: str) -> list[str]:
    """Statements that make a table append-only, for ``sqlite`` or ``postgresql``."""
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


SHARDED = ("record", "single", "set_chunk")
"""Tables of which rows of an old shard may go, once it is being dropped."""

_DROPPED = (
    "EXISTS (SELECT 1 FROM {schema}shard s WHERE s.state = 'dropping' "
    "AND OLD.seq >= s.first AND OLD.seq < s.upto)"
)
_KEPT = "EXISTS (SELECT 1 FROM {schema}record r WHERE r.seq = OLD.seq)"


def only_shards_go(dialect: str, table: str) -> list[str]:
    """Statements that let rows of a shard that is being dropped go, in place of ``only_grows``.

    Of ``record`` never what state is rebuilt from; of the indices of people only what belongs
    to a record that is gone. On PostgreSQL the tables are looked for in the trigger's own
    schema: a session could put others before it in its search path.
    """
    if dialect == "sqlite":
        stays = "OLD.redo <> 0" if table == "record" else _KEPT.format(schema="")
        return [
            f"DROP TRIGGER {table}_no_delete",
            (
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
                f"WHEN {stays} OR NOT {_DROPPED.format(schema='')} "
                "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
            ),
        ]
    stays = "OLD.redo <> 0" if table == "record" else _KEPT.format(schema="%1$I.")
    asked = f"SELECT NOT ({stays}) AND {_DROPPED.format(schema='%1$I.')}".replace("OLD.", "($1).")
    return [
        (
            f"CREATE OR REPLACE FUNCTION {table}_only_shards_go() RETURNS trigger "
            "LANGUAGE plpgsql AS $body$ DECLARE gone boolean := false; BEGIN "
            "IF TG_OP = 'DELETE' THEN "
            f"EXECUTE format($asked${asked}$asked$, TG_TABLE_SCHEMA) INTO gone USING OLD; "
            "IF gone THEN RETURN OLD; END IF; END IF; "
            "RAISE EXCEPTION 'the log only grows'; END $body$"
        ),
        f"DROP TRIGGER {table}_only_grows ON {table}",
        (
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_only_shards_go()"
        ),
    ]


def not_emptied(dialect: str, table: str) -> list[str]:
    """Statements that refuse TRUNCATE, which no trigger on rows notices (PostgreSQL alone)."""
    if dialect == "sqlite":
        return []
    return [
        (
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"
        )
    ]


def keeps_its_word(dialect: str) -> list[str]:
    """Statements that guard the ledger.

    No row of it is changed, and none is deleted but of her whose erasure has begun.
    """
    if dialect == "sqlite":
        return [
            (
                "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger "
                "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
            ),
            (
                "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger "
                "WHEN NOT EXISTS (SELECT 1 FROM fence WHERE fence.sno = OLD.sno) "
                "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
            ),
        ]
    return [
        (
            "CREATE OR REPLACE FUNCTION keeps_its_word() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN "
            "IF TG_OP = 'DELETE' THEN "
            # By its whole name: a temporary table of this name would be found before it.
            "IF EXISTS (SELECT 1 FROM data.fence f WHERE f.sno = OLD.sno) THEN RETURN OLD; END IF; "
            "END IF; "
            "RAISE EXCEPTION 'the ledger only grows'; END $$"
        ),
        (
            "CREATE TRIGGER ledger_only_grows BEFORE UPDATE OR DELETE ON ledger "
            "FOR EACH ROW EXECUTE FUNCTION keeps_its_word()"
        ),
        (
            "CREATE TRIGGER ledger_not_emptied BEFORE TRUNCATE ON ledger "
            "FOR EACH STATEMENT EXECUTE FUNCTION keeps_its_word()"
        ),
    ]
