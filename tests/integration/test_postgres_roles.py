"""The roles that ``privet init --print-sql`` makes: each can do its work, and nothing beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.db import locate, migrate_stores
from privet.db.roles import script
from privet.recommend import Popularity


@dataclass(frozen=True)
class Served:
    """A deployment on a server where the three roles are."""

    url: str
    prefix: str
    keyring: str

    def as_(self, role: str) -> str:
        """The URL by which one of them logs in."""
        return re.sub(r"//[^@/]*@", f"//{self.prefix}_{role}@", self.url)

    def open(self, role: str, policy: str | None = None) -> privet.Deployment:
        return privet.open(self.as_(role), policy=policy, keyring=self.keyring)


@contextmanager
def prepared_at(url: str, ring: Path) -> Iterator[Served]:
    """An empty database in which an administrator ran the script."""
    import psycopg

    prefix = "r" + url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(script(prefix))
        admin.execute(script(prefix))  # it may run again
        yield Served(url, prefix, f"file:{ring}")
        for role in ("owner", "worker", "auditor"):
            admin.execute(f"DROP OWNED BY {prefix}_{role} CASCADE")
            admin.execute(f"DROP ROLE {prefix}_{role}")


@pytest.fixture
def prepared(postgres_url: str, tmp_path: Path) -> Iterator[Served]:
    """The roles, and no deployment yet."""
    with prepared_at(postgres_url, tmp_path / "ring") as place:
        yield place


def founded(place: Served) -> Served:
    """The same with a deployment that its owner made, and one person in it."""
    with place.open("owner", "pack:shop") as shop:
        ada = shop.subject("ada", proof="t")
        ada.consent.answer({"recommendations": True}, notice="1", how="web")
    return place


@pytest.fixture
def served(prepared: Served) -> Served:
    """A deployment of a test's own."""
    return founded(prepared)


@pytest.fixture(scope="module")
def standing(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A deployment that nothing changes: for all that is refused."""
    run(postgres_server.get_uri(), "CREATE DATABASE standing")
    ring = tmp_path_factory.mktemp("standing") / "ring"
    with prepared_at(postgres_server.get_uri("standing"), ring) as place:
        yield founded(place)
    run(postgres_server.get_uri(), "DROP DATABASE standing WITH (FORCE)")


def run(url: str, statement: str) -> Any:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def test_a_worker_does_all_that_an_application_and_its_maintenance_do(served: Served) -> None:
    with served.open("worker") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        ada = shop.subject("ada", proof="t")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="kettle")
        models = shop.principal("n", roles=["trainer"]).purpose("recommendations").models
        models.serve(models.train("popular", Popularity(event="view")))
        assert web.recommend("ada").personal
        assert -1 not in shop.maintenance.run().values()
        shop.maintenance.rotate()
        assert all(found.state == "ok" for found in shop.maintenance.examine())
        assert ada.rights.erase().state == "done"


LOG = ("record", "single", "set_chunk", "tile", "checkpoint")
GUARDED = [("data", "ledger"), *(("audit", table) for table in LOG)]
COLUMN = {"ledger": "mac", "record": "body", "single": "seq", "set_chunk": "bits"}


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE audit.{t} SET {COLUMN.get(t, 'log')} = {COLUMN.get(t, 'log')}" for t in LOG),
        *(f"DELETE FROM audit.{t}" for t in LOG),
        *(f"TRUNCATE audit.{t}" for t in LOG),
        "DELETE FROM audit.head",
        "TRUNCATE audit.head",
        "UPDATE audit.meta SET value = value",
        "INSERT INTO audit.meta VALUES ('system', 'x')",
        "UPDATE data.ledger SET mac = mac",
        "TRUNCATE data.ledger",
        "UPDATE data.policy_version SET documents = ''",
        "DELETE FROM data.policy_version",
        "DELETE FROM data.policy_activation",
        "UPDATE data.alembic_version SET version_num = '0001'",
        "TRUNCATE data.cell",
        "TRUNCATE keys.subject_key",
        "DROP TRIGGER record_only_grows ON audit.record",
        "DROP TRIGGER ledger_only_grows ON data.ledger",
        "ALTER TABLE audit.record DISABLE TRIGGER ALL",
        "ALTER TABLE audit.record ADD COLUMN more text",
        "DROP TABLE audit.record",
        "CREATE TABLE audit.other (id int)",
        "CREATE OR REPLACE FUNCTION audit.only_grows() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER t BEFORE INSERT ON audit.tile EXECUTE FUNCTION audit.only_grows()",
        "SET session_replication_role = replica",
        "CREATE SCHEMA other",
        "DROP SCHEMA audit CASCADE",
        "CREATE ROLE other",
    ],
)
def test_what_a_worker_has_no_right_to(standing: Served, statement: str) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(standing.as_("worker"), statement)


def test_a_worker_cannot_give_itself_rights(standing: Served) -> None:
    asked = f"GRANT DELETE ON audit.record TO {standing.prefix}_worker"
    run(standing.as_("worker"), asked)  # PostgreSQL only warns
    held = "SELECT has_table_privilege('audit.record', 'DELETE')"
    assert run(standing.as_("worker"), held) == [(False,)]


def test_a_table_of_the_workers_own_does_not_stand_in_for_the_fence(standing: Served) -> None:
    import psycopg

    with psycopg.connect(standing.as_("worker"), autocommit=True) as worker:
        worker.execute("CREATE TEMP TABLE fence AS SELECT sno FROM data.ledger")
        with pytest.raises(psycopg.errors.RaiseException):
            worker.execute("DELETE FROM data.ledger")


def test_a_worker_deletes_only_rows_of_her_whose_erasure_has_begun(served: Served) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.RaiseException):
        run(served.as_("worker"), "DELETE FROM data.ledger")
    run(served.as_("worker"), "INSERT INTO data.fence SELECT sno, 'r', 1 FROM data.ledger LIMIT 1")
    assert run(served.as_("worker"), "DELETE FROM data.ledger") > 0


@pytest.mark.parametrize(("schema", "table"), GUARDED)
def test_the_owner_too_is_stopped_by_the_triggers(
    standing: Served, schema: str, table: str
) -> None:
    import psycopg

    if not run(standing.as_("owner"), f"SELECT 1 FROM {schema}.{table} LIMIT 1"):
        run(standing.as_("owner"), f"INSERT INTO {schema}.{table} {row(table)}")
    column = COLUMN.get(table, "log")
    for statement in (
        f"UPDATE {schema}.{table} SET {column} = {column}",
        f"DELETE FROM {schema}.{table}",
        f"TRUNCATE {schema}.{table}",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            run(standing.as_("owner"), statement)


def row(table: str) -> str:
    """Any row of a table that a young log has none in."""
    return {"set_chunk": "VALUES (0, 0, '')", "tile": "VALUES (0, 0, 0, '')"}[table]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM keys.subject_key",
        "SELECT * FROM keys.secret",
        "SELECT * FROM data.cell",
        "SELECT * FROM data.ledger",
        "INSERT INTO audit.single VALUES (1, 1)",
        "UPDATE audit.head SET size = 0",
        "DELETE FROM audit.record",
        "CREATE TABLE mine (id int)",
    ],
)
def test_an_auditor_sees_the_log_and_nothing_else(standing: Served, statement: str) -> None:
    import psycopg

    assert run(standing.as_("auditor"), "SELECT count(*) FROM audit.record") > [(0,)]
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    ):
        run(standing.as_("auditor"), statement)


def test_a_worker_cannot_make_a_home_and_is_told_why(prepared: Served) -> None:
    with pytest.raises(privet.StoreUnavailable) as refused:
        prepared.open("worker", "pack:shop")
    assert refused.value.reason == "store.rights"


def test_a_migration_gives_rights_on_what_it_makes(served: Served) -> None:
    run(served.as_("owner"), f"REVOKE ALL ON data.cell FROM {served.prefix}_worker")
    with pytest.raises(privet.StoreUnavailable) as refused, served.open("worker") as shop:
        shop.principal("web", roles=["storefront"]).purpose("recommendations").record(
            "ada", "view", event_id="1", item="kettle"
        )
    assert refused.value.reason == "store.rights"
    migrate_stores(locate(served.as_("owner")))
    with served.open("worker") as shop:
        shop.principal("web", roles=["storefront"]).purpose("recommendations").record(
            "ada", "view", event_id="1", item="kettle"
        )


@pytest.mark.parametrize("prefix", ["", "Shop", 'a"; DROP', "a b", "a" * 60])
def test_a_prefix_that_is_no_plain_word_is_refused(prefix: str) -> None:
    with pytest.raises(privet.InvalidInput) as refused:
        script(prefix)
    assert refused.value.reason == "store.role"
