"""A policy as one HTML file: role by purpose, without network or script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from privet.review import words
from privet.review.circumstances import spoken
from privet.review.matrix import Line, Matrix, matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from privet.policy import Policy

CSS = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#767676;--soft:#f2f2f2}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#161616;--line:#999;--soft:#262626}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
header,main,footer{max-width:90rem;margin:auto;padding:0 1rem;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:1rem 0}.wide:focus-visible{outline:3px solid}
table{border-collapse:collapse;overflow-wrap:normal}
caption{text-align:left;font-weight:bold;padding-bottom:.5rem}
th,td{padding:.4rem .6rem;text-align:left;vertical-align:top;border:1px solid var(--line)}
thead th,tbody th{background:var(--soft)}td ul{margin:0;padding-left:1.1rem}
td li{min-width:12rem}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#fff}
.wide{overflow:visible}tr{break-inside:avoid}}
"""


def page(policy: Policy) -> str:
    """The whole page of a policy."""
    name = escape(policy.name)
    controller = policy.controller
    told = (
        f"<p>Controller: {escape(controller.name)}, {escape(controller.contact)}. "
        f"Times in {escape(policy.timezone)}. Hash <code>{policy.hash}</code>.</p>"
        + "".join(f"<p>{escape(line)}</p>" for line in words.imported(policy))
        + "<p>Whatever stands in no cell is refused. What a role inherits and what denies take "
        "away is worked in.</p>"
    )
    sections = (_matrix(matrix(policy)), _purposes(policy), _limits(policy))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Policy {name}: who may do what, and why</title><style>{CSS}</style></head><body>"
        f"<header><h1>Policy {name}: who may do what, and why</h1>{told}</header>"
        f"<main>{''.join(sections)}</main>"
        "<footer><p>Made without network or script.</p></footer></body></html>\n"
    )


def _matrix(found: Matrix) -> str:
    rows = [
        [role, *(_cell(found.cells.get((role, purpose), ())) for purpose in found.purposes)]
        for role in found.roles
    ]
    head = ["role", *found.purposes]
    return _table("matrix", "What each role may do for each purpose", head, rows)


def _cell(lines: Sequence[Line]) -> str:
    if not lines:
        return "nothing"
    items = []
    for line in lines:
        parts = [f"<b>{escape(', '.join(line.actions))}</b>", escape(line.fields)]
        parts += [escape(f"to {line.to}")] if line.to else []
        parts += [escape(f"({line.how})")] if line.how else []
        parts += [escape(f"only {line.where}")] if line.where else []
        items.append(f"<li>{' '.join(part for part in parts if part)}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _purposes(policy: Policy) -> str:
    rows = [
        [
            spec.name,
            *map(
                escape,
                (
                    spec.text,
                    f"{spec.basis} {spec.reference}".strip(),
                    str(spec.retention),
                    "never" if spec.renew is None else f"after {spec.renew}",
                    ", ".join(spec.reuses) or "nothing else",
                    ", ".join(spec.builds_on) or "nothing else",
                    ", ".join(spec.recipients) or "nobody",
                    _hold(policy, spec.name),
                ),
            ),
        ]
        for spec in policy.purposes.values()
    ]
    head = ["purpose", "told as", "ground", "kept for", "asked again", "reads also",
            "needs also", "disclosed to", "held past an erasure"]  # fmt: skip
    return _table("purposes", "Why data is used, and on which ground", head, rows)


def _hold(policy: Policy, purpose: str) -> str:
    spec = policy.purposes[purpose]
    if spec.hold is None:
        return "nothing"
    said = [f"for {spec.hold.period} ({spec.hold.law})"] if spec.hold.law else []
    said += [
        f"in {spoken(sorted(rules.places))} for {rules.held.period} ({rules.held.law})"
        for rules in spec.jurisdictions
        if rules.held is not None
    ]
    return f"{', '.join(sorted(spec.hold.fields))} {'; '.join(said)}"


def _limits(policy: Policy) -> str:
    lines = [f"{deny.id}: {deny.text}" for deny in policy.denies]
    lines += [f"nobody holds two of {', '.join(sorted(group))}" for group in policy.separate]
    lines += [
        f"nobody uses two of {', '.join(sorted(d.roles))} within: {d.within}" for d in policy.duties
    ]
    rule = policy.after_erasure
    lines.append(f"after an erasure the log's records stay: {rule.records}")
    if rule.kept is not None:
        lines.append(f"the log's records are dropped after {rule.kept} at the earliest")
    lines.append(f"for {rule.period} an erased person is kept out: {rule.suppression}")
    if policy.items.never:
        lines.append(f"never used: what reveals {', '.join(policy.items.never)}")
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section><h2>What nobody may</h2><ul>{items}</ul></section>"


def _table(name: str, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in a region that a keyboard can scroll; the first cell of a row is its header."""
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return (
        f'<section><div class="wide" role="region" aria-labelledby="{name}" tabindex="0"><table>'
        f'<caption id="{name}">{escape(title)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )
