"""Every command of the guide on backup and restore, in the order of the page."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import privet
from privet.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/backup.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRIVET_HOME", "home")
    monkeypatch.setenv("PRIVET_KEYRING", "file:ring")
    privet.open(policy="pack:shop", sync="OFF").close()
    return tmp_path


def run(line: str) -> dict[str, object]:
    words = shlex.split(line)
    assert words[0] == "privet"
    result = CliRunner().invoke(app, [*words[1:], "--json"])
    assert result.exit_code == 0, (line, result.output)
    return dict(json.loads(result.stdout))


def test_the_commands_of_the_page_do_what_it_says(at: Path) -> None:
    told = {line: run(line) for line in COMMANDS}
    lost = next(done for line, done in told.items() if "--accept-loss" in line)
    assert int(str(lost["lost"])) > 0
    assert len(COMMANDS) >= 8
    assert all(
        (at / "restored" / n / "audit.db").exists() for n in ("one", "two", "three", "four", "five")
    )
    with privet.open() as shop:  # renewed where it stands
        assert [one.timeline for one in shop.maintenance.restores()] == [2]
