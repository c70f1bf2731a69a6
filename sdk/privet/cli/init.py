"""``privet init``: a new home."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.errors import StoreUnavailable
from privet.settings import resolve


def init(
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="REF", help="pack:NAME, a policy document, a directory."),
    ],
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Create a home with a policy."""
    from privet.db import locate
    from privet.db.home import exists
    from privet.deployment import open_deployment

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), "privet:administration", found.place)
    if exists(locate(found.home)):
        raise StoreUnavailable(
            "there is a deployment at this home already",
            why="creating it again would change nothing",
            remedy="Use it, or name another home; `privet policy activate` changes its policy.",
            reason="home.exists",
        )
    following = _next(found.place, policy)
    with open_deployment(found.home, policy=policy, keyring=found.keyring) as shop:
        made = {
            "home": shop.home,
            "policy": shop.policy.name,
            "hash": shop.policy.hash,
            "roles": sorted(shop.policy.roles),
            "next": following,
        }
    screen.answer(made, lambda: _show(screen, made, following))


def _next(place: str, policy: str) -> list[str]:
    at = "" if place == "postgresql" else f" --home {shlex.quote(place)}"
    return [
        f"privet policy show {shlex.quote(policy)}",
        f"privet ingest --items items.csv{at}",
        f"privet doctor{at}",
    ]


def _show(screen: Screen, made: Mapping[str, object], following: Sequence[str]) -> None:
    screen.say(f"made three stores and a keyring, under policy {made['policy']}")
    screen.say(f"policy hash {made['hash']}")
    screen.say("next:")
    for command in following:
        screen.say(f"  {command}")
