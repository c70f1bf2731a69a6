"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import privet
from privet.cli import checks


def state(ended, check):
    return {c["check"]: c for c in ended.json["checks"]}[check]


def test_a_home_in_order_ends_with_code_zero(shop):
    ended = shop("doctor", "--json")
    assert (ended.code, ended.json["ok"]) == (0, True)
    assert {c["check"] for c in ended.json["checks"]} == {
        *("sqlite", "extras", "files", "keyring files", "schema"),
        *(
            "stores",
            "policy",
            "notices",
            "objections",
            "emergencies",
            "clock",
            "keyring",
            "audit log",
            "anchors",
            "maintenance",
        ),
    }


def test_looking_leaves_no_record(shop):
    first = state(shop("doctor", "--json"), "audit log")["what"]
    assert state(shop("doctor", "--json"), "audit log")["what"] == first


def test_a_keyring_inside_the_home_is_worth_a_warning(shop):
    assert state(shop("doctor", "--json"), "keyring files")["state"] == "warn"
    Path("home/keyring").rename("keys")
    told = shop("doctor", "--keyring", "file:keys", "--json")
    assert state(told, "keyring files")["state"] == "ok"


def test_the_keyring_is_named_and_how_long_it_took_to_answer(shop):
    told = state(shop("doctor", "--json"), "keyring")
    assert re.fullmatch(r"file; it gave this epoch's key in \d+ ms", told["what"])


@pytest.mark.parametrize(
    ("spec", "kind", "reason"),
    [
        ("env:NOBODY_SET_THIS", "env", "keyring.other"),
        ("file:nowhere", "file", "key.missing"),
        ("nonsense:hvs.canary", "this kind", "keyring.kind"),
    ],
)
def test_a_keyring_that_gives_nothing_is_named_with_the_reason(shop, spec, kind, reason):
    ended = shop("doctor", "--keyring", spec, "--json")
    assert ended.code == 1
    told = state(ended, "keyring")
    assert told["state"] == "fail"
    assert told["what"].startswith(kind)
    assert reason in told["what"]
    assert "canary" not in ended.out


@pytest.mark.parametrize("path", ["home", "home/data.db"])
def test_files_that_others_can_read_fail(shop, path):
    Path(path).chmod(0o755)
    ended = shop("doctor", "--json")
    assert ended.code == 1
    assert state(ended, "files")["state"] == "fail"
    assert "chmod" in state(ended, "files")["remedy"]


def test_a_key_that_others_can_read_fails_twice(shop):
    next(Path("home/keyring").iterdir()).chmod(0o640)
    ended = shop("doctor", "--json")
    assert state(ended, "keyring files")["state"] == "fail"
    assert "key.readable" in state(ended, "keyring")["what"]


def test_an_outdated_schema_names_the_migration(shop):
    with sqlite3.connect("home/data.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
    ended = shop("doctor", "--json")
    assert ended.code == 1
    assert "store.schema" in state(ended, "home")["what"]


def test_a_missing_home_is_a_finding_and_no_error(cli):
    assert cli("doctor", "--json").code == 1
    assert state(cli("doctor", "--home", "nowhere", "--json"), "home")["state"] == "fail"


def tamper(sql):
    with sqlite3.connect("home/audit.db") as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET leaf = zeroblob(32) WHERE seq = 1",
        "UPDATE record SET leaf = 'text' WHERE seq = 1",
        "UPDATE head SET frontier = 'text'",
        "UPDATE record SET body = replace(body, 'a', 'b') WHERE seq = 1",
        "DELETE FROM record WHERE seq = 1",
        "DELETE FROM record WHERE seq = (SELECT MAX(seq) FROM record)",
    ],
)
def test_a_changed_log_fails(shop, sql):
    tamper(sql)
    ended = shop("doctor", "--json")
    assert ended.code == 1
    failed = [c for c in ended.json["checks"] if c["state"] == "fail"]
    assert [c["check"] for c in failed] == ["opening"]  # it is not opened at all
    assert "is the first bad one" in failed[0]["what"] or "audit.broken" in failed[0]["what"]


def test_a_clock_that_stands_before_the_log_fails(shop):
    class Ahead:
        def now(self):
            return datetime.now(UTC) + timedelta(days=2)

    with privet.open("home", clock=Ahead()) as home:
        home.principal("a", roles=["operator"]).admin.load_items([{"item": "x"}])
    assert state(shop("doctor", "--json"), "clock")["state"] == "fail"


def test_what_waits_is_a_warning(shop, monkeypatch):
    monkeypatch.setattr("privet.gate.upkeep.overdue", lambda parts: 3)
    found = state(shop("doctor", "--json"), "maintenance")
    assert (found["state"], "3 cells" in found["what"]) == ("warn", True)


@pytest.mark.parametrize(
    ("version", "expected", "named"),
    [
        ((3, 6, 23), "fail", False),
        ((3, 7, 0), "ok", True),
        ((3, 51, 2), "ok", True),
        ((3, 51, 3), "ok", False),
    ],
)
def test_the_range_of_the_reset_of_the_write_ahead_log_is_named(version, expected, named):
    finding = checks._sqlite(version)
    assert finding.state == expected
    assert ("3.7.0 to 3.51.2" in finding.what) is named
