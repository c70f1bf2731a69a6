"""Every command of the guide to the store, in the order of the page; its list of faults."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import privet
from privet.cli.app import app
from privet.gate.storefaults import CODES, told

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/store.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def test_the_commands_of_the_page_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRIVET_HOME", "home")
    monkeypatch.setenv("PRIVET_KEYRING", "file:ring")
    privet.open(policy="pack:shop", sync="OFF").close()
    assert len(COMMANDS) >= 5
    for line in COMMANDS:
        words = shlex.split(line)
        assert words[0] == "privet"
        result = CliRunner().invoke(app, [*words[1:], "--json"])
        assert result.exit_code == 0, (line, result.output)
        found = json.loads(result.stdout)
        if "check" in words:
            assert found["ok"]
            assert found["faults"] == []


def test_the_page_lists_every_fault_with_its_state() -> None:
    rows = dict(re.findall(r"^\| (`[a-z.`, ]+`) \| (fail|warn) \|", PAGE, re.MULTILINE))
    listed = {
        code: state for codes, state in rows.items() for code in re.findall(r"`(.*?)`", codes)
    }
    assert listed == {fault.code: fault.state for fault in told(dict.fromkeys(CODES, 1))}
