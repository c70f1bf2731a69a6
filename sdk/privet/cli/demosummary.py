"""What the demo shows people at its end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from privet.cli.screen import Screen

Facts = Mapping[str, Any]
EXPLAIN = (
    "privet policy explain pack:grocery --role storefront --purpose recommendations "
    "--action recommend --field purchase.item"
)


def show(screen: Screen, facts: Facts) -> None:
    """The summary: figures, quality, what privacy cost, what was shown, what to try next."""
    for part in (
        _figures,
        _quality,
        _segments,
        _studies,
        _sensitive,
        _lists,
        _refusals,
        _leaving,
        _log,
        _next,
    ):
        part(screen, facts)


def _heading(screen: Screen, text: str) -> None:
    screen.say()
    if not screen.fancy:
        screen.say(text)
        return
    from rich.console import Console
    from rich.rule import Rule
    from rich.text import Text

    Console().print(Rule(Text(text), align="left"))


def _figures(screen: Screen, facts: Facts) -> None:
    rows = facts["rows"]
    _heading(screen, "What was done")
    screen.table(
        ("", ""),
        [
            ("households", f"{facts['households']:,}"),
            ("with a ground for recommendations", f"{facts['eligible']:,}"),
            ("rows in", f"{rows['in']:,}"),
            ("rows sealed", f"{rows['sealed']:,} ({rows['repeated']:,} were there already)"),
            ("rows refused", f"{rows['refused']:,}{_reasons(rows['reasons'])}"),
            ("seconds", f"{facts['seconds']:,.1f}"),
            ("peak memory", f"{facts['peak_mb']:,.0f} MB"),
            ("on disk", f"{facts['disk_mb']:,.0f} MB"),
            ("privacy tax", _tax(facts["tax"])),
        ],
    )


def _reasons(reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f" ({told})" if told else ""


def _tax(ratio: float | None) -> str:
    if ratio is None or ratio != ratio:  # noqa: PLR0124 - what NaN is
        return "not measured: nobody agreed to segmentation"
    return f"{ratio:.2f} times the seconds of the same features from a plain table"


def _quality(screen: Screen, facts: Facts) -> None:
    _heading(screen, f"Lists against the 28 days after {facts['cut'][:10]}")
    measured = [
        (task, model, values["ndcg@10"], values["recall@10"])
        for task, models in facts["quality"].items()
        for model, values in models.items()
    ]
    screen.table(("task", "model", "nDCG@10", "recall@10"), measured)


def _segments(screen: Screen, facts: Facts) -> None:
    if "segments" not in facts:
        return
    found = facts["segments"]
    _heading(
        screen, f"Segments of {found['people']:,} households, followed for {found['weeks']} weeks"
    )
    screen.table(
        ("segment", "size", "what they are like"),
        [(row["segment"], row["size"], row["persona"]) for row in found["shown"]],
    )


def _studies(screen: Screen, facts: Facts) -> None:
    _heading(screen, "If fewer agreed, or less were kept: nDCG@10")
    points = [
        (f"{point['at']:.0%} agree" if by == "consent" else f"{point['at']:.0f} days kept", point)
        for by in ("consent", "history")
        for point in facts["curves"][by]
    ]
    screen.table(
        ("", "task", "nDCG@10", "from", "to"),
        [(what, p["task"], p["ndcg"], p["low"], p["high"]) for what, p in points],
    )
    _heading(screen, "How well an attacker tells who is in a model (0.5 is guessing)")
    screen.table(
        ("model", "sees", "AUC", "from", "to"),
        [(r["model"], r["attack"], r["auc"], r["low"], r["high"]) for r in facts["risk"]],
    )


def _sensitive(screen: Screen, facts: Facts) -> None:
    found = facts["sensitive"]
    _heading(screen, "What it costs to keep sensitive items out of every list")
    screen.say(
        f"{found['items']:,} items of {found['types']:,} types, bought by "
        f"{found['households']:,} households"
    )
    rows = [
        (task, model, values["hidden"], values["shown"])
        for task, models in found["ndcg"].items()
        for model, values in models.items()
    ]
    screen.table(("task", "model", "nDCG@10", "with nothing kept out"), rows)


def _lists(screen: Screen, facts: Facts) -> None:
    _heading(screen, "Recommendations, with reasons")
    for shown in facts["shown"]:
        kind = "personal" if shown["personal"] else f"not personal: {shown['why']}"
        screen.say(f"household {shown['household']}: {kind}")
        screen.table(("item", "because"), [(p["item"], p["because"]) for p in shown["picks"]])


def _refusals(screen: Screen, facts: Facts) -> None:
    _heading(screen, "Refused, each for its reason")
    for refused in facts["refusals"]:
        screen.say(f"{refused['asked']}: {refused['why'] or refused['what']} [{refused['reason']}]")


def _leaving(screen: Screen, facts: Facts) -> None:
    if "withdrawal" not in facts:
        return
    gone, erased = facts["withdrawal"], facts["erasure"]
    _heading(screen, "One household withdrew, another was erased")
    screen.say(f"household {gone['household']} withdrew: the next list is not personal")
    screen.say(f"subtracted from the models: {', '.join(gone['models_changed'])}")
    screen.say(f"household {erased['household']} erased, state {erased['state']}:")
    screen.table(("what", "name", "rows", "fate", "law", "until"), _plan(erased["plan"]))
    verified = "verified" if erased["certificate_ok"] else "NOT VERIFIED"
    screen.say(f"certificate {erased['certificate']}: {verified}")


def _plan(lines: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("what", "name", "rows", "fate", "law", "until")
    return [tuple(line[name] for name in names) for line in lines]


def _log(screen: Screen, facts: Facts) -> None:
    audit = facts["audit"]
    forged = audit["forged"]
    _heading(screen, "The log")
    state = "verified" if audit["ok"] else "NOT VERIFIED"
    screen.say(f"{audit['records']:,} records exported to {audit['directory']}: {state}")
    screen.say(f"a forged copy: found at record {forged['first_bad']}, {forged['problem']}")


def _next(screen: Screen, facts: Facts) -> None:
    _heading(screen, "Try next")
    for command in commands(str(facts["out"])):
        screen.say(f"  {command}")


def commands(out: str) -> list[str]:
    """Three commands that work on what the demo left, whatever the year is."""
    audit, certificate = (shlex.quote(f"{out}/{name}") for name in ("audit", "certificate.json"))
    return [
        f"privet audit verify {audit}",
        f"privet rights verify {certificate}",
        EXPLAIN,
    ]


PARTS = (
    _figures,
    _quality,
    _segments,
    _studies,
    _sensitive,
    _lists,
    _refusals,
    _leaving,
    _log,
    _next,
)
