"""``privet audit shard``: old records are closed, exported, and their bodies dropped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.bars import measured
from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.period import FORMATS, in_utc
from privet.cli.screen import Screen
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.audit.shards import Shard

ROLE = "operator"
Roles = Annotated[list[str] | None, role(ROLE)]
COLUMNS = ("number", "first", "upto", "newest", "sealed", "state", "gone")
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Seal, list, drop.")


@app.command()
def seal(
    before: Annotated[
        datetime,
        typer.Option(
            "--before", metavar="TIME", formats=FORMATS, help="A day in UTC, or a time with zone."
        ),
    ],
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Close what is older as a shard; nothing is dropped yet."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        told = _told(principal.admin.seal_shard(before=in_utc(before) or before))
    screen.answer(told, lambda: _table(screen, [told]))


@app.command("list")
def list_(
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """The shards of the log, and which of them were dropped."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        found = [_told(shard) for shard in principal.admin.shards()]
    screen.answer(found, lambda: _table(screen, found))


@app.command()
def drop(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the shard.")],
    export: Annotated[
        Path,
        typer.Option(
            "--export", metavar="DIR", exists=True, file_okay=False,
            help="An export of the whole log that has the shard; it is verified first.",
        ),
    ],
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Drop the bodies of a shard from the store; its tree stays, and so do all proofs."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with (
        acting(screen, who, ADMINISTRATION) as (_, principal),
        measured(screen, "records") as progress,
    ):
        told = _told(principal.admin.drop_shard(number, export, progress=progress))
    screen.answer(told, lambda: _table(screen, [told]))


def _told(shard: Shard) -> dict[str, Any]:
    from privet.clock import iso

    told: dict[str, Any] = {name: getattr(shard, name) for name in COLUMNS}
    told |= {name: iso(told[name]) for name in ("newest", "sealed")}
    return told | {"checkpoint": shard.note.decode()}


def _table(screen: Screen, found: list[dict[str, Any]]) -> None:
    screen.table(COLUMNS, [[one[name] for name in COLUMNS] for one in found])
