"""What the guide for operators promises, done to real stores."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import privet
from privet.recommend import Popularity

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/operate.md").read_text(encoding="utf-8")
(GRANTS,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def live(shop: privet.Deployment) -> str:
    """All that workers and maintenance do, once; what became of an erasure at its end."""
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    ada = shop.subject("ada", proof="t")
    ada.consent.answer({"recommendations": True}, notice="1", how="web")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    web.record("ada", "view", event_id="1", item="kettle")
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("popular", Popularity(event="view")))
    assert web.recommend("ada").personal
    assert -1 not in shop.maintenance.run().values()
    shop.maintenance.rotate()
    assert all(found.state == "ok" for found in shop.maintenance.examine())
    return ada.rights.erase().state


def worker_of(url: str, grants: str) -> str:
    """The URL of a new role that has these grants on a database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as owner:
        row = owner.execute("SELECT current_database()").fetchone()
        role = f"worker_{row[0] if row else ''}"
        owner.execute(f"CREATE ROLE {role} LOGIN")
        for line in filter(None, grants.splitlines()):
            owner.execute(line.replace(" TO worker;", f" TO {role}"))
    return re.sub(r"//[^@/]*@", f"//{role}@", url)


@pytest.fixture
def database(postgres_url: str, tmp_path: Path) -> str:
    privet.open(postgres_url, policy="pack:shop", keyring=f"file:{tmp_path / 'ring'}").close()
    return postgres_url


def test_the_grants_of_the_guide_are_all_that_a_worker_needs(database: str, tmp_path: Path) -> None:
    with privet.open(worker_of(database, GRANTS), keyring=f"file:{tmp_path / 'ring'}") as shop:
        assert live(shop) == "done"


@pytest.mark.parametrize("line", [line for line in GRANTS.splitlines() if "audit" in line])
def test_none_of_the_grants_on_the_log_is_there_for_nothing(
    database: str, tmp_path: Path, line: str
) -> None:
    fewer = worker_of(database, GRANTS.replace(line, ""))
    with (
        pytest.raises(privet.PrivetError),
        privet.open(fewer, keyring=f"file:{tmp_path / 'ring'}") as shop,
    ):
        live(shop)


def test_a_worker_can_neither_change_nor_empty_the_log(database: str, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(worker_of(database, GRANTS), autocommit=True) as worker:
        for forbidden in (
            "DELETE FROM audit.record",
            "TRUNCATE audit.record",
            "DROP TRIGGER record_only_grows ON audit.record",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                worker.execute(forbidden)


def test_a_keys_store_of_an_ended_epoch_opens_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    privet.open(home, policy="pack:shop", sync="OFF").close()
    shutil.copyfile(home / "keys.db", tmp_path / "copy.db")
    with privet.open(home, sync="OFF") as shop:
        shop.maintenance.rotate()
    shutil.copyfile(tmp_path / "copy.db", home / "keys.db")
    with pytest.raises(privet.KeyUnavailable) as refusal:
        privet.open(home, sync="OFF")
    assert refusal.value.reason == "key.missing"
