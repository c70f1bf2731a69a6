"""The log's tools on the command line: what they show, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CSV = ("audit", "export", "out", "--form", "csv")


def test_following_ends_quietly_when_it_is_interrupted(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("privet.cli.audittail.time.sleep", interrupted)
    ended = shop("audit", "tail", "--count", "2", "--follow", "--json")
    assert ended.code == 0
    assert len([json.loads(line) for line in ended.out.splitlines()]) == 2


def test_an_export_of_chosen_records_tells_where_it_is(shop: Any) -> None:
    told = shop(*CSV, "--decision", "permit", "--acted-as", "operator", "--json").json
    assert told["file"] == str(Path("out/records.csv"))
    assert 0 < told["records"] < told["size"]
    assert shop(*CSV, "--purpose", "orders").code == 2  # another choice, in the same directory


def test_times_are_days_in_utc_or_have_a_zone(shop: Any) -> None:
    for since in ("2020-01-01", "2020-01-01T10:00+02:00", "2020-01-01T08:00:00Z"):
        assert shop("audit", "stats", "--since", since, "--json").json["records"] > 0
    assert shop("audit", "stats", "--since", "2020-01-01T10:00").code == 2


def test_an_incident_needs_to_know_whose(shop: Any) -> None:
    for asked in ((), ("--principal", "web"), ("--since", "2020-01-01")):
        ended = shop("audit", "scope", *asked, "--json")
        assert (ended.code, ended.json["error"]["reason"]) == (2, "scope.whose")
    assert shop("audit", "scope", "--epoch", "9", "--json").json["error"]["reason"] == (
        "epoch.unknown"
    )


def test_a_history_with_proofs_is_written_once(shop: Any) -> None:
    assert shop("audit", "history", "ada", "--proof", "hers.json").code == 0
    assert Path("hers.json").stat().st_mode & 0o077 == 0
    assert shop("audit", "history", "ada", "--proof", "hers.json").code == 2
    assert shop("audit", "verify", "--history", "hers.json").code == 0
    text = Path("hers.json").read_text()
    Path("hers.json").write_text(text.replace('"subject": 1', '"subject": 2'))
    assert shop("audit", "verify", "--history", "hers.json").code == 5


def test_a_history_that_leaves_a_record_out_is_found_by_the_whole(shop: Any) -> None:
    assert shop("audit", "history", "ada", "--proof", "hers.json").code == 0
    assert shop("audit", "export", "whole").code == 0
    told = json.loads(Path("hers.json").read_bytes())
    del told["records"][1]
    Path("fewer.json").write_bytes(
        json.dumps(told, sort_keys=True, indent=1, ensure_ascii=False).encode()
    )
    assert shop("audit", "verify", "--history", "fewer.json").code == 0  # each of them is there
    ended = shop("audit", "verify", "whole", "--history", "fewer.json", "--json")
    assert ended.code == 5
    assert "left out" in ended.json["problems"][0]["what"]
    assert shop("audit", "verify", "whole", "--history", "hers.json").code == 0
