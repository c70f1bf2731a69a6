"""``privet backup`` and ``privet restore``: three copies that can lie apart, and the way back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.bars import named
from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.settings import resolve
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.restoring import Restored

Directory = Annotated[
    str | None,
    typer.Argument(metavar="[DIR]", help="Where `data`, `keys` and `audit` lie together."),
]
Data = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="Where the copy of data lies instead.")
]
Keys = Annotated[
    str | None, typer.Option("--keys", metavar="DIR", help="Where the copy of keys lies instead.")
]
Audit = Annotated[
    str | None,
    typer.Option("--audit", metavar="DIR", help="Where the copy of the log lies instead."),
]
Newest = Annotated[
    str | None,
    typer.Option(
        "--audit",
        metavar="PLACE",
        help="A newer log: of a later backup, an export, or a home that is alive.",
    ),
]


def backup(
    directory: Directory = None,
    data: Data = None,
    keys: Keys = None,
    audit: Audit = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Copy the three stores while writes go on; the keyring is no part of it."""
    from privet.deployment import open_deployment

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    with (
        open_deployment(found.home, keyring=found.keyring) as shop,
        named(screen) as progress,
    ):
        made = shop.maintenance.backup(
            directory, data=data, keys=keys, audit=audit, progress=progress
        )

    def shown() -> None:
        screen.say(f"backup {made.backup}: {made.bytes} bytes, {made.size} records of the log")
        for name, place in made.directories.items():
            screen.say(f"  {name}: {place}")

    screen.answer(asdict(made), shown)


def restore(
    directory: Directory = None,
    data: Data = None,
    keys: Keys = None,
    audit: Newest = None,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="No backup: renew the stores where they are."),
    ] = False,
    anchor: Annotated[
        str | None,
        typer.Option("--anchor", metavar="FILE", help="What was kept of the log elsewhere."),
    ] = None,
    accept_loss: Annotated[
        str | None,
        typer.Option("--accept-loss", metavar="WORDS", help="Who accepts a loss, and why."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="REF", help="Activated after the backup was taken."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Bring a deployment back into an empty home; closed until all that the log knows holds."""
    from privet.restoring import restore as bring_back

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    with named(screen) as progress:
        done = bring_back(
            found.home,
            directory,
            data=data,
            keys=keys,
            audit=audit,
            in_place=in_place,
            keyring=found.keyring,
            anchor=anchor,
            accept_loss=accept_loss,
            policy=policy,
            progress=progress,
        )
    screen.answer(asdict(done), lambda: _shown(screen, done))


def _shown(screen: Screen, done: Restored) -> None:
    screen.say(f"timeline {done.timeline} began; the log is {done.origin} from now on")
    screen.say(f"{done.records} records kept, {done.lost} lost; the next person is {done.first}")
    screen.say(
        f"applied from the log: {done.changes} records; carried out again: {done.erased} erasures, "
        f"{done.withdrawn} withdrawals, {done.released} ended holds"
    )
    screen.say(f"policy: {done.policy}")
