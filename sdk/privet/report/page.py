"""The page around the sections, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from privet.report.sections import SECTIONS
from privet.report.svg import boxed, foreign

CSS = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--accent:#1d5fa8;--line:#767676}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--accent:#7db8f5;--line:#999}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
header,main,footer{max-width:60rem;margin:auto;padding:0 1rem;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;overflow-wrap:normal}
caption{text-align:left;font-weight:bold}
th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid var(--line)}
svg{width:100%;height:auto;min-width:36rem}svg text{fill:var(--ink);font-size:13px}
.bar{fill:var(--accent)}.axis{stroke:var(--ink);fill:none}
.line{stroke:var(--accent);fill:none;stroke-width:2}
figure{margin:1rem 0;max-width:40rem}figure.picture svg{background:#fff}
figure.picture svg text{fill:#1b1b1b}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--accent:#1d5fa8;--line:#767676}
.wide{overflow:visible}table{overflow-wrap:anywhere}figure,tr{break-inside:avoid}}
"""

WORDS = {
    "pca": "People by their two principal components, coloured by segment",
    "silhouette": "How well people lie in their segments",
    "profile": "How segments differ from everybody",
    "weekly flows": "Who moved between segments from week to week",
    "choice": "The ways to segment that were tried",
}
"""What is read aloud for a picture of the demo."""


def render(summary: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a summary (keys as in the demo's JSON) and SVG pictures by name."""
    told = [
        f"<section><h2>{title}</h2>{draw(summary)}</section>"
        for title, keys, draw in SECTIONS
        if any(summary.get(key) is not None for key in keys)
    ]
    if pictures:
        shown = "".join(
            f'<figure class="picture">{boxed(told_of, foreign(told_of, source, f"p{at}-"))}'
            f"<figcaption>{escape(told_of)}</figcaption></figure>"
            for at, (name, source) in enumerate(pictures.items())
            for told_of in [WORDS.get(name, name)]
        )
        told.append(f"<section><h2>Pictures</h2>{shown}</section>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>privet: what was done</title><style>{CSS}</style></head><body>"
        "<header><h1>privet: what was done, and what it cost</h1></header>"
        f"<main>{''.join(told)}</main><footer><p>Made without network or script.</p></footer>"
        "</body></html>\n"
    )


def write(path: Path, summary: Mapping[str, Any], pictures: Mapping[str, str]) -> None:
    """Write the page as UTF-8."""
    path.write_text(render(summary, pictures), encoding="utf-8")
