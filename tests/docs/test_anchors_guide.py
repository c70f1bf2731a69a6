"""Every command of the page on anchors, in its order; the incident is made between them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.witness import Served, Witness
from typer.testing import CliRunner

import privet
from privet.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/anchors.md").read_text(encoding="utf-8")
BEFORE, AFTER = PAGE.split("## Incident")


def commands(part: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[tuple[Witness, str]]:
    one = Witness(tmp_path / "witness.json")
    with Served(one) as served:
        yield one, served.url


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, witness: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRIVET_HOME", raising=False)
    monkeypatch.delenv("PRIVET_KEYRING", raising=False)
    one, url = witness
    anchors = ["file+same-volume:shop.anchor", f"witness:{url}#{one.vkey}"]
    (tmp_path / "privet.toml").write_text(
        f'home = "shop"\nkeyring = "file:ring"\nanchors = {json.dumps(anchors)}\n'
    )
    with privet.open(policy="pack:shop", sync="OFF", anchors=[]) as shop:
        one.trust(shop.verifier_key)
        agree(shop, "ada")
    return tmp_path


def agree(shop: privet.Deployment, *names: str) -> None:
    for name in names:
        shop.subject(name, proof="t").consent.answer(
            {"recommendations": True}, notice="1", how="web"
        )


def run(line: str) -> dict[str, Any]:
    command, _, note = line.partition("  # ends with ")
    words = shlex.split(command)
    if words[0] != "privet":
        subprocess.run(words, check=True)
        return {}
    asked = [*words[1:], *(["--json"] if "--json" not in words else [])]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == int(note or 0), (line, result.output, result.stderr)
    return dict(json.loads(result.stdout))


def test_the_commands_of_the_page_do_what_it_says(at: Path, witness: Any) -> None:
    told = {line: run(line) for line in commands(BEFORE)}
    assert [a["error"] for a in told["privet audit anchor"]["anchors"]] == [None, None]
    assert told["privet audit verify --proof proof.json"]["notes"][0].startswith("subject ")

    yesterday = at / "yesterday"
    shutil.copytree(at / "shop", yesterday)
    with privet.open(sync="OFF") as shop:
        size = shop._parts.log.size()
        agree(shop, "bob", "eve")
        assert [pushed.error for pushed in shop.maintenance.anchor()] == [None, None]
    shutil.rmtree(at / "shop")
    shutil.copytree(yesterday, at / "shop")  # what the incident is

    for line in commands(AFTER):
        if line.startswith("privet audit anchor"):
            with privet.open(sync="OFF", anchors=[]) as shop:
                witness[0].trust(shop.verifier_key)
        told[line] = run(line)
    (first,) = [f for f in told["privet doctor  # ends with 1"]["checks"] if f["state"] == "fail"]
    assert f"record {size} is the first bad one" in first["what"]
    broken = told["privet audit verify tampered --anchor evidence.anchor  # ends with 5"]
    assert broken["first_bad"] in {size, size + 1}  # the export is a record itself
    notes = told["privet audit verify tuesday --anchor monday"]["notes"]
    assert any("are lost" in note for note in notes)
