"""The command line in this process, on real homes in temporary directories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from privet.cli import app


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON value that it must be."""
        return json.loads(self.out)


Cli = Callable[..., Ended]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs one command in an empty directory, without any setting from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRIVET_HOME", raising=False)
    monkeypatch.delenv("PRIVET_KEYRING", raising=False)
    runner = CliRunner()

    def run(*args: str) -> Ended:
        result = runner.invoke(app, list(args))
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where Ada has an account and agreed; tests take copies of it."""
    place = tmp_path_factory.mktemp("made")
    items = place / "items.csv"
    items.write_text("item,title\nkettle,Steel kettle\nteapot,Steel teapot\nlamp,Desk lamp\n")
    at = ("--home", str(place / "home"))
    for args in (
        ("init", "--policy", "pack:shop", *at),
        ("ingest", "--items", str(items), *at),
        ("consent", "begin", "ada", "orders", *at),
        (
            *("consent", "answer", "ada", "--yes", "recommendations"),
            *("--notice", "n1", "--channel", "letter", "--evidence", "scan-1", *at),
        ),
    ):
        result = CliRunner().invoke(app, list(args))
        assert result.exit_code == 0, result.stderr
    return place / "home"


@pytest.fixture
def shop(cli: Cli, made_home: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The same, with a home of Ada's in ``PRIVET_HOME``."""
    shutil.copytree(made_home, "home")
    monkeypatch.setenv("PRIVET_HOME", "home")
    return cli
