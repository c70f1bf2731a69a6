"""``privet consent object|objections|uphold|overrule``: objections, and their desk."""

from __future__ import annotations

from typing import Annotated

import typer

from privet.cli.consent import DESK, DeskRoles, Evidence, Purpose, tell
from privet.cli.options import Home, Json, Keyring, Name, SubjectId, Who, acting
from privet.cli.screen import Screen
from privet.types import CONSENT

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; she is told. Kept sealed.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``privet consent``."""
    app.command("object")(object_)
    for command in (objections, uphold, overrule):
        app.command()(command)


def object_(
    subject: SubjectId,
    purpose: Purpose,
    channel: Annotated[
        str, typer.Option("--channel", metavar="C", help="Where she objected, such as letter.")
    ],
    evidence: Evidence,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Her situation, as she told it.")
    ] = "",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Record an objection; it suspends the purpose for her at once (Art. 21)."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.object(
            subject, purpose, channel=channel, evidence=evidence, reason=reason
        )
    tell(screen, receipt)


def objections(
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """The objections that wait for a decision; exit code 1 where one is overdue."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        found = principal.consent.objections()
    late = sum(one.overdue for one in found)
    rows = [
        {
            "subject": list(one.subject),
            "purpose": one.purpose,
            "received": one.received.isoformat(),
            "due": one.due.isoformat(),
            "overdue": one.overdue,
            "record": one.record,
        }
        for one in found
    ]

    def shown() -> None:
        columns = ("", "due", "purpose", "subject", "record")
        cells = [
            ("OVERDUE" if o.overdue else "", o.due.date(), o.purpose, o.subject[:1], o.record)
            for o in found
        ]
        screen.table(columns, cells)
        screen.say(f"{len(found)} wait, {late} of them overdue (GDPR Art. 12(3), 21(1))")

    screen.answer({"objections": rows, "overdue": late}, shown)
    raise typer.Exit(1 if late else 0)


def uphold(
    subject: SubjectId,
    purpose: Purpose,
    reason: Reason,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Uphold an objection: the purpose stays off for her, its own data is destroyed."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.uphold(subject, purpose, reason=reason)
    tell(screen, receipt)


def overrule(
    subject: SubjectId,
    purpose: Purpose,
    reason: Reason,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Overrule an objection on compelling grounds (Art. 21(1)); never to direct marketing."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.overrule(subject, purpose, reason=reason)
    tell(screen, receipt)
