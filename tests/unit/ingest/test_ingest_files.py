"""Files as they stand: nothing is guessed, nothing of a malformed one is repeated."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import InvalidInput, MissingExtra
from privet.ingest import files


def test_a_value_of_a_csv_is_the_text_that_stands_there(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,n,x\n007,1e3,\n"a,b",NA,"=1+1"\n', encoding="utf-8")
    frame = files.read_table(path, ["id", "n", "x"])
    assert frame.to_dict("list") == {
        "id": ["007", "a,b"],
        "n": ["1e3", "NA"],
        "x": [None, "=1+1"],
    }


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid\n1\n")
    assert files.column_names(path) == ["id"]


def test_columns_that_are_not_asked_for_are_not_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,secret\n1,2\n")
    assert list(files.read_table(path, ["a"]).columns) == ["a"]


def test_whole_numbers_with_gaps_stay_whole_in_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"id": pd.array([1, None, 2**60 + 1], dtype="Int64")}).to_parquet(path)
    ids = files.identifiers(files.read_table(path, ["id"])["id"])
    assert list(ids) == ["1", None, str(2**60 + 1)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"a,b\nsecret,2,3\n", "file.malformed"),
        ("a.csv", b"a,b\n\xffsecret,2\n", "file.malformed"),
        ("a.csv", b'a,b\n"secret,2\n', "file.malformed"),
        ("a.csv", b"", "load.columns"),
        ("a.csv", b"a,a,b\n1,2,3\n", "load.columns"),
        ("a.csv", b"b\nsecret\n", "load.columns"),
        ("a.parquet", b"PAR1secret", "file.malformed"),
        ("a.xlsx", b"secret", "file.kind"),
    ],
)
def test_a_malformed_file_is_refused_without_its_values(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        files.read_table(path, ["a", "b"])
    assert refused.value.reason == reason
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidInput):
        files.read_table(tmp_path / "none.csv", ["a"])


def test_parquet_without_its_extra_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match="parquet"):
        files.read_table(tmp_path / "a.parquet", ["a"])


def test_times_with_a_zone_are_that_instant():
    raw = pd.Series(
        ["2026-03-01T10:00:00+01:00", "2026-03-01 09:00:00Z", None, "soon"], dtype=object
    )
    found = files.instants(raw, None)
    nine = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert list(found[:2]) == [nine, nine]
    assert list(found.isna()) == [False, False, True, True]


def test_times_without_a_zone_are_refused_unless_one_is_named():
    raw = pd.Series(["2026-03-01T10:00:00"], dtype=object)
    with pytest.raises(InvalidInput) as refused:
        files.instants(raw, None)
    assert refused.value.reason == "time.naive"
    found = files.instants(raw, "Europe/Berlin")
    assert found[0] == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_naming_a_zone_changes_no_time_that_has_its_own():
    raw = pd.Series(["2026-03-01T10:00:00Z", "2026-03-01T10:00:00"], dtype=object)
    found = files.instants(raw, "Europe/Berlin")
    assert [t.hour for t in found] == [10, 9]


def test_an_hour_that_the_clocks_show_twice_or_never_is_missing():
    raw = pd.Series(pd.to_datetime(["2026-10-25 02:30", "2026-03-29 02:30", "2026-06-01 02:30"]))
    assert list(files.instants(raw, "Europe/Berlin").isna()) == [True, True, False]


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", ""])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(InvalidInput) as refused:
        files.instants(pd.Series(["2026-03-01T10:00:00"], dtype=object), zone)
    assert refused.value.reason == "time.zone"


def test_booleans_are_words_or_digits_and_the_rest_is_left_to_be_refused():
    raw = pd.Series(["true", "FALSE", "1", "0", "maybe", None], dtype=object)
    assert list(files.booleans(raw)) == [True, False, True, False, "maybe", None]


@given(st.text())
def test_no_cell_that_is_written_begins_a_formula(text):
    out = io.StringIO()
    csv.writer(out).writerow([files.cell(text)])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)
    assert not (row and row[0].startswith(("=", "+", "-", "@", "\t", "\r")))
