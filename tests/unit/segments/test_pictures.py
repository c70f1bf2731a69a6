"""Pictures are what their figures say, with the same bytes every time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from privet.errors import MissingExtra
from privet.segments import pictures
from privet.segments.charts import Cell

MOVES = pd.DataFrame(
    {"path": [("a-1",), ("a-1", "a-2"), ("a-2", "a-1", "a-1")], "people": [50, 60, 110]}
)
CHOICE = pd.DataFrame(
    {"method": ["KMeans", "HDBSCAN"], "segments": [3, 2], "silhouette": [0.4, 0.2],
     "stability": [0.9, 0.5]}
)  # fmt: skip
DRAWN: dict[str, Callable[[Any], bytes]] = {
    "map": lambda form: pictures.map_of([Cell(1, 2, 0, 50), Cell(3, 2, -1, 90)], "People", form),
    "empty map": lambda form: pictures.map_of([], "People", form),
    "silhouette": lambda form: pictures.silhouette({0: [0.1] * 11, 1: [-0.2] * 11}, form),
    "profile": lambda form: pictures.profile({"a-1": {"recency": -1.2}, "a-2": {}}, form),
    "empty profile": lambda form: pictures.profile({}, form),
    "flows": lambda form: pictures.flows(MOVES, form),
    "no flows": lambda form: pictures.flows(MOVES.iloc[:1], form),
    "choice": lambda form: pictures.choice(CHOICE, form),
}
every_picture = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)


def words(svg: bytes) -> str:
    return " ".join(ET.fromstring(svg).itertext())


@every_picture
def test_it_is_an_svg_that_needs_nothing_else(draw: Callable[[str], bytes]) -> None:
    svg = draw("svg")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert b"<script" not in svg
    assert b"<image" not in svg
    assert draw("svg") == svg


@every_picture
def test_it_is_a_png(draw: Callable[[str], bytes]) -> None:
    png = draw("png")
    assert png.startswith(b"\x89PNG")
    assert draw("png") == png


def test_flows_are_of_the_last_step() -> None:
    told = words(DRAWN["flows"]("svg"))
    assert "a-1, 170" in told
    assert "a-2, 60" in told
    assert "a-1, 110" in told


def test_segments_are_told_apart_without_colour() -> None:
    assert "none" in words(DRAWN["map"]("svg"))
    assert "-1.2" in words(DRAWN["profile"]("svg")).replace("\N{MINUS SIGN}", "-")


def test_without_matplotlib_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"privet\[plots\]"):
        pictures.map_of([], "People")
