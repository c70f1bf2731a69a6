"""``privet audit tail``: the newest records, and those that come."""

from __future__ import annotations

import json as text
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

ROLE = "auditor"
Roles = Annotated[list[str] | None, role(ROLE)]
PAUSE_S = 0.5
COLUMNS = ("seq", "kind", "who", "roles", "purpose", "action", "reason")


def tail(
    count: Annotated[
        int, typer.Option("--count", "-n", metavar="COUNT", min=0, max=1000, help="How many.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Show the newest records, one a line; with --json each as one line of ASCII."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        _show(screen, principal.audit.tail(count))
        if not follow:
            return
        try:
            for found in principal.audit.follow():
                _show(screen, found)
                if not found:
                    time.sleep(PAUSE_S)
        except KeyboardInterrupt:
            return


def _show(screen: Screen, records: list[dict[str, Any]]) -> None:
    for record in records:
        if screen.as_json:  # one value a record; no text in it can end its line or move a cursor
            sys.stdout.write(text.dumps(record, ensure_ascii=True, sort_keys=True) + "\n")
        else:
            screen.say(_line(record))
    sys.stdout.flush()


def _line(record: Mapping[str, Any]) -> str:
    from privet.clock import iso

    told = [iso(int(record["ts"])), *(_word(record.get(name)) for name in COLUMNS)]
    about = record.get("set") or {}
    told.append(f"people={about.get('n', 0)}")
    return "  ".join(told).replace("\n", "\\n")


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
