"""``privet maintain``: what is due, from one line of cron."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from privet.cli.bars import named
from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.settings import resolve
from privet.types import ADMINISTRATION


def maintain(
    minutes: Annotated[
        float,
        typer.Option("--minutes", metavar="N", min=0, max=1440, help="No new step after so many."),
    ] = 5,
    rotate: Annotated[
        bool,
        typer.Option("--rotate", help="Then begin a new key epoch: older backups open nothing."),
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Retention, compaction, unfinished erasures and withdrawals; exit code 1 if a step fails."""
    from privet.deployment import open_deployment

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    with open_deployment(found.home, keyring=found.keyring) as shop:
        with named(screen) as progress:
            done = shop.maintenance.run(budget=timedelta(minutes=minutes), progress=progress)
        epoch = shop.maintenance.rotate() if rotate else None
        left = shop.maintenance.overdue()
    failed = sorted(step for step, count in done.items() if count < 0)
    told = {"done": done, "failed": failed, "overdue": left, "epoch": epoch}

    def shown() -> None:
        rows = [(step, "FAILED" if n < 0 else n, left.get(step)) for step, n in done.items()]
        screen.table(("step", "done", "left"), rows)
        if epoch is not None:
            screen.say(f"key epoch {epoch} began; the secret of the one before is destroyed")

    screen.answer(told, shown)
    raise typer.Exit(1 if failed else 0)
