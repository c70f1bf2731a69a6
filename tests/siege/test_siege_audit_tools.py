"""Exports and views of the log under attack: values, escapes, and a kill in the middle."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import privet
from privet.audit import Entry
from privet.cli import app

TEXTS = [
    "line\nfeed", "carriage\rreturn", "\x1b[2J\x1b[31mred", "\u202eevil\u2066", "nul\0", "\u2028",
    "\x9b31m", "bell\x07", '"},{"seq":0', "=1+1", "\ufeff@SUM(1)", "a\tb",
]  # fmt: skip
SHOWN, ALSO = 19, 1  # records of the life below, and one more after a look at them
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def life(tmp_path: Path) -> Any:
    """A home in which somebody got hostile texts into records, past all checks."""
    with privet.open(
        tmp_path / "h", policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", sync="OFF"
    ) as shop:
        shop.principal("op", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        ada = shop.subject("canary-id-ada", proof="t")
        ada.consent.answer({"recommendations": True}, notice="1", how="canary-details")
        web = shop.principal("canary-principal", roles=["storefront"])
        web.purpose("recommendations").record(
            "canary-id-ada", "view", event_id="canary-event", item="kettle"
        )
        told = {"kind": "denial", "who": "p-0", "roles": ["web"], "purpose": "orders"}
        shop._parts.log.append([Entry({**told, "action": "read", "reason": t}) for t in TEXTS])
        yield shop


def options(shop: privet.Deployment, tmp_path: Path) -> list[str]:
    return ["--home", str(tmp_path / "h"), "--keyring", f"file:{tmp_path / 'k'}"]


def test_no_view_of_the_log_has_a_value_or_a_name(life: Any, tmp_path: Path) -> None:
    desk = life.principal("inspector-canary", roles=["auditor"]).audit
    for form in ("tiles", "jsonl", "csv", "parquet"):
        desk.export(tmp_path / "out" / form, form=form)
    desk.export(tmp_path / "out" / "hers", form="csv", subject="canary-id-ada")
    desk.export(tmp_path / "out" / "web", form="csv", principal="canary-principal")
    (tmp_path / "out" / "history").write_bytes(desk.prove_history("canary-id-ada"))
    since = life._parts.clock.now().replace(year=2000)
    views = [desk.stats(since=since), desk.principals(since=since), desk.tail(50)]
    views += [desk.scope(since=since, principal="canary-principal"), desk.key_scope(1)]
    (tmp_path / "out" / "views").write_text(repr(views))
    table = pq.read_table(tmp_path / "out" / "parquet" / "records.parquet")
    (tmp_path / "out" / "parquet.text").write_text(repr(table.to_pylist()))
    found = [
        p for p in (tmp_path / "out").rglob("*") if p.is_file() and b"canary" in p.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("view", ["tail", "stats", "principals", "scope"])
def test_no_record_forges_a_line_or_moves_a_cursor(life: Any, tmp_path: Path, view: str) -> None:
    life.close()
    asked = {
        "tail": ["--count", "50"],
        "stats": ["--since", "2000-01-01"],
        "principals": ["--since", "2000-01-01"],
        "scope": ["--since", "2000-01-01", "--principal", "p-0000000000000000"],
    }[view]
    where = options(life, tmp_path)
    for how in ([], ["--json"]):
        result = CliRunner().invoke(app, ["audit", view, *asked, *where, *how])
        assert result.exit_code == 0, result.output
        assert not UNSAFE.search(result.stdout)
        if view == "tail":
            lines = result.stdout.splitlines()[0 if how else 1 :]  # the first says who looks
            assert len(lines) == SHOWN + len(how) * ALSO
        if view == "tail" and how:
            records = [json.loads(line) for line in lines]
            assert [r["seq"] for r in records] == list(range(len(records)))
            assert {r["reason"] for r in records if "reason" in r} == set(TEXTS)


KILLED = """
import os, signal, sys
from privet.audit import Selection, export, extract
import privet.audit.export, privet.audit.extracting
from privet.db import locate, open_stores

home, out, form, vkey, left = sys.argv[1:6]
privet.audit.extracting.STEP_RECORDS = 300
sys.modules["privet.audit.export"].NOTED = 1
left = [int(left)]

def step(done, of):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

audit = open_stores(locate(home), "OFF").audit
if form == "tiles":
    export(audit, vkey, __import__("pathlib").Path(out), progress=step)
else:
    extract(audit, vkey, __import__("pathlib").Path(out), form, Selection(), step)
"""


def files(place: Path) -> dict[str, bytes]:
    found = (p for p in place.rglob("*") if p.is_file())
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in found}


def test_an_export_that_is_killed_goes_on_to_the_same_bytes(life: Any, tmp_path: Path) -> None:
    log = life._parts.log
    for _ in range(6):
        log.append([Entry({"kind": "access", "n": n}, frozenset({n})) for n in range(500)])
    vkey = log.vkey
    life.close()

    def run(form: str, out: Path, left: int) -> int:
        words = [sys.executable, "-c", KILLED, str(tmp_path / "h"), str(out), form, vkey, str(left)]
        return subprocess.run(words, check=False, capture_output=True).returncode

    for form, left in (("tiles", 9), ("csv", 1)):
        cut, whole = tmp_path / f"cut-{form}", tmp_path / f"whole-{form}"
        assert run(form, cut, left) == -signal.SIGKILL
        assert "checkpoint" not in files(cut)
        noted = json.loads((cut / "progress.json").read_bytes())
        assert noted.get("next") or noted["at"]["tiles"]
        assert run(form, cut, 10_000) == 0
        assert run(form, whole, 10_000) == 0
        assert files(cut) == files(whole)
