"""A list that no spreadsheet runs, for its owner's eyes alone."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import InvalidInput
from privet.segments.table import BLANK, RUNS, harmless, write


@pytest.mark.parametrize("first", sorted(RUNS | BLANK))
def test_what_a_spreadsheet_would_run_or_trim_is_made_text(first: str) -> None:
    assert harmless(f"{first}cmd") == f"'{first}cmd"


@given(st.text())
def test_no_cell_begins_like_an_instruction(text: str) -> None:
    told = harmless(text)
    assert told == "" or told[0] not in RUNS | BLANK
    assert told.removeprefix("'") == text.removeprefix("'") or told == text


def test_the_file_reads_back_and_is_nobody_elses(tmp_path: Path) -> None:
    rows = [("ada@example.com", 'a "quoted", cell\nof two lines'), ("=HYPERLINK(1)", "")]
    write(tmp_path / "list.csv", ("email", "note"), rows)
    with (tmp_path / "list.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.reader(file))
    assert read == [
        ["email", "note"],
        ["ada@example.com", 'a "quoted", cell\nof two lines'],
        ["'=HYPERLINK(1)", ""],
    ]
    assert stat.S_IMODE((tmp_path / "list.csv").stat().st_mode) == 0o600


def test_nothing_is_overwritten_nor_followed(tmp_path: Path) -> None:
    taken = tmp_path / "taken.csv"
    taken.write_text("mine")
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    for path in (taken, tmp_path / "link.csv", tmp_path / "no" / "list.csv", Path("a\0b")):
        with pytest.raises(InvalidInput) as refusal:
            write(path, ("email",), [("a",)])
        assert refusal.value.reason == "export.path"
    assert taken.read_text() == "mine"
    assert not (tmp_path / "elsewhere.csv").exists()
