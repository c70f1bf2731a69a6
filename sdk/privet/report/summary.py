"""What stands first on the page: what was found, in sentences, and what could not be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from privet.report.svg import number, text

Facts = Mapping[str, Any]
KEY = "ndcg@10"


def found(facts: Facts) -> list[str]:
    """What a reader in a hurry should know, one sentence or two each, safe as HTML."""
    parts: tuple[Callable[[Facts], Iterator[str]], ...] = (
        _people,
        _quality,
        _sensitive,
        _window,
        _risk,
        _tax,
        _leaving,
        _log,
        _cost,
    )
    return [sentence for part in parts for sentence in part(facts)]


def unsaid(facts: Facts) -> list[str]:
    """What the figures do not say, safe as HTML."""
    parts: tuple[Callable[[Facts], Iterator[str]], ...] = (_without, _measured, _attacks, _groups)
    told = [sentence for part in parts for sentence in part(facts)]
    if told:
        told.append(
            "A dash stands for a figure that does not exist: of too few people, or of none."
        )
    return told


def _people(facts: Facts) -> Iterator[str]:
    if _has(facts, "households", "eligible"):
        day = text(str(facts.get("cut") or "")[:10])
        when = f" on {day}, when what is held out begins" if day else ""
        yield (
            f"{text(facts['eligible'])} of {text(facts['households'])} households had agreed to "
            f"recommendations{when}. Lists, models and figures rest on their purchases alone."
        )
    rows = facts.get("rows") or {}
    if _has(rows, "in", "sealed", "refused"):
        yield (
            f"{text(rows['sealed'])} of {text(rows['in'])} rows were sealed, "
            f"{text(rows['refused'])} refused with a reason."
        )


def _quality(facts: Facts) -> Iterator[str]:
    for task, models in (facts.get("quality") or {}).items():
        measured = {m: v for m, v in models.items() if number(v.get(KEY)) is not None}
        if not measured:
            continue
        best = max(measured, key=lambda model: measured[model][KEY])
        one = measured[best]
        told = f"Best lists at <em>{text(task)}</em>: {text(best)}, nDCG@10 {text(one[KEY])}"
        if number(one.get(f"{KEY}_low")) is not None:
            told += f" ({text(one[f'{KEY}_low'])} to {text(one.get(f'{KEY}_high'))})"
        if "popularity" in measured and best != "popularity":
            told += f"; the same list for all reaches {text(measured['popularity'][KEY])}"
        yield f"{told}."


def _sensitive(facts: Facts) -> Iterator[str]:
    kept = facts.get("sensitive") or {}
    if not _has(kept, "items", "types"):
        return
    lost = [
        number(two.get("shown", 0)) - number(two.get("hidden", 0))  # type: ignore[operator]
        for models in (kept.get("ndcg") or {}).values()
        for two in models.values()
        if number(two.get("shown")) is not None and number(two.get("hidden")) is not None
    ]
    cost = f" That costs {text(max(lost))} of nDCG@10 at most." if lost else ""
    yield (
        f"{text(kept['items'])} items of {text(kept['types'])} types, which reveal health, "
        f"religion and the like or have a minimum age, are in no list.{cost}"
    )


def _window(facts: Facts) -> Iterator[str]:
    days = (facts.get("curves") or {}).get("smallest_window")
    if days is not None:
        yield (
            f"The shortest history within one in a hundred of the best lists, also for the tenth "
            f"of people served worst: {text(days)} days."
        )


def _risk(facts: Facts) -> Iterator[str]:
    for attack in ("lists", "scores"):
        rows = [r for r in facts.get("risk") or [] if r.get("attack") == attack]
        rows = [r for r in rows if number(r.get("auc")) is not None]
        if rows:
            worst = max(rows, key=lambda row: row["auc"])
            yield (
                f"Who sees {attack} tells members of a model from others with an AUC of "
                f"{text(worst['auc'])} at most ({text(worst.get('model'))}); 0.5 is guessing."
            )


def _tax(facts: Facts) -> Iterator[str]:
    if number(facts.get("tax")) is not None:
        yield (
            f"Features through the gate took {text(facts['tax'])} times the seconds that they "
            "take from a plain table."
        )


def _leaving(facts: Facts) -> Iterator[str]:
    gone = facts.get("withdrawal") or {}
    if _has(gone, "personal_after"):
        after = "still" if gone["personal_after"] else "no longer"
        changed = len(gone.get("models_changed") or [])
        yield (
            f"One household withdrew: its next list was {after} personal, and {changed} models "
            "were learned or counted anew without it."
        )
    erased = facts.get("erasure") or {}
    if _has(erased, "state"):
        proof = "verifies" if erased.get("certificate_ok") else "does not verify"
        held = sum(line.get("fate") == "held" for line in erased.get("plan") or [])
        told = f" A law holds {held} kinds of its data for now." if held else ""
        yield f"One household had itself erased, and the certificate of it {proof}.{told}"


def _log(facts: Facts) -> Iterator[str]:
    log = facts.get("audit") or {}
    if not _has(log, "records", "ok"):
        return
    verdict = "verifies" if log["ok"] else "does not verify"
    told = f"The log of {text(log['records'])} records {verdict}."
    forged = log.get("forged") or {}
    if forged.get("ok") is False:
        bad = text(forged.get("first_bad"))
        told += f" A copy with one letter changed was found out at record {bad}."
    yield told


def _cost(facts: Facts) -> Iterator[str]:
    if _has(facts, "seconds", "peak_mb", "disk_mb"):
        yield (
            f"The run took {facts['seconds']:,.0f} seconds, {facts['peak_mb']:,.0f} MB of memory "
            f"and {facts['disk_mb']:,.0f} MB of disk."
        )


def _without(facts: Facts) -> Iterator[str]:
    if _has(facts, "households", "eligible"):
        others = facts["households"] - facts["eligible"]
        if others:
            yield (
                f"{text(others)} households had not agreed, or no longer: no figure speaks for "
                "them, and none was measured on them."
            )


def _measured(facts: Facts) -> Iterator[str]:
    for task, people in (facts.get("evaluated") or {}).items():
        missing = facts.get("eligible", people) - people
        if missing > 0:
            yield (
                f"{text(missing)} households had nothing held out at <em>{text(task)}</em> and "
                "are in no mean."
            )
    if facts.get("quality"):
        yield "Quality is of one shop and one window: intervals are over people, not over times."


def _attacks(facts: Facts) -> Iterator[str]:
    if not facts.get("risk"):
        return
    attacked = {row.get("model") for row in facts["risk"]}
    models = {model for task in (facts.get("quality") or {}).values() for model in task}
    left = sorted(models - attacked)
    if left:
        yield f"Not attacked here: {text(left)}."
    yield "The attack is one of many. What it does not find, another may."


def _groups(facts: Facts) -> Iterator[str]:
    if facts.get("quality") and not facts.get("segments"):
        yield "There are no segments: too few people agreed to be told of."
    elif facts.get("segments"):
        yield "Sizes of segments are in tens, and ways that few people went are left out."


def _has(facts: Facts, *names: str) -> bool:
    return all(facts.get(name) is not None for name in names)
