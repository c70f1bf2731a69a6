"""What each section of the page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import Any

from privet.report import charts
from privet.report.svg import number, table, text

Facts = Mapping[str, Any]
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


def _rows(caption: str, found: Sequence[Facts]) -> str:
    names = list(dict.fromkeys(name for row in found for name in row))
    return table(caption, names, [[row.get(n) for n in names] for row in found]) if names else ""


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
        parts += [charts.plot(title, points, (axis, "nDCG@10"), joined=True), _rows(title, rows)]
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
    rows = [{**row, "name": f"{row.get('model')} {row.get('attack')}"} for row in facts["risk"]]
    points = _points(rows, "name", "ndcg@10", "auc")
    return charts.plot(
        "AUC of the attack against nDCG@10", points, ("nDCG@10", "AUC"), joined=False
    ) + _rows("How well an attacker tells who is in a model (0.5 is guessing)", facts["risk"])


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


Draw = Callable[[Facts], str]
SECTIONS: tuple[tuple[str, tuple[str, ...], Draw], ...] = (
    ("What was done", DONE, _done),
    ("Quality", ("quality",), _quality),
    ("If fewer agreed, or less were kept", ("curves",), _curves),
    ("What hiding sensitive items costs", ("sensitive",), _sensitive),
    ("Segments", ("segments",), _segments),
    ("Risk", ("risk",), _risk),
    ("Privacy tax", ("tax", "tax_detail"), _tax),
    ("Refusals", ("refusals",), lambda facts: _rows("Refused", facts["refusals"])),
    ("Leaving", ("withdrawal", "erasure"), _leaving),
    ("The log", ("audit",), lambda facts: _pairs("Exported", _placeless(facts["audit"]))),
    ("Lists, with reasons", ("shown",), _shown),
)
