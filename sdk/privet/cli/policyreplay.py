"""``privet policy replay`` and ``unused``: a policy against what was really asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.period import Begin, Until, in_utc
from privet.cli.policysource import Reference
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

if TYPE_CHECKING:
    from privet.review.replay import Changed, Replayed
    from privet.review.unused import Unused

ROLE = "auditor"
Roles = Annotated[list[str] | None, role(ROLE)]
LEFT = {
    "ground": "refused for want of a ground, which no rule decides",
    "other": "no request of anybody: what privet did by itself",
    "unreadable": "of a form that this command does not know",
}
MARKS = {"refused": "-", "untold": "?", "otherwise": "~", "perhaps": "+"}


def replay(
    ref: Reference,
    since: Annotated[datetime, Begin],
    until: Until = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Decide the recorded requests of a period by another policy; exit code 1 if any differ."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        begin = in_utc(since) or since
        found = principal.audit.replay(ref, since=begin, until=in_utc(until))
    told = {
        "requests": found.requests,
        "same": found.same,
        "compared": found.compared,
        "not_replayed": found.not_replayed,
        "changes": [_told(change) for change in found.changes],
    }
    screen.answer(told, lambda: _replayed(screen, found))
    raise typer.Exit(1 if found.changes else 0)


def _told(change: Changed) -> dict[str, Any]:
    ask = change.ask
    return {
        "outcome": change.outcome,
        "sentence": change.sentence,
        "roles": sorted(ask.roles),
        "purpose": ask.purpose,
        "action": ask.action,
        "fields": sorted(ask.fields),
        "to": ask.to,
        "reason": change.reason,
        "requests": change.requests,
        "people": change.people,
    }


def _replayed(screen: Screen, found: Replayed) -> None:
    screen.say(f"{found.requests} requests, {found.same} decided the same")
    for change in found.changes:
        screen.say(f"{MARKS[change.outcome]} {change.sentence}")
    if found.compared < found.requests:
        screen.say(
            f"{found.requests - found.compared} could not be compared in how they are minimized"
        )
    for why, count in found.not_replayed.items():
        screen.say(f"not replayed: {count} records {LEFT[why]}")


def unused(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=36_500, help="How far back.")
    ] = 90,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Permits, and fields of them, that no recorded request used in so many days."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (shop, principal):
        found = principal.audit.unused(days)
        policy = shop.policy.name
    told = {
        "policy": policy,
        "days": days,
        "records": found.requests,
        "first": found.first,
        "permits": found.permits,
        "fields": found.fields,
    }
    screen.answer(told, lambda: _unused(screen, found, days))


def _unused(screen: Screen, found: Unused, days: int) -> None:
    from privet.clock import iso

    if found.first is None:
        screen.say(f"nothing is recorded in {days} days: that says nothing about anybody's need")
        return
    screen.say(f"{found.requests} records in {days} days, the first of {iso(found.first)}")
    screen.tree(
        [
            ("permits that nobody used", found.permits),
            (
                "fields that nobody used",
                [f"{name}: {', '.join(fields)}" for name, fields in found.fields.items()],
            ),
        ]
    )
    if not found.permits and not found.fields:
        screen.say("everything was used")
