"""The pages: HTML from functions, every value escaped."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse
from store import MODELS, PURPOSE, SHELF, Webshop

STYLE = """
:root { font: 1.05rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff }
body { max-width: 44rem; margin: 0 auto; padding: 0 1rem 3rem; overflow-wrap: anywhere }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none }
pre { white-space: pre-wrap }
a { color: #0b4f8a } li { margin: .4rem 0 }
.banner { border: 2px solid #0b4f8a; border-radius: .4rem; padding: .25rem 1rem 1rem }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center }
#shelf ul { padding: 0; list-style: none } #shelf a { flex: 1 1 8rem }
button { font: inherit; min-height: 2.75rem; padding: .4rem 1rem; border: 2px solid #0b4f8a;
  border-radius: .4rem; background: #fff; color: #0b4f8a; cursor: pointer }
:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
"""


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A whole page."""
    links = {"/": "Shop", "/me": "What do you know about me?"}
    nav = "".join(f'<li><a href="{to}">{text}</a></li>' for to, text in links.items())
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/style.css"></head><body>'
        f'<header><nav aria-label="Pages"><ul>{nav}</ul></nav></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>",
        status,
    )


def form(action: str, token: str, label: str, name: str = "", **fields: object) -> str:
    """A button that posts; ``name`` is what a screen reader says in place of the label."""
    hidden = "".join(
        f'<input type="hidden" name="{key}" value="{escape(str(value))}">'
        for key, value in {"token": token, **fields}.items()
    )
    said = f' aria-label="{escape(name)}"' if name else ""
    button = f"<button{said}>{escape(label)}</button>"
    return f'<form method="post" action="{action}">{hidden}{button}</form>'


def listed(lines: Iterable[str]) -> str:
    """A list of ready HTML."""
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def banner(site: Webshop, visitor: str, token: str) -> str:
    """The question, from data; to refuse is as easy as to agree."""
    (asked,) = site.shop.subject(visitor, proof="session cookie").consent.ask([PURPOSE])
    buttons = "".join(
        form(
            "/answer",
            token,
            choice["label"],
            answer="yes" if choice["answer"] else "no",
            notice=asked["notice"],
            seen=asked["seen"],
        )
        for choice in asked["choices"]
    )
    passed_on = ", ".join(asked["recipients"]) or "nobody"
    return (
        '<section class="banner" aria-labelledby="ask"><h2 id="ask">May we?</h2>'
        f"<p>{escape(asked['text'])} Ground: {escape(asked['ground'])}. Passed on to:"
        f" {escape(passed_on)}. Kept for {escape(asked['retention'])}.</p>"
        f'<div class="row">{buttons}</div><p><small>{escape(asked["told"])}</small></p></section>'
    )


def suggestions(site: Webshop, visitor: str) -> str:
    """Lists with their reasons; or one that anybody gets, and why."""
    access = site.web.purpose(PURPOSE)
    lists = {name: access.recommend(visitor, k=3, model=name, unseen=True) for name in MODELS}
    chosen = next((p for p in lists.values() if p.personal), lists["bought"])
    reasoned = [p for found in lists.values() for p in found if p.because.startswith("because")]
    if not chosen.personal:
        note = f"Not personal: {chosen.why}."
    elif reasoned:
        note = "Personal: made from your own data."
    else:
        note = "You agreed; nothing is known of you yet."
    picks = list({p.item: p for p in reversed(reasoned or list(chosen))}.values())[::-1][:3]
    lines = [f"{escape(SHELF[p.item][0])} <small>({escape(p.because)})</small>" for p in picks]
    body = f"<h2>For you to look at</h2><p>{escape(note)}</p>{listed(lines)}"
    return f'<section id="picks">{body}</section>'


def catalogue(token: str) -> str:
    """The shelf, with a way to look and a way to buy."""
    rows = [
        f'<div class="row"><a href="/item/{i}">{escape(title)}</a><span>{price} €</span>'
        + form("/buy", token, "Buy", f"Buy {title}", item=i)
        + "</div>"
        for i, (title, _, price) in SHELF.items()
    ]
    return f'<section id="shelf"><h2>On the shelf</h2>{listed(rows)}</section>'


def about(told: dict[str, Any], token: str) -> str:
    """Her access report, and her ways out."""
    kept = [
        f"{escape(kind)}: {escape(', '.join(f'{k} {v}' for k, v in row.items()))}"
        for kind, rows in told["events"].items()
        for row in rows
    ]
    purposes = [
        f"{escape(p['text'])} Ground: {escape(p['ground'])}; kept {escape(p['retention'])}."
        for p in told["purposes"]
    ]
    raw = escape(json.dumps(told, ensure_ascii=False, indent=1))
    return (
        f"<p>Kept by {escape(told['controller']['name'])}.</p>"
        f"<h2>What you did</h2>{listed(kept) if kept else '<p>Nothing.</p>'}"
        f"<h2>What for</h2>{listed(purposes)}"
        f"<p>Your data was read {len(told['reads'])} times; the report says when and why.</p>"
        f'<details><summary>The whole report</summary><pre tabindex="0">{raw}</pre></details>'
        f'<h2>Your ways out</h2><div class="row">'
        + form("/withdraw", token, "Withdraw my consent")
        + form("/erase", token, "Erase me")
        + "</div>"
    )
