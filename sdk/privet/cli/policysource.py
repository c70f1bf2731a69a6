"""Where the commands of ``privet policy`` take a policy from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from privet.settings import resolve

if TYPE_CHECKING:
    from privet.cli.screen import Screen
    from privet.policy import Policy

ACTIVE = "home:"
Reference = Annotated[
    str, typer.Argument(metavar="REF", help="pack:NAME, a policy document, or its directory.")
]
MaybeReference = Annotated[
    str | None,
    typer.Argument(metavar="[REF]", help="As for check; the home's active policy if left out."),
]


def opened(
    screen: Screen, ref: str | None, home: str | None, keyring: str | None, task: str
) -> Policy:
    """The policy that ``ref`` names, or the home's active one; says so first."""
    from privet.policy import load

    if ref is not None and ref != ACTIVE:
        screen.begin("anybody", (), task)
        return load(ref)
    screen.begin("anybody", (), task, resolve(home, keyring).place)
    return active(home, keyring)


def either(ref: str, home: str | None, keyring: str | None) -> Policy:
    """The policy that ``ref`` names; ``home:`` is the active one of the home."""
    from privet.policy import load

    return active(home, keyring) if ref == ACTIVE else load(ref)


def active(home: str | None, keyring: str | None) -> Policy:
    """The active policy of a home."""
    from privet.deployment import open_deployment

    found = resolve(home, keyring)
    with open_deployment(found.home, keyring=found.keyring) as shop:
        return shop.policy
