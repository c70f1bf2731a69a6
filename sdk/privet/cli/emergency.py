"""``privet emergency``: a permit that two people open, for a short time ("break-glass")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting
from privet.cli.screen import Screen
from privet.clock import iso, micros

if TYPE_CHECKING:
    from privet.gate.emergencies import Emergency

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Permits that two people open for a while."
)
WHAT = "an emergency"
Roles = Annotated[
    list[str], typer.Option("--role", metavar="ROLE", help="Who acts; may be repeated.")
]
Number = Annotated[
    int, typer.Argument(metavar="NUMBER", min=0, help="The emergency's, as ask and list tell it.")
]


@app.command()
def ask(
    permit: Annotated[
        str, typer.Argument(metavar="PERMIT", help="Id of a permit with break_glass.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; names nobody. Kept sealed.")
    ],
    roles: Roles,
    name: Name,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Ask for a permit; nothing is open until somebody else confirms."""
    screen = Screen(json)
    with acting(screen, Who(home, keyring, name, tuple(roles)), WHAT) as (_, principal):
        _tell(screen, principal.emergencies.ask(permit, reason=reason))


@app.command()
def confirm(
    number: Number,
    roles: Roles,
    name: Name,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Confirm what somebody else asked for; read its reason in the list before."""
    screen = Screen(json)
    with acting(screen, Who(home, keyring, name, tuple(roles)), WHAT) as (_, principal):
        _tell(screen, principal.emergencies.confirm(number))


@app.command()
def end(
    number: Number,
    roles: Roles,
    name: Name,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """End one that is open, or refuse one that waits."""
    screen = Screen(json)
    with acting(screen, Who(home, keyring, name, tuple(roles)), WHAT) as (_, principal):
        _tell(screen, principal.emergencies.end(number))


@app.command("list")
def list_(
    roles: Roles,
    name: Name,
    everything: Annotated[
        bool, typer.Option("--all", help="Every one; takes a permit to prove.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Those that you asked for or may confirm, with their reasons; this look is recorded."""
    screen = Screen(json)
    with acting(screen, Who(home, keyring, name, tuple(roles)), WHAT) as (_, principal):
        found = principal.audit.emergencies() if everything else principal.emergencies.list()
    rows = [_plain(one) for one in found]
    columns = ("number", "permit", "purpose", "state", "asked", "until", "reason")
    cells = [[row[name] for name in columns] for row in rows]
    screen.answer(rows, lambda: screen.table(columns, cells))


def _tell(screen: Screen, one: Emergency) -> None:
    row = _plain(one)
    said = f"emergency {one.number} ({one.permit}) is {one.state}, until {row['until']}"
    screen.answer(row, lambda: screen.say(said))


def _plain(one: Emergency) -> dict[str, Any]:
    return {
        "number": one.number,
        "permit": one.permit,
        "purpose": one.purpose,
        "state": one.state,
        "asked": iso(micros(one.asked)),
        "asked_by": one.asked_by,
        "confirmed_by": one.confirmed_by,
        "until": iso(micros(one.until)),
        "reason": one.reason,
    }
