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
    "evaluated": {"repeat": 1900},
    "frontier": [{"regularization": 500.0, "floor": 20, "new": 0.1, "scores": 0.9, "lists": None}],
    "peak_mb": 1200.4,
    "disk_mb": 330.0,
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

DRAWN = (
    '<svg width="504pt" height="360pt" viewBox="0 0 504 360"><g>'
    '<path d="M0 0L504 0L504 360L0 360z" style="fill: #ffffff; stroke: #000000"/>'
    '<path d="M9 9L99 99" style="fill: #0072b2"/>'
    '<text style="font-size: 6px; text-anchor: middle" x="99" y="99">habits</text></g></svg>'
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
    titles = re.findall(r'<h2 id="([\w,-]+)">', page)
    assert len(titles) == 14  # what is in short, what is not said, eleven sections, the pictures
    assert re.findall(r'<li><a href="#([\w,-]+)"', page) == titles[2:]
    assert 'href="#p1-m"' in page
    assert "url(#p0-m)" in page
    assert not re.search(r"\bnan\b", page.lower())


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
    assert "<h2" not in checked(render({}, {}))


def test_a_big_summary_stays_under_two_megabytes(tmp_path: Path) -> None:
    big = {**SUMMARY, "shown": SUMMARY["shown"] * 500, "risk": SUMMARY["risk"] * 200}
    write(tmp_path / "report.html", big, {})
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_the_summary_says_first_what_was_found_and_what_was_not() -> None:
    page = render(SUMMARY, {})
    short, unsaid = page.index("In short"), page.index("What these figures do not say")
    assert short < unsaid < page.index("What was done")
    for told in (
        "2,000 of 2,469 households had agreed to recommendations on 2017-12-01",
        "Best lists at <em>repeat</em>: ease, nDCG@10 0.500 (0.400 to 0.600)",
        "That costs 0.010 of nDCG@10 at most",
        "Who sees lists tells members of a model from others with an AUC of 0.510",
        "its next list was no longer personal",
        "A copy with one letter changed was found out at record 3",
        "469 households had not agreed",
        "100 households had nothing held out at <em>repeat</em>",
        "Not attacked here: none.",
    ):
        assert told in page


def test_a_picture_of_the_demo_stands_in_its_section() -> None:
    page = render(SUMMARY, {"frontier": PICTURE, "pca": PICTURE, "mine": PICTURE})
    sections = re.split(r"<h2 ", page)[1:]
    held = {part[: part.index(">")]: part.count('class="picture"') for part in sections}
    assert {key: count for key, count in held.items() if count} == {
        'id="segments"': 1,
        'id="risk"': 1,
        'id="pictures"': 1,
    }


def test_a_whole_number_has_no_places() -> None:
    page = render(SUMMARY, {})
    assert '<th scope="row" class="n">500</th><td class="n">20</td>' in page
    assert "<td>1,200.4</td>" in page


def test_ink_and_paper_of_a_picture_follow_the_page() -> None:
    page = render({}, {"one": DRAWN})
    assert "#ffffff" not in page
    assert "#000000" not in page
    assert "fill: var(--paper); stroke: var(--ink)" in page
    assert "fill: #0072b2" in page


CONTRAST = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => {
    const [low, high] = [light(rgba(a)), light(rgba(b))].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = at => {
    for (; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return 'white';
  };
  const worst = {text: 99, drawn: 99};
  for (const at of document.body.querySelectorAll('*')) {
    const style = getComputedStyle(at);
    if (at.closest('svg') && at.tagName === 'text') {
      const halo = style.paintOrder.startsWith('stroke') && parseFloat(style.strokeWidth) >= 2;
      worst.text = Math.min(worst.text, ratio(style.fill, halo ? style.stroke : behind(at)));
    } else if (at.matches('.bar')) {
      worst.drawn = Math.min(worst.drawn, ratio(style.fill, behind(at)));
    } else if (at.matches('.line, .axis')) {
      worst.drawn = Math.min(worst.drawn, ratio(style.stroke, behind(at)));
    } else if ([...at.childNodes].some(n => n.nodeType === 3 && n.data.trim())) {
      if (!at.closest('svg')) worst.text = Math.min(worst.text, ratio(style.color, behind(at)));
    }
  }
  return worst;
}
"""
LETTERS = (
    "Math.min(...[...document.querySelectorAll('svg text')]"
    ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))"
)
WIDTH = "document.documentElement.scrollWidth"
CUT = """
height => [...document.querySelectorAll('figure, tr')].filter(at => {
  const box = at.getBoundingClientRect();
  const inner = at.querySelector('svg')?.getBoundingClientRect() ?? box;
  return getComputedStyle(at).breakInside !== 'avoid' || box.height > height
    || inner.right > box.right + 1 || box.right > innerWidth;
}).length
"""
NAMES = "[...document.querySelectorAll('.wide')].map(e => e.getAttribute('aria-label'))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_and_a_printer_show_all_of_it(tmp_path: Path, browser: Any, scheme: str) -> None:
    path = tmp_path / "report.html"
    refused = [dict.fromkeys(("asked", *"bcdefg"), "unbreakable" * 3)]
    write(path, {**SUMMARY, "refusals": refused}, {"pca": DRAWN, "mine": PICTURE})
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")
    worst = page.evaluate(CONTRAST)
    assert worst["text"] >= 4.5  # WCAG 2.2, 1.4.3
    assert 3 <= worst["drawn"] < 99  # WCAG 2.2, 1.4.11
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(WIDTH) <= width
        assert page.evaluate(LETTERS) >= 12  # pixels
    page.emulate_media(media="print", color_scheme=scheme)
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 within its margins
    assert page.evaluate(WIDTH) <= 718
    assert page.evaluate(CUT, 1000) == 0
    ink = "getComputedStyle(document.querySelector('svg text')).fill"
    assert page.evaluate(ink) == "rgb(0, 0, 0)"
    assert page.evaluate(CONTRAST)["text"] >= 4.5
    assert asked == [path.as_uri()]
    context.close()


def test_all_that_scrolls_is_reached_by_keyboard_and_named(tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "report.html"
    write(path, SUMMARY, {"pca": DRAWN})
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(path.as_uri())
    names = page.evaluate(NAMES)
    assert all(names)
    reached = set()
    for _ in range(len(names) + 20):
        page.keyboard.press("Tab")
        found = page.evaluate("document.activeElement.getAttribute('aria-label')")
        reached.add(found)
        if found in names:
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring == "solid"
    assert set(names) <= reached
    for said in (
        "[...document.querySelectorAll('th')].every(th => th.scope)",
        "[...document.querySelectorAll('figure')].every(f => f.querySelector('figcaption'))",
        "[...document.querySelectorAll('svg')].every(s => s.ariaLabel)",
    ):
        assert page.evaluate(said)
    page.close()
