"""``privet init``: a new home."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.errors import InvalidInput
from privet.settings import Settings, resolve
from privet.types import ADMINISTRATION


def init(
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="REF", help="pack:NAME, a policy document, a directory."),
    ] = None,
    migrate: Annotated[
        bool,
        typer.Option("--migrate", help="Bring the tables of a home to this version instead."),
    ] = False,
    print_sql: Annotated[
        bool,
        typer.Option("--print-sql", help="Only print the SQL that makes PostgreSQL's roles."),
    ] = False,
    roles: Annotated[
        str | None,
        typer.Option("--roles", metavar="PREFIX", help="Roles PREFIX_owner, _worker, _auditor."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Create a home with a policy, migrate one while no worker runs, or print roles as SQL."""
    screen = Screen(json)
    if [policy is not None, migrate, print_sql].count(True) != 1 or (roles and not print_sql):
        raise InvalidInput(
            "it is not clear what to do",
            remedy="Give --policy REF to create a home, --migrate for one that is there, or "
            "--print-sql (with --roles PREFIX, if they are to be called otherwise).",
            reason="usage",
        )
    if print_sql:
        _print_sql(screen, roles)
        return
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    if policy is None:
        _migrate(screen, found)
    else:
        _create(screen, found, policy, keyring)


def _create(screen: Screen, found: Settings, policy: str, keyring: str | None) -> None:
    from privet.deployment import open_deployment

    if _is_made(found.home):
        raise InvalidInput(
            "there is a deployment at this home already",
            why="creating it again would change nothing",
            remedy="Use it, or name another home; `privet policy activate` changes its policy.",
            reason="home.exists",
        )
    following = _next(found.place, policy, keyring)
    with open_deployment(found.home, policy=policy, keyring=found.keyring) as shop:
        made = {
            "home": shop.home,
            "policy": shop.policy.name,
            "hash": shop.policy.hash,
            "roles": sorted(shop.policy.roles),
            "next": following,
        }
    screen.answer(made, lambda: _show(screen, made, following))


def _is_made(home: str) -> bool:
    """Whether a home has its first policy; one whose keyring refused it is made on."""
    from privet.db import locate, open_stores
    from privet.db.home import exists
    from privet.gate.policies import ACTIVE

    location = locate(home)
    if not exists(location):
        return False
    stores = open_stores(location)
    try:
        with stores.data.read() as tx:
            return tx.one("SELECT 1 FROM meta WHERE key = ?", (ACTIVE,)) is not None
    finally:
        stores.close()


def _print_sql(screen: Screen, prefix: str | None) -> None:
    from privet.db import roles

    sql = roles.script(prefix or roles.PREFIX)
    screen.answer({"sql": sql}, lambda: screen.say(sql))


def _migrate(screen: Screen, found: Settings) -> None:
    from privet.db import locate
    from privet.db.home import migrate_stores
    from privet.db.migrate import REVISION

    migrate_stores(locate(found.home))
    told = {"home": found.place, "revision": REVISION}
    screen.answer(told, lambda: screen.say(f"its tables are of revision {REVISION}"))


def _next(place: str, policy: str, keyring: str | None) -> list[str]:
    at = "" if place == "postgresql" else f" --home {shlex.quote(place)}"
    at += "" if keyring is None else f" --keyring {shlex.quote(keyring)}"
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
