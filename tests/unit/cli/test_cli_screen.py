"""What reaches a terminal or a program can do it no harm."""

from __future__ import annotations

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.cli import screen
from privet.cli.screen import Screen, plain, printable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_is_told_is_json_without_nan(value):
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_does_not_exist_is_null(number):
    assert plain({"a": [number, 1.5]}) == {"a": [None, 1.5]}


@given(st.text())
def test_nothing_that_moves_a_cursor_is_shown(text):
    shown = printable(text)
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_an_escape_sequence_is_shown_as_text():
    assert printable("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_markup_in_a_value_is_no_markup_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(screen.sys, "stdout", terminal)
    Screen(as_json=False).table(("item",), [("[red]kettle[/red]",)])
    assert "[red]kettle[/red]" in terminal.getvalue()


def test_with_json_tables_go_to_standard_error_even_on_a_terminal(monkeypatch):
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(screen.sys, "stdout", out)
    monkeypatch.setattr(screen.sys, "stderr", err)
    Screen(as_json=True).table(("item",), [("kettle",)])
    assert "kettle" in err.getvalue()
    assert out.getvalue() == ""


def test_away_from_a_terminal_a_table_is_plain_text(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(screen.sys, "stdout", out)
    Screen(as_json=False).table(("a", "b"), [("x", None), ("long", 0.5)])
    assert out.getvalue() == "a     b\nx     -\nlong  0.5\n"
