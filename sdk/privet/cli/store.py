"""``privet store``: is all that is kept whole, and is nothing kept too long?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.bars import measured
from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.errors import IntegrityError
from privet.settings import resolve
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.gate.storecheck import StoreCheck

app = typer.Typer(no_args_is_help=True, help="The stores as a whole.")


@app.callback()
def store() -> None:
    """The stores as a whole."""


@app.command("check")
def check(
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="FILE", help="Write a digest of all heads there."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE", help="Compare with an earlier digest."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Look at everything once, releasing nothing; exit code 5 where a promise is broken."""
    from privet.deployment import open_deployment

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    with (
        open_deployment(found.home, keyring=found.keyring) as shop,
        measured(screen, "looked at") as progress,
    ):
        told = shop.maintenance.check(digest=digest, against=against, progress=progress)
    screen.answer({"ok": told.ok, **asdict(told)}, lambda: _shown(screen, told))
    raise typer.Exit(0 if told.ok else IntegrityError.exit_code)


def _shown(screen: Screen, told: StoreCheck) -> None:
    screen.say(
        f"{told.people} people, {told.heads} heads, {told.cells} cells, {told.entries} entries"
    )
    rows = [
        (
            f"{line.purpose} (held)" if line.held else line.purpose,
            line.category,
            line.rows,
            line.oldest,
            line.bound,
            line.due,
        )
        for line in told.kept
    ]
    screen.table(("purpose", "category", "rows", "oldest", "kept since", "to be swept"), rows)
    screen.table(
        ("", "fault", "count", "found"),
        [(fault.state, fault.code, fault.count, fault.what) for fault in told.faults],
    )
    for remedy in dict.fromkeys(fault.remedy for fault in told.faults):
        screen.say(remedy)
    screen.say(f"record {told.record}, digest {told.digest}")
