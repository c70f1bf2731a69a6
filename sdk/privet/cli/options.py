"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.settings import resolve

if TYPE_CHECKING:
    from privet.cli.screen import Screen
    from privet.deployment import Deployment
    from privet.principals import Principal

Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON value on standard output, nothing else there."),
]
Home = Annotated[
    str | None,
    typer.Option(
        "--home",
        metavar="PLACE",
        help="Directory or postgresql:// URL; else PRIVET_HOME, then privet.toml.",
    ),
]
Keyring = Annotated[
    str | None,
    typer.Option(
        "--keyring",
        metavar="SPEC",
        help="file:DIRECTORY, aws-kms:REGION, …; else PRIVET_KEYRING, privet.toml, the home.",
    ),
]
Name = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who acts; the log keeps a pseudonym of it.")
]
SubjectId = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="The app's own id of the person, as text.")
]
VerifierKey = Annotated[
    str | None,
    typer.Option("--vkey", metavar="KEY", help="The log's verifier key, as you know it."),
]


def role(usual: str) -> Any:
    """The option ``--role`` of a command that ``usual`` runs where none is given."""
    return typer.Option("--role", metavar="ROLE", help=f"May be repeated.  [default: {usual}]")


@dataclass(frozen=True, slots=True)
class Who:
    """As whom a command runs, and in which home.

    Attributes:
        home: as given, before the environment and the file.
        keyring: likewise.
        name: the principal's name.
        roles: her roles.
    """

    home: str | None
    keyring: str | None
    name: str
    roles: tuple[str, ...]


@contextmanager
def acting(screen: Screen, who: Who, purpose: str) -> Iterator[tuple[Deployment, Principal]]:
    """Say as whom and for what, then open the home and make the principal."""
    from privet.deployment import open_deployment

    found = resolve(who.home, who.keyring)
    screen.begin(who.name, who.roles, purpose, found.place)
    with open_deployment(found.home, keyring=found.keyring) as shop:
        yield shop, shop.principal(who.name, roles=who.roles)
