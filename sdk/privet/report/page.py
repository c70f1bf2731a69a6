"""The page around the sections, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from privet.report import summary as short
from privet.report.sections import SECTIONS
from privet.report.svg import boxed, foreign

CSS = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#f3f5f8;--accent:#1d5fa8;
--line:#767676}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--soft:#22262b;
--accent:#7db8f5;--line:#999}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
header,main,footer{max-width:60rem;margin:auto;padding:0 1rem;overflow-wrap:anywhere}
h1{line-height:1.2;margin-bottom:.3rem}h2{margin:2.5rem 0 .5rem;padding-top:.5rem;
border-top:2px solid var(--accent)}h3{margin:1.5rem 0 .5rem}
p,li{max-width:44rem}a{color:var(--accent)}a:focus-visible,.wide:focus-visible{
outline:3px solid var(--accent);outline-offset:2px}
.short{background:var(--soft);padding:.1rem 1rem 1rem;border-radius:.5rem;margin-top:1.5rem}
.short h2{border:0;margin-top:1rem}.short li{margin:.35rem 0}
nav ol{columns:16rem;padding-left:1.5rem}
.wide{overflow-x:auto;margin:.75rem 0}table{border-collapse:collapse;overflow-wrap:normal}
caption{text-align:left;font-weight:bold;padding-bottom:.25rem}
th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
thead th{background:var(--soft)}
svg{width:100%;height:auto;min-width:36rem}svg text{fill:var(--ink);font-size:13px;
paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.bar{fill:var(--accent)}.axis{stroke:var(--ink);fill:none}
.line{stroke:var(--accent);fill:none;stroke-width:2}
figure{margin:1rem 0;max-width:40rem}figure.picture{max-width:46rem}
figure.picture svg{min-width:44rem;background:var(--paper)}
figcaption{font-size:.9rem}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#fff;--accent:#1d5fa8;
--line:#767676}nav{display:none}.wide{overflow:visible}table{overflow-wrap:anywhere}
svg,figure.picture svg{min-width:0;max-width:100%}
figure,tr,.short li{break-inside:avoid}h2,h3,caption{break-after:avoid}thead{
display:table-header-group}.short{padding:0}}
"""

WORDS = {
    "pca": "People by their two principal components, coloured by segment: the fuller the colour, "
    "the more people",
    "silhouette": "How well people lie in their segments: right of 0 they are nearer to their own "
    "than to the next",
    "profile": "How segments differ from everybody, in standard deviations",
    "weekly flows": "Who moved between segments from one serving to the next",
    "choice": "The ways to segment that were tried",
    "frontier": "Quality against risk of EASE: the further to the left and up, the better. Each "
    "point is a regularization",
}
"""What is read aloud for a picture of the demo, and stands under it."""


def render(summary: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a summary (keys as in the demo's JSON) and SVG pictures by name."""
    shown = {
        name: _picture(WORDS.get(name, name), source, f"p{at}-")
        for at, (name, source) in enumerate(pictures.items())
    }
    told: list[tuple[str, str, str]] = []
    placed: set[str] = set()
    for section in SECTIONS:
        if any(summary.get(key) is not None for key in section.keys):
            mine = [name for name in section.pictures if name in shown]
            placed.update(mine)
            drawn = "".join(shown[name] for name in mine)
            lead = f"<p>{section.lead}</p>" if section.lead else ""
            inner = lead + drawn + section.draw(summary)
            told.append((section.title.lower().replace(" ", "-"), section.title, inner))
    if rest := "".join(one for name, one in shown.items() if name not in placed):
        told.append(("pictures", "Pictures", rest))
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in told)
    contents = f'<nav aria-label="Contents"><ol>{links}</ol></nav>' if told else ""
    sections = "".join(
        f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>{inner}</section>'
        for key, title, inner in told
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>privet: what was done, and what it cost</title><style>{CSS}</style></head><body>"
        "<header><h1>privet: what was done, and what it cost</h1></header>"
        f"<main>{_short(summary)}{contents}{sections}</main>"
        "<footer><p>Made without network or script.</p></footer></body></html>\n"
    )


def write(path: Path, summary: Mapping[str, Any], pictures: Mapping[str, str]) -> None:
    """Write the page as UTF-8."""
    path.write_text(render(summary, pictures), encoding="utf-8")


def _short(summary: Mapping[str, Any]) -> str:
    """The summary, and what the figures do not say."""
    return "".join(
        f'<section class="short" aria-labelledby="{key}"><h2 id="{key}">{title}</h2><ul>'
        + "".join(f"<li>{sentence}</li>" for sentence in sentences)
        + "</ul></section>"
        for key, title, sentences in (
            ("in-short", "In short", short.found(summary)),
            ("unsaid", "What these figures do not say", short.unsaid(summary)),
        )
        if sentences
    )


def _picture(words: str, source: str, prefix: str) -> str:
    return (
        f'<figure class="picture">{boxed(words, foreign(words, source, prefix))}'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )
