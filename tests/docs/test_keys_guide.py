"""Every command of the guide on keys, in the order of the page."""

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
PAGE = (ROOT / "docs/guide/keys.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRIVET_HOME", "home")
    monkeypatch.setenv("PRIVET_KEYRING", "file:ring")
    with privet.open(policy="pack:shop", sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        ada = shop.subject("ada", proof="t")
        ada.consent.answer({"recommendations": True}, notice="1", how="web")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="kettle")
    return tmp_path


def run(line: str) -> dict[str, object]:
    words = shlex.split(line)
    assert words[0] == "privet"
    result = CliRunner().invoke(app, [*words[1:], "--json"])
    assert result.exit_code == 0, (line, result.output)
    return dict(json.loads(result.stdout))


def test_the_commands_of_the_page_do_what_it_says(at: Path) -> None:
    told = [(line, run(line)) for line in COMMANDS]
    last = told[-1][1]
    assert len(COMMANDS) >= 11
    assert (last["every_days"], last["backup_days"], last["under_way"]) == (14, 7, False)
    states = [epoch["state"] for epoch in last["epochs"]]  # type: ignore[attr-defined]
    assert states == ["destroyed"] * (len(states) - 1) + ["active"]
    assert len(list((at / "ring").glob("*.key"))) == 1
    first = told[0][1]
    assert first["vkey"] != last["vkey"]
    with privet.open() as shop:
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        assert not web.record("ada", "view", event_id="1", item="kettle").new
        assert shop.maintenance.check().ok
