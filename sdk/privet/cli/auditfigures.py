"""``privet audit stats``, ``principals`` and ``scope``: the log in numbers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.period import Begin, Since, Until, in_utc
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

if TYPE_CHECKING:
    from privet.auditdesk import AuditDesk
    from privet.gate.incidents import KeyScope
    from privet.review.reach import Scope
    from privet.review.tallies import Stats

ROLE = "auditor"
Roles = Annotated[list[str] | None, role(ROLE)]
From = Annotated[datetime, Begin]
PERMITTED = ("permit", "policy", "role", "purpose", "actions", "fields", "emergency")


def stats(
    since: From,
    until: Until = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Records of a period by day, purpose, kind, decision and reason, in numbers."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        found = principal.audit.stats(since=in_utc(since) or since, until=in_utc(until))
        told = _told(found) | {"complete_from": whole_since(screen, principal.audit)}
    screen.answer(told, lambda: _counted(screen, found))


def _counted(screen: Screen, found: Stats) -> None:
    columns = ("day", "purpose", "kind", "decision", "reason", "requests")
    screen.table(columns, [[getattr(f, name) for name in columns] for f in found.figures])
    screen.say(
        f"{found.records} records; {found.refused} requests refused, {found.without_ground} of "
        f"them for want of a ground; {found.unanswered} answers opened nothing"
    )


def principals(
    since: From,
    until: Until = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Mark the pseudonym of a name; repeatable."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Which roles acted in a period, how often, and how often they were refused."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        found = principal.audit.principals(since=in_utc(since) or since, until=in_utc(until))
        known = {principal.audit.pseudonym(one): one for one in named or ()}
        whole_since(screen, principal.audit)
    told = [_told(one) | {"name": known.get(one.who, "")} for one in found]
    columns = ("who", "name", "roles", "requests", "refused", "purposes", "first", "last")
    screen.answer(
        told, lambda: screen.table(columns, [[one[name] for name in columns] for one in told])
    )


def scope(
    since: Since = None,
    until: Until = None,
    principal_: Annotated[
        str | None,
        typer.Option("--principal", metavar="WHO", help="A name, or the log's pseudonym of it."),
    ] = None,
    acted: Annotated[
        str | None, typer.Option("--acted-as", metavar="ROLE", help="A role that it had.")
    ] = None,
    epoch: Annotated[
        int | None, typer.Option("--epoch", metavar="NUMBER", help="A key that was stolen.")
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """After an incident: what a stolen credential or key reached, and could have reached."""
    from privet.errors import InvalidInput

    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    begin = in_utc(since)
    if epoch is None and begin is None:
        raise InvalidInput(
            "nothing was counted",
            why="it was not told from when on the credential was in other hands",
            remedy="Give --since and --principal or --acted-as; or --epoch.",
            reason="scope.whose",
        )
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        if epoch is not None or begin is None:
            keys = principal.audit.key_scope(epoch or 0)
            screen.answer(_told(keys), lambda: _key_shown(screen, keys))
            return
        found = principal.audit.scope(
            since=begin, until=in_utc(until), principal=principal_, role=acted
        )
        told = _told(found) | {"complete_from": whole_since(screen, principal.audit)}
    screen.answer(told, lambda: _shown(screen, found))


def whole_since(screen: Screen, audit: AuditDesk) -> str | None:
    """Since when every record is here, where older ones were dropped; said beside the result."""
    since = audit.complete_from
    if since is None:
        return None
    told = since.isoformat()
    screen.note(f"what was recorded up to {told} was dropped with old shards: see their exports")
    return told


def _shown(screen: Screen, found: Scope) -> None:
    screen.say(
        f"{found.records} records about {found.people} people, of at most {found.people_at_most}; "
        f"{sum(found.refused.values())} refused"
    )
    columns = ("purpose", "action", "requests", "people", "fields", "to")
    screen.table(columns, [[getattr(one, name) for name in columns] for one in found.reached])
    screen.say("categories of data, to how many people:")
    for category, people in found.categories.items():
        screen.say(f"  {category}: {people}")
    screen.say("what the policies of then permitted these roles:")
    screen.table(PERMITTED, [[getattr(p, name) for name in PERMITTED] for p in found.permitted])


def _key_shown(screen: Screen, found: KeyScope) -> None:
    screen.say(
        f"epoch {found.epoch} ({found.state}, from {found.created}): {found.keys} keys of "
        f"{found.people} people, of at most {found.people_at_most}"
    )
    columns = ("domain", "purpose", "people", "fields", "categories")
    screen.table(columns, [[getattr(one, name) for name in columns] for one in found.domains])
    screen.say(f"keys of the deployment under it: {', '.join(found.secrets) or 'none'}")


def _told(found: Any) -> dict[str, Any]:
    """A dataclass as JSON has it, its instants as text."""
    from privet.clock import iso

    told = asdict(found)
    for name in ("first", "last"):
        if isinstance(told.get(name), int):
            told[name] = iso(told[name])
    return told
