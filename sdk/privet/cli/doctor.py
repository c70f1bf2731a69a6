"""``privet doctor``: what is wrong with a home, and what waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.errors import PrivetError
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.gate.health import Finding


def doctor(home: Home = None, keyring: Keyring = None, json: Json = False) -> None:
    """Look at a home and this installation; exit code 1 where something must be mended."""
    from privet.cli import checks

    screen = Screen(json)
    findings = [*checks.installation(), *_of_home(screen, home, keyring)]
    ok = all(f.state != "fail" for f in findings)

    def shown() -> None:
        screen.table(("", "check", "found"), [(f.state, f.check, f.what) for f in findings])
        for finding in findings:
            if finding.remedy:
                screen.say(f"{finding.check}: {finding.remedy}")

    screen.answer({"ok": ok, "checks": [asdict(f) for f in findings]}, shown)
    raise typer.Exit(0 if ok else 1)


def _of_home(screen: Screen, home: str | None, keyring: str | None) -> list[Finding]:
    from privet.cli import checks
    from privet.gate.health import failed
    from privet.settings import resolve

    try:
        found = resolve(home, keyring)
    except PrivetError as error:
        screen.begin("privet", (), ADMINISTRATION)
        return [failed("home", error)]
    screen.begin("privet", (), ADMINISTRATION, found.place)
    return [*checks.files(found), *checks.stores(found)]
