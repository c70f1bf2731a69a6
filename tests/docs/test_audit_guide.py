"""Every command of the guide on the audit log, in the order of the page."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import privet
from privet.cli.app import app
from privet.policy import load
from privet.testing import FakeClock

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/audit.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
(KEPT,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop whose policy keeps records for a day, with some weeks behind it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRIVET_HOME", "home")
    monkeypatch.setenv("PRIVET_KEYRING", "file:ring")
    (tmp_path / "policy").mkdir()
    for name, text in load("pack:shop").documents.items():
        more = "\n" + KEPT.replace("6y", "1d") if name == "policy" else ""
        (tmp_path / "policy" / f"{name}.yaml").write_text(text + more)
    clock = FakeClock(datetime(2026, 1, 5, tzinfo=UTC))
    with privet.open(policy="policy/policy.yaml", sync="OFF", clock=clock) as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        answer = shop.subject("ada", proof="t").consent.answer
        answer({"recommendations": True}, notice="1", how="web")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        for n in range(300):
            clock.advance(timedelta(minutes=1))
            web.record("ada", "view", event_id=f"{n}", item="kettle")
    return tmp_path


def run(line: str) -> Any:
    words = shlex.split(line)
    assert words[0] == "privet"
    result = CliRunner().invoke(app, [*words[1:], "--json"])
    assert result.exit_code == 0, (line, result.output)
    if words[2] == "tail":
        return [json.loads(record) for record in result.stdout.splitlines()]
    return json.loads(result.stdout)


def test_the_commands_of_the_page_do_what_it_says(at: Path) -> None:
    told = {line: run(line) for line in COMMANDS}
    assert len(COMMANDS) >= 20
    assert len(told["privet audit tail --count 5"]) == 5
    assert {one["name"] for one in told[COMMANDS[2]]} == {"", "web"}
    assert told["privet audit export orders --form csv --purpose orders --since 2026-01-01"][
        "file"
    ].endswith("records.csv")
    (recounted,) = [t for line, t in told.items() if line.endswith("later --history hers.json")]
    assert any("these are all records" in note for note in recounted["notes"])
    scope = told["privet audit scope --since 2026-01-01 --principal web"]
    assert (scope["records"], scope["people"]) == (300, 1)
    assert told["privet audit scope --epoch 1"]["people"] == 1
    (shard,) = told["privet audit shard list"]
    assert (shard["state"], shard["upto"]) == ("dropped", 256)
    (checked,) = [t for line, t in told.items() if line.endswith("--shard archive")]
    assert checked["ok"]
    assert "only the hash is here" not in checked["notes"][0]
