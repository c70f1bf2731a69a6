"""Chosen records as tables: read back by others, resumed, and never more than was asked."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from privet.audit import Entry, Log, Selection, extract
from privet.audit.cells import plain
from privet.audit.rows import COLUMNS
from privet.audit.verifier import verify_directory
from privet.crypto import Signer
from privet.db import Home
from privet.errors import IntegrityError, InvalidInput

SIGNER = Signer(b"\x05" * 32)
TEXTS = ["=1+1", "\t=1", "a,b;=c", "＝1", " -1", '"', "plain", "\u0000", "\r\n"]


ALL = Selection()


@pytest.fixture
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


def body(i: int) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "access", "who": f"p-{i % 3:016x}", "roles": ["web"]}
    told |= {"purpose": ("orders", "advice")[i % 2], "action": "read", "fields": ["view.item"]}
    return told | {"reason": TEXTS[i % len(TEXTS)], "policy": "0123456789abcdef"}


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    made = Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)
    made.append([Entry(body(i), frozenset({i % 5})) for i in range(300)])
    clock.advance(timedelta(hours=1))
    made.append([Entry({**body(300), "kind": "denial"}, frozenset({1, 2}))])
    made.append([Entry(body(301), frozenset(range(1, 70_000, 700)))])
    return made


def silent(_done: int, _of: int) -> None:
    pass


def taken(home: Home, log: Log, place: Path, form: Any, choice: Selection = ALL) -> Any:
    return extract(home.audit, log.vkey, place, form, choice, silent)


def by_csv(place: Path) -> list[dict[str, str]]:
    with (place / "records.csv").open(newline="", encoding="utf-8") as file:
        return [{n: plain(c) for n, c in row.items()} for row in csv.DictReader(file)]


def test_three_readers_agree_on_every_cell(home: Home, log: Log, out: Path) -> None:
    for form in ("csv", "jsonl", "parquet"):
        assert taken(home, log, out / form, form).records == 302
    rows = by_csv(out / "csv")
    frame = pd.read_csv(out / "csv/records.csv", dtype=str, keep_default_na=False)
    assert frame.map(plain).to_dict("records") == rows
    table = pq.read_table(out / "parquet/records.parquet")
    assert tuple(table.column_names) == COLUMNS
    for row, other in zip(rows, table.to_pylist(), strict=True):
        at = other.pop("time")
        assert {n: str(v) for n, v in other.items()} == {n: row[n] for n in other}
        assert int(at.timestamp() * 1_000_000) == int(row["ts"])
    lines = (out / "jsonl/records.jsonl").read_bytes().splitlines()
    for row, line in zip(rows, map(json.loads, lines), strict=True):
        assert (line["seq"], line["leaf"]) == (int(row["index"]), row["leaf"])
        assert json.loads(row["body"]) == line["body"]
        assert row["reason"] == line["body"]["reason"]


def test_each_line_brings_what_its_leaf_is_the_hash_of(home: Home, log: Log, out: Path) -> None:
    taken(home, log, out, "csv")
    for row in by_csv(out):
        assert sha256(b"\x00" + row["body"].encode()).hexdigest() == row["leaf"]
        assert log.prove(int(row["index"]))["index"] == int(row["index"])


def test_the_manifest_says_what_was_asked_and_hashes_the_file(
    home: Home, log: Log, out: Path
) -> None:
    report = taken(home, log, out, "csv", Selection(purpose="orders", decision="permit"))
    told = json.loads((out / "manifest.json").read_bytes())
    assert told["selection"] == {"purpose": "orders", "decision": "permit"}
    assert (told["records"], told["size"]) == (report.records, 302) == (150, 302)
    digest = sha256((out / "records.csv").read_bytes()).hexdigest()
    assert told["files"] == {"records.csv": digest}
    assert sorted(p.name for p in out.iterdir()) == [
        "checkpoint", "log.vkey", "manifest.json", "records.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_about_one_person_nobody_else_is_named(home: Home, log: Log, out: Path, form: Any) -> None:
    assert taken(home, log, out, form, Selection(subject=1)).records == 62
    if form == "parquet":
        rows = pq.read_table(out / "records.parquet").to_pylist()
        withheld = [row for row in rows if not row["body"]]
        assert [(r["index"], r["people"], r["leaf"]) for r in withheld] == [(300, 2, "")]
        return
    text = (out / f"records.{form}").read_text()
    assert "[1,2]" not in text.replace('""', '"')
    assert text.count('"snos":[1]' if form == "jsonl" else '""snos"":[1]') == 60


def test_an_interrupted_export_goes_on_and_ends_as_if_it_never_stopped(
    home: Home, log: Log, out: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("privet.audit.extracting.STEP_RECORDS", 50)
    monkeypatch.setattr("privet.audit.pages.PAGE", 40)
    forms: list[Any] = ["csv", "jsonl", "parquet"]
    cuts = [(form, left) for form in forms for left in (0, 1, 3)]
    for form in forms:
        taken(home, log, out / form, form)
    for form, left in cuts:
        with pytest.raises(KeyboardInterrupt):
            extract(home.audit, log.vkey, out / f"{form}-{left}", form, ALL, Stop(left))
    log.append([Entry(body(302), frozenset({1}))])  # what is resumed keeps its checkpoint
    for form, left in cuts:
        assert taken(home, log, out / f"{form}-{left}", form).size == 302
        assert files(out / f"{form}-{left}") == files(out / form)


class Stop:
    """Whoever waits for an export, and interrupts it after so many steps."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, done: int, of: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def files(place: Path) -> dict[str, bytes]:
    found = (p for p in place.rglob("*") if p.is_file())
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in found}


def test_a_draft_that_lost_its_end_is_begun_anew(
    home: Home, log: Log, out: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("privet.audit.extracting.STEP_RECORDS", 50)
    monkeypatch.setattr("privet.audit.pages.PAGE", 40)

    with pytest.raises(KeyboardInterrupt):
        extract(home.audit, log.vkey, out, "csv", ALL, Stop(3))
    with (out / "records.csv.draft").open("r+b") as draft:
        draft.truncate(100)
    assert taken(home, log, out, "csv").records == len(by_csv(out)) == 302


def test_another_choice_does_not_go_into_the_same_directory(
    home: Home, log: Log, out: Path
) -> None:
    taken(home, log, out, "csv", Selection(purpose="orders"))
    for form, choice in (("csv", Selection()), ("jsonl", Selection(purpose="orders"))):
        with pytest.raises(InvalidInput) as refusal:
            taken(home, log, out, form, choice)
        assert refusal.value.reason == "export.foreign"


def test_written_again_it_is_brought_up_to_date(home: Home, log: Log, out: Path) -> None:
    for form in ("csv", "parquet"):
        assert taken(home, log, out / form, form).records == 302
    log.append([Entry(body(302), frozenset({1}))])
    for form in ("csv", "parquet"):
        assert taken(home, log, out / form, form).records == 303
    assert len(by_csv(out / "csv")) == 303
    assert pq.read_table(out / "parquet/records.parquet").num_rows == 303


def test_nothing_found_is_a_table_without_rows(home: Home, log: Log, out: Path) -> None:
    for form in ("csv", "jsonl", "parquet"):
        choice = Selection(purpose="nothing of the kind")
        assert taken(home, log, out / form, form, choice).records == 0
    assert by_csv(out / "csv") == []
    assert pq.read_table(out / "parquet/records.parquet").column_names == list(COLUMNS)


def test_a_changed_record_is_not_exported(home: Home, log: Log, out: Path) -> None:
    with home.audit.write() as tx:
        if home.audit.dialect == "postgresql":
            tx.run("ALTER TABLE record DISABLE TRIGGER ALL")
        else:
            tx.run("DROP TRIGGER record_no_update")
        tx.run("UPDATE record SET body = ? WHERE seq = 7", (b'{"kind":"access"}',))
    with pytest.raises(IntegrityError) as refusal:
        taken(home, log, out, "csv")
    assert refusal.value.reason == "audit.broken"
    assert "7" in refusal.value.why


def test_the_verifier_does_not_take_chosen_records_for_the_log(
    home: Home, log: Log, out: Path
) -> None:
    taken(home, log, out, "jsonl", Selection(purpose="orders"))
    verdict = verify_directory(out, vkey=log.vkey)
    assert not verdict.usable
    assert "chosen records" in verdict.problems[0].what
