"""Words, numbers and pictures as safe HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata\b.*?</metadata>|<script\b.*?</script>"
    r"|<style\b.*?</style>|\sxmlns(?::\w+)?=\"[^\"]*\"|\son\w+=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)

PAINTS = {
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
    "#262626": "var(--ink)",
    "#b0b0b0": "var(--line)",
    "#cccccc": "var(--line)",
    "#dddddd": "var(--line)",
}
"""What is ink or paper in a picture follows the scheme of the page; its colours stay."""
SMALLEST = 10.0
"""Least size of letters in a picture, in its own units."""
RIGHT = ' class="n"'


def number(value: object) -> float | None:
    """The finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def text(value: object) -> str:
    """Escaped words; a dash for what does not exist."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "&ndash;"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        places = 3 if abs(value) < 10 else 0 if value.is_integer() else 1
        return f"{value:,.{places}f}"
    if isinstance(value, list | tuple):
        return ", ".join(text(one) for one in value)
    return escape(str(value))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A captioned table in a box of its own; nothing where there are no rows."""
    rows = [list(row) for row in rows]
    counted = [all(_measure(row[at]) for row in rows) for at in range(len(heads))]
    head = "".join(
        f'<th scope="col"{RIGHT if counts else ""}>{escape(one)}</th>'
        for one, counts in zip(heads, counted, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row"{RIGHT if counted[0] else ""}>{text(row[0])}</th>'
        + "".join(
            f"<td{RIGHT if counts else ''}>{text(cell)}</td>"
            for cell, counts in zip(row[1:], counted[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    whole = (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return boxed(caption, whole) if body else ""


def _measure(value: object) -> bool:
    """Whether a cell stands in a column of numbers."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def boxed(name: str, inner: str) -> str:
    """What may be wider than a phone, in a box that scrolls, by keyboard too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(name)}">{inner}</div>'


def drawing(title: str, height: float, inner: str) -> str:
    """A figure: an SVG 600 units wide and its title."""
    told = escape(title)
    picture = (
        f'<svg role="img" aria-label="{told}" viewBox="0 0 600 {height:g}">'
        f"<title>{told}</title>{inner}</svg>"
    )
    return f"<figure>{boxed(title, picture)}<figcaption>{told}</figcaption></figure>"


def label(x: float, y: float, words: object, anchor: str = "start") -> str:
    """Words in a drawing."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'


def foreign(name: str, source: str, prefix: str) -> str:
    """Matplotlib's SVG made fit for a page: its ids its own, nothing outside referred to."""
    inner = DROPPED.sub("", source).strip().replace("xlink:href", "href")
    inner = re.sub(r'(\sid=")', rf"\g<1>{prefix}", inner)
    inner = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", inner)
    inner = re.sub(r"(?<=[: ])#[0-9a-f]{6}\b", lambda m: PAINTS.get(m[0], m[0]), inner)
    inner = re.sub(r"font-size: ([\d.]+)px", _legible, inner)
    return inner.replace("<svg", f'<svg role="img" aria-label="{escape(name)}"', 1)


def _legible(size: re.Match[str]) -> str:
    return f"font-size: {max(float(size[1]), SMALLEST):g}px"
