"""What each section of the page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePath
from typing import Any

from privet.report import charts
from privet.report.svg import number, table, text

Facts = Mapping[str, Any]
HEADS = {
    "ndcg": "nDCG@10",
    "ndcg@10": "nDCG@10",
    "low": "from",
    "high": "to",
    "worst_decile": "worst tenth",
    "auc": "AUC",
    "caught": "caught at 1 % false alarms",
    "bic": "BIC",
    "scores": "AUC from scores",
    "lists": "AUC from lists",
    "new": "nDCG@10 new",
    "repeat": "nDCG@10 repeat",
}
DONE = ("cut", "households", "eligible", "rows", "seconds", "peak_mb", "disk_mb")


def _pairs(caption: str, found: Facts, names: Sequence[str] | None = None) -> str:
    rows: list[tuple[str, Any]] = []
    for name in found if names is None else names:
        value = found.get(name)
        if isinstance(value, Mapping):
            rows += [(f"{name}: {inner}", one) for inner, one in value.items() if one != {}]
        elif name in found:
            rows.append((name.replace("_", " "), value))
    return table(caption, ("what", "value"), rows)


def _rows(
    caption: str,
    found: Sequence[Facts],
    *,
    named: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> str:
    names = [n for n in dict.fromkeys(name for row in found for name in row) if n not in without]
    heads = [({**HEADS, **(named or {})}).get(name, name.replace("_", " ")) for name in names]
    return table(caption, heads, [[row.get(n) for n in names] for row in found]) if names else ""


def _placeless(found: Facts) -> Facts:
    """Files by their names alone: where they lie is nobody's business who gets the page."""
    places = {
        k: PurePath(str(v)).name for k, v in found.items() if k in {"certificate", "directory"}
    }
    return {**found, **places}


def _done(facts: Facts) -> str:
    return _pairs("The run", facts, DONE)


def _quality(facts: Facts) -> str:
    keys = ("ndcg@10", "ndcg@10_low", "ndcg@10_high", "recall@10")
    return "".join(
        f"<h3>{escape(task)}</h3>"
        + table(
            f"Models at {task}",
            ("model", "nDCG@10", "from", "to", "recall@10"),
            [(model, *(found.get(key) for key in keys)) for model, found in models.items()],
        )
        + charts.bars(f"nDCG@10 at {task}", models, "ndcg@10")
        for task, models in facts["quality"].items()
    )


def _points(rows: Sequence[Facts], group: str, x: str, y: str) -> dict[str, list[charts.Point]]:
    found: dict[str, list[charts.Point]] = {}
    for row in rows:
        a, b = number(row.get(x)), number(row.get(y))
        if a is not None and b is not None:
            found.setdefault(str(row.get(group)), []).append((a, b))
    return found


def _curves(facts: Facts) -> str:
    parts = []
    for by, axis in (("consent", "share who agree"), ("history", "days kept")):
        rows = facts["curves"].get(by) or []
        title = f"nDCG@10 by {axis}"
        points = _points(rows, "task", "at", "ndcg")
        parts += [
            charts.plot(title, points, (axis, "nDCG@10"), joined=True),
            _rows(title, rows, named={"at": axis}),
        ]
    return (
        "".join(parts)
        + f"<p>Smallest window: {text(facts['curves'].get('smallest_window'))} days</p>"
    )


def _sensitive(facts: Facts) -> str:
    found = facts["sensitive"]
    rows = []
    for task, inner in (found.get("ndcg") or {}).items():
        models = {"": inner} if "hidden" in inner else inner
        rows += [(task, m, v.get("hidden"), v.get("shown")) for m, v in models.items()]
    return _pairs("Kept out of lists", found, ("items", "types", "households")) + table(
        "nDCG@10", ("task", "model", "kept out", "nothing kept out"), rows
    )


def _segments(facts: Facts) -> str:
    found = facts["segments"]
    return (
        _rows("Groups", found.get("shown") or [])
        + _rows("What was tried", found.get("choice") or [])
        + _rows(
            "Ways from week to week (of many people; others are left out)", found.get("moves") or []
        )
    )


def _risk(facts: Facts) -> str:
    rows = [
        {**row, "name": f"{row.get('model')} {row.get('attack')}"}
        for row in facts.get("risk") or []
    ]
    points = _points(rows, "name", "ndcg@10", "auc")
    return (
        charts.plot(
            "AUC of the attack against nDCG@10 at repeat", points, ("nDCG@10", "AUC"), joined=False
        )
        + _rows("How well an attacker tells who is in a model (0.5 is guessing)", _attacked(facts))
        + _rows("EASE by regularization and floor", facts.get("frontier") or [])
    )


def _attacked(facts: Facts) -> list[Facts]:
    """The attacks, the quality of what was attacked at their end."""
    return [
        {name: row.get(name) for name in ("model", "attack", "auc", "low", "high", "caught")}
        | {"people": row.get("people"), "ndcg@10": row.get("ndcg@10")}
        for row in facts.get("risk") or []
    ]


def _tax(facts: Facts) -> str:
    detail = facts.get("tax_detail") or {}
    return _pairs("Through the gate, over a plain table", {"ratio": facts.get("tax"), **detail})


def _leaving(facts: Facts) -> str:
    parts = []
    for name in ("withdrawal", "erasure"):
        found = facts.get(name)
        if found:
            plain = {k: v for k, v in found.items() if k not in {"plan", "held"}}
            plain |= {"household": str(plain["household"])} if "household" in plain else {}
            parts.append(_pairs(name.capitalize(), _placeless(plain)))
            parts.append(_rows("Plan of the erasure", found.get("plan") or []))
    return "".join(parts)


def _shown(facts: Facts) -> str:
    parts = []
    for one in facts["shown"]:
        kind = "personal" if one.get("personal") else f"not personal: {one.get('why')}"
        parts.append(_rows(f"Household {one.get('household')}, {kind}", one.get("picks") or []))
    return "".join(parts)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        keys: of the summary; it is there if one of them is.
        draw: the inside, safe as HTML.
        lead: what was done and how to read it, safe as HTML.
        pictures: names of the pictures that belong to it.
    """

    title: str
    keys: tuple[str, ...]
    draw: Callable[[Facts], str]
    lead: str = ""
    pictures: tuple[str, ...] = ()


SECTIONS: tuple[Section, ...] = (
    Section("What was done", DONE, _done),
    Section(
        "Quality",
        ("quality",),
        _quality,
        "What each model would have listed at the cut, ten to a household, against what it then "
        "bought: <em>new</em> asks for what it had not had before, <em>repeat</em> for anything. "
        "nDCG is 1 where a list names the right things in the right order; intervals are at 95 %.",
    ),
    Section(
        "If fewer agreed, or less were kept",
        ("curves",),
        _curves,
        "What lists would be worth if only a share of those who agreed had done so, and if only "
        "the last days of a history were kept: no more is needed than the smallest window.",
    ),
    Section(
        "What hiding sensitive items costs",
        ("sensitive",),
        _sensitive,
        "What reveals health, religion, sexuality or pregnancy, and what has a minimum age, is "
        "in no list. Beside it stands what the same models reach with nothing kept out.",
    ),
    Section(
        "Segments",
        ("segments",),
        _segments,
        "Households that agreed to it, grouped by their habits. No group is smaller than the "
        "policy allows, and sizes are told in tens.",
        ("pca", "silhouette", "profile", "weekly flows", "choice"),
    ),
    Section(
        "Risk",
        ("risk", "frontier"),
        _risk,
        "An attacker knows the history of a household and sees what a model answers to it. How "
        "well does he tell whether the model learned from it? He sees lists alone, or all scores.",
        ("frontier",),
    ),
    Section(
        "Privacy tax",
        ("tax", "tax_detail"),
        _tax,
        "The same features of the same households, once through the gate with its decision, "
        "grounds, keys and record, and once from a plain indexed table.",
    ),
    Section(
        "Refusals",
        ("refusals",),
        lambda facts: _rows("Refused", facts["refusals"], without=("code", "docs")),
        "What was asked for and not given, and why.",
    ),
    Section(
        "Leaving",
        ("withdrawal", "erasure"),
        _leaving,
        "One household takes its consent back, another has itself erased. What a law holds is "
        "sealed apart until it may go.",
    ),
    Section(
        "The log",
        ("audit",),
        lambda facts: _pairs("Exported", _placeless(facts["audit"])),
        "Every decision is a signed record. A copy with one letter changed is found out.",
    ),
    Section("Lists, with reasons", ("shown",), _shown, "As the households see them."),
)
