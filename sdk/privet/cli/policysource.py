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
    typer.Argument(
        metavar="[REF]",
        help="As for check; home:HASH, active once; the home's active policy if left out.",
    ),
]


def opened(
    screen: Screen, ref: str | None, home: str | None, keyring: str | None, task: str
) -> Policy:
    """The policy that ``ref`` names, or the home's active one; says so first."""
    ref = ACTIVE if ref is None else ref
    of_home = ref.startswith(ACTIVE)
    screen.begin("anybody", (), task, resolve(home, keyring).place if of_home else "")
    return either(ref, home, keyring)


def either(ref: str, home: str | None, keyring: str | None) -> Policy:
    """The policy that ``ref`` names; ``home:`` is the home's active one, or one of a hash."""
    from privet.policy import load

    return kept(ref, home, keyring) if ref.startswith(ACTIVE) else load(ref)


def kept(ref: str, home: str | None, keyring: str | None) -> Policy:
    """The active policy of a home, or a version that it keeps."""
    from privet.deployment import open_deployment

    found, digest = resolve(home, keyring), ref.removeprefix(ACTIVE)
    with open_deployment(found.home, keyring=found.keyring) as shop:
        return shop.version(digest) if digest else shop.policy
