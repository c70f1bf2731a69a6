"""``privet policy keygen``, ``sign``, ``activate`` and ``history``: one policy after another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.policysource import Reference
from privet.cli.screen import Screen
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.gate.policies import Activation
    from privet.gate.resealing import Cost
    from privet.principals import Principal

ROLE = "operator"
Roles = Annotated[list[str] | None, role(ROLE)]


def keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, for its owner alone.")],
    json: Json = False,
) -> None:
    """Make a private key for approvals, and print the public one for the policy."""
    from privet.policy import make_key

    screen = Screen(json)
    screen.begin("anybody", (), "making a key")
    public = make_key(file)
    told = {"key": public, "file": str(file)}
    screen.answer(told, lambda: screen.say(public))


def sign(
    ref: Reference,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the approval goes; else it is shown."),
    ] = None,
    place: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="PLACE",
            help="As `privet policy history` tells it; asked of the home if left out.",
        ),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Approve of a policy: sign it for one deployment, instead of what holds there now."""
    from privet.policy import load
    from privet.policy import sign as signed

    screen = Screen(json)
    if place is None:
        who = Who(home, keyring, name, tuple(roles or [ROLE]))
        with acting(screen, who, ADMINISTRATION) as (shop, principal):
            place = principal.admin.place
            policy = shop.version(ref[5:]) if ref.startswith("home:") else load(ref)
    else:
        screen.begin("anybody", (), "signing a policy")
        policy = load(ref)
    approval = signed(policy, place, key)
    told: dict[str, str | None] = {"policy": approval.policy, "key": approval.key, "place": place}
    told |= {"file": None if out is None else str(out), "approval": approval.text()}
    if out is not None:
        out.write_text(approval.text(), encoding="ascii")

    def shown() -> None:
        screen.say(f"signed: {policy.name}, hash {approval.policy}")
        screen.say(f"written: {out}" if out is not None else approval.text())

    screen.answer(told, shown)


def activate(
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", help="As for check; home:HASH goes back to what held once."),
    ],
    approvals: Annotated[
        list[Path] | None,
        typer.Option("--signature", metavar="FILE", help="An approval; may be repeated."),
    ] = None,
    loosens: Annotated[
        bool,
        typer.Option("--loosens", help="Restrictions are gone from it, and that is meant."),
    ] = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Say what would be re-sealed, and activate nothing."),
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Make another policy the active one of a home; open handles refuse from then on."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        cost = principal.admin.cost(ref)
        _tell(screen, cost)
        active = None if plan else _activated(screen, principal, ref, approvals or [], loosens)
    told: dict[str, object] = {"hash": active, "resealing": list(cost.parts)}
    told |= {"cells": cost.cells, "rows": cost.rows, "people": cost.people}
    screen.answer(told, lambda: screen.say(f"active now: {active}" if active else "not activated"))


def _tell(screen: Screen, cost: Cost) -> None:
    for sentence in cost.parts:
        screen.note(f"! {sentence}")
    if cost.cells:
        much = f"{cost.rows} rows in {cost.cells} cells of {cost.people} people"
        screen.note(f"to be sealed anew first: {much}")


def _activated(
    screen: Screen, principal: Principal, ref: str, approvals: list[Path], loosens: bool
) -> str:
    from privet.cli.bars import measured

    with measured(screen, "re-sealing") as progress:
        return principal.admin.activate(
            ref, approvals=approvals, loosens=loosens, progress=progress
        )


def history(
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Every policy that was active in a home, since when, and who approved of it."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        found, place = principal.admin.history(), principal.admin.place
    told = {"place": place, "activations": [_told(one) for one in found]}
    screen.answer(told, lambda: _history(screen, found, place))


def _told(one: Activation) -> dict[str, object]:
    told = {"record": one.seq, "hash": one.hash, "name": one.name, "since": _since(one)}
    return {**told, "who": one.who, "approvals": list(one.approvals)}


def _since(one: Activation) -> str | None:
    from privet.clock import iso

    return iso(one.at) if one.at else None


def _history(screen: Screen, found: list[Activation], place: str) -> None:
    columns = ("record", "since", "name", "hash", "approved by")
    rows = [
        (one.seq, _since(one) or "the beginning", one.name, one.hash, ", ".join(one.approvals))
        for one in found
    ]
    screen.table(columns, rows)
    screen.say(f"an approval of the next one is for {place}")
