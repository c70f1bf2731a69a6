"""``privet audit export``: the log as tiles, or chosen records as a table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from privet.cli.auditfigures import whole_since
from privet.cli.bars import measured
from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.period import Since, Until, in_utc
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

ROLE = "auditor"
Roles = Annotated[list[str] | None, role(ROLE)]


class Form(StrEnum):
    """How an export is written."""

    tiles = "tiles"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class Decision(StrEnum):
    """What was decided."""

    permit = "permit"
    deny = "deny"


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="New, empty, or an earlier export of the same.")
    ],
    form: Annotated[
        Form,
        typer.Option("--form", help="tiles: the whole log, provably; the others: chosen records."),
    ] = Form.tiles,
    since: Since = None,
    until: Until = None,
    principal_: Annotated[
        str | None,
        typer.Option("--principal", metavar="WHO", help="A name, or the log's pseudonym of it."),
    ] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", metavar="NAME", help="Why.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="The app's own id of a person.")
    ] = None,
    decision: Annotated[
        Decision | None, typer.Option("--decision", help="Refusals, or all that is none.")
    ] = None,
    acted: Annotated[
        str | None, typer.Option("--acted-as", metavar="ROLE", help="One of the roles acted in.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="What was done.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="NAME", help="The kind of record.")
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Write the log as tiles that anybody can verify offline, or chosen records as a table."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with (
        acting(screen, who, ACCOUNTABILITY) as (_, principal),
        measured(screen, "records") as progress,
    ):
        report = principal.audit.export(
            directory,
            form=form.value,
            since=in_utc(since),
            until=in_utc(until),
            principal=principal_,
            purpose=purpose,
            subject=subject,
            decision=None if decision is None else decision.value,
            role=acted,
            action=action,
            kind=kind,
            progress=progress,
        )
        key = principal.audit.verifier_key
        whole_since(screen, principal.audit)
    told: dict[str, Any] = {"form": form.value, "directory": str(report.directory)}
    told |= {name: getattr(report, name) for name in ("size", "root", "records")}
    if form is Form.tiles:
        told["sets"] = report.sets
    else:
        told["file"] = str(report.file)
    told["vkey"] = key
    screen.answer(told, lambda: _shown(screen, told))


def _shown(screen: Screen, told: dict[str, Any]) -> None:
    screen.say(f"{told['records']} records in {told.get('file', told['directory'])}")
    screen.say(f"of {told['size']} under root {told['root']}")
    screen.say(f"verifier key {told['vkey']}")
