"""What the guide for PostgreSQL says to type, typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from privet.db import server, store
from privet.db.tls import PLAIN, UNVERIFIED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/postgresql.md").read_text(encoding="utf-8")
SCRIPT, COMMANDS = re.findall(r"```shell\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """A fresh database; its roles go with it."""
    import psycopg

    yield postgres_url
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for role in ("owner", "worker", "auditor"):
            admin.execute(f"DROP OWNED BY privet_{role} CASCADE")
            admin.execute(f"DROP ROLE privet_{role}")


def run(line: str, place: Path, **environment: str) -> str:
    """One line of the page, with this interpreter's privet."""
    done = subprocess.run(
        [sys.executable, "-m", *line.split()],
        cwd=place,
        env={**os.environ, "PRIVET_KEYRING": f"file:{place / 'ring'}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_commands_of_the_page_make_a_home_that_a_worker_uses(
    database: str, tmp_path: Path
) -> None:
    import psycopg

    printing, running = SCRIPT.strip().splitlines()
    command, _, file = printing.partition(" > ")
    assert running == f"psql --dbname shop --file {file}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(run(command, tmp_path))
    for line in COMMANDS.strip().splitlines():
        where, _, command = line.partition(" ")
        role = re.fullmatch(r"PRIVET_HOME=postgresql://(\w+)@/shop", where)
        assert role is not None
        run(command, tmp_path, PRIVET_HOME=database.replace("//postgres:@", f"//{role[1]}@"))


def test_the_page_tells_the_times_and_words_that_hold() -> None:
    for seconds, what in (
        (server.CONNECT_S, "connecting"),
        (server.SILENCE_S, "a network that is silent"),
        (store.LOCK_DEADLINE_S, "waiting for a lock"),
        (server.STATEMENT_S, "a statement"),
        (server.IDLE_S, "a transaction left idle"),
        (server.POOL_WAIT_S, "waiting for a connection of the pool"),
    ):
        assert f"| {what} | {seconds:.0f} s" in PAGE
    assert f"up to {server.CONNECTIONS} connections" in PAGE
    for words in (PLAIN, UNVERIFIED):
        assert f"privet_tls={words}" in PAGE
    reasons = (ROOT / "docs/reference/reasons.md").read_text(encoding="utf-8")
    assert all(reason in reasons for reason in re.findall(r"`store\.[a-z-]+`", PAGE))
