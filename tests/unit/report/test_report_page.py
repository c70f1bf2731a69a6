"""The HTML report: well-formed, self-contained, escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from privet.report import render, write

VOID = {"meta"}
HOSTILE = '<script>alert("x")</script>'
LINE = {"task": "repeat", "people": 30, "low": 0.1, "high": 0.3, "worst_decile": float("nan")}
SUMMARY: dict[str, Any] = {
    "cut": "2017-12-01T00:00:00Z",
    "households": 2469,
    "eligible": 2000,
    "seconds": 200.5,
    "rows": {"in": 10, "sealed": 9, "refused": 1, "reasons": {"late": 1}},
    "quality": {
        "repeat": {
            "ease": {"ndcg@10": 0.5, "ndcg@10_low": 0.4, "ndcg@10_high": 0.6, "recall@10": 0.2},
            "none": {"ndcg@10": None, "recall@10": float("nan")},
        }
    },
    "curves": {
        "consent": [{"at": 0.1, "ndcg": 0.2, **LINE}, {"at": 0.5, "ndcg": 0.3, **LINE}],
        "history": [{"at": 91, "ndcg": None, **LINE}],
        "smallest_window": 91,
    },
    "sensitive": {
        "items": 1,
        "types": 1,
        "households": 3,
        "ndcg": {"repeat": {"ease": {"hidden": 0.5, "shown": 0.51}}},
    },
    "segments": {
        "shown": [{"segment": 0, "size": 30, "persona": HOSTILE}],
        "choice": [{"k": 4, "score": 0.2}],
        "moves": [{"path": ["habits-1", "habits-2"], "people": 40, "why": []}],
    },
    "risk": [
        {"model": "ease", "attack": "lists", "auc": 0.51, "low": 0.5, "high": 0.6, "ndcg@10": 0.5}
    ],
    "tax": 1.2,
    "tax_detail": {"gated_seconds": 1.2, "plain_seconds": 1.0},
    "refusals": [{"asked": "a", "what": "b", "why": "c", "reason": "d"}],
    "withdrawal": {"household": 1234, "personal_after": False, "models_changed": ["ease"]},
    "erasure": {
        "household": "2",
        "state": "held",
        "certificate": "/srv/ada/out/certificate.json",
        "plan": [{"what": "orders", "rows": 3}],
    },
    "audit": {
        "directory": "/srv/ada/out/audit",
        "records": 10,
        "ok": True,
        "forged": {"ok": False, "first_bad": 3},
    },
    "shown": [
        {"household": "1", "personal": True, "picks": [{"item": "milk", "because": HOSTILE}]}
    ],
}
PICTURE = (
    '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C" "http://www.w3.org/x.dtd">'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<metadata><a href="http://a.example"></a></metadata><defs><path id="m"/></defs>'
    '<use xlink:href="#m"/><g clip-path="url(#m)"></g></svg>'
)


class Checker(HTMLParser):
    """Balanced tags, unique ids, headings that skip no level."""

    def __init__(self) -> None:
        """Start with nothing open."""
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.levels: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what opens."""
        self.ids += [str(value) for name, value in attrs if name == "id"]
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note its id; nothing stays open."""
        self.ids += [str(value) for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        """What closes must be what opened last."""
        assert self.open.pop() == tag


def checked(page: str) -> str:
    """The page, well-formed and with nothing from outside."""
    found = Checker()
    found.feed(page)
    assert not found.open
    assert len(found.ids) == len(set(found.ids))
    assert found.levels[0] == 1
    assert all(b <= a + 1 for a, b in zip(found.levels, found.levels[1:], strict=False))
    assert not re.search(r"http|\ssrc=|@import|<script", page)
    return page


def test_everything_is_told_in_a_well_formed_page_of_its_own() -> None:
    page = checked(render(SUMMARY, {"one": PICTURE, "two": PICTURE}))
    assert page.count("<h2>") == 12
    assert 'href="#p1-m"' in page
    assert "url(#p0-m)" in page
    assert "nan" not in page.lower()


def test_no_place_is_told_and_an_id_is_no_number() -> None:
    page = render(SUMMARY, {})
    assert "/srv/ada" not in page
    assert "<td>certificate.json</td>" in page
    assert "<td>1234</td>" in page


def test_ways_from_week_to_week_are_told_and_no_table_is_empty() -> None:
    page = render(SUMMARY, {})
    assert "habits-1, habits-2" in page
    assert "<tbody></tbody>" not in page


def test_names_of_points_cover_no_other() -> None:
    near = [{"model": m, "attack": "lists", "auc": 0.5, "ndcg@10": 0.5} for m in ("a", "b", "c")]
    page = render({"risk": near}, {})
    heights = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>[abc] lists<', page)]
    assert len(heights) == 3
    assert min(a - b for a, b in pairwise(heights)) >= 14


def test_hostile_words_are_shown_not_run() -> None:
    assert "&lt;script&gt;" in checked(render(SUMMARY, {HOSTILE: PICTURE}))


@pytest.mark.parametrize("missing", sorted(SUMMARY))
def test_a_missing_key_leaves_its_section_out(missing: str) -> None:
    checked(render({key: value for key, value in SUMMARY.items() if key != missing}, {}))


def test_an_empty_summary_is_a_page() -> None:
    assert "<h2>" not in checked(render({}, {}))


def test_a_big_summary_stays_under_two_megabytes(tmp_path: Path) -> None:
    big = {**SUMMARY, "shown": SUMMARY["shown"] * 500, "risk": SUMMARY["risk"] * 200}
    write(tmp_path / "report.html", big, {})
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_a_phone_and_a_printer_show_all_of_it(tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "report.html"
    refused = [dict.fromkeys("abcdefgh", "unbreakable" * 3)]
    write(path, {**SUMMARY, "refusals": refused}, {"pca": PICTURE})
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 390
    assert (
        page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')]"
            ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))"
        )
        >= 12
    )  # pixels
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 within its margins
    assert page.evaluate(width) <= 718
    ink = "getComputedStyle(document.querySelector('svg text')).fill"
    assert page.evaluate(ink) == "rgb(0, 0, 0)"
    assert asked == [path.as_uri()]
    context.close()
