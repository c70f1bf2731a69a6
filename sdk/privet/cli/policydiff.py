"""``privet policy diff``: what changes for whom, and what must be sealed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Who, acting
from privet.cli.policysource import either
from privet.cli.screen import Screen
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.gate.activation import Stored
    from privet.review import Difference, Resealing

MARKS = {"gained": "+", "looser": "+", "changed": "~", "tighter": "-", "lost": "-"}


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="As for check; home: is the home's active policy.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="What takes its place.")],
    count: Annotated[
        bool, typer.Option("--count", help="Count in the home what must be sealed anew.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Say in sentences what B changes, by what both mean; exit code 1 where they differ."""
    from privet.review import diff as compare

    screen = Screen(json)
    screen.begin("anybody", (), "comparing two policies")
    found = compare(either(before, home, keyring), either(after, home, keyring))
    counted = _counted(screen, home, keyring) if count and found.resealing else None
    resealing = [_told(part, counted) for part in found.resealing]
    told = {
        "same": found.same,
        "changes": [{"kind": c.kind, "sentence": c.sentence, **c.detail} for c in found.changes],
        "resealing": resealing,
    }
    screen.answer(told, lambda: _shown(screen, found, resealing))
    raise typer.Exit(0 if found.same else 1)


def _counted(screen: Screen, home: str | None, keyring: str | None) -> tuple[Stored, ...]:
    with acting(screen, Who(home, keyring, "operator", ("operator",)), ADMINISTRATION) as (_, who):
        return who.admin.stored()


def _told(part: Resealing, counted: tuple[Stored, ...] | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "because": part.because,
        "event": part.event,
        "columns": list(part.columns),
        "parts": [list(names) for names in part.parts],
        "sentence": part.sentence,
    }
    if counted is not None:
        those = [s for s in counted if part.bears_on(s.event, s.fields, s.domain)]
        told |= {"cells": sum(s.cells for s in those), "rows": sum(s.rows for s in those)}
    return told


def _shown(screen: Screen, found: Difference, resealing: list[dict[str, Any]]) -> None:
    if found.same:
        screen.say("both mean the same")
    for change in found.changes:
        screen.say(f"{MARKS[change.kind]} {change.sentence}")
    for part in resealing:
        size = f": {part['rows']} rows in {part['cells']} cells" if "rows" in part else ""
        screen.say(f"! {part['sentence']}{size}")
