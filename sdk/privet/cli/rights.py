"""``privet rights``: requests of a person, and the certificate of an erasure."""

from __future__ import annotations

import json as codec
import os
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli import verdict
from privet.cli.audit import NO_KEY
from privet.cli.options import (
    Home,
    Json,
    Keyring,
    Name,
    SubjectId,
    VerifierKey,
    Who,
    acting,
    role,
)
from privet.cli.screen import Screen
from privet.errors import InvalidInput
from privet.types import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.gate.planning import PlanLine
    from privet.gate.register import Erasure

ROLE = "privacy-desk"
COLUMNS = ("what", "name", "rows", "fate", "law", "until")
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Requests of one person.")
Roles = Annotated[list[str] | None, role(ROLE)]


@app.command()
def plan(
    subject: SubjectId,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """A dry run of an erasure: what goes, what a law holds, until when."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, RIGHTS) as (_, principal):
        lines = principal.rights.plan(subject)
    screen.answer(lines, lambda: _planned(screen, lines))


@app.command()
def access(
    subject: SubjectId,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A new file, for its owner's eyes alone."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """All that is kept about one person (GDPR Art. 15, 20)."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, RIGHTS) as (_, principal):
        if out is None:
            kept = principal.rights.access(subject)
        else:
            kept = {"out": str(out), "record": principal.rights.export(subject, out).record}

    def shown() -> None:
        screen.say(codec.dumps(kept, ensure_ascii=False, indent=1) if out is None else f"{out}")

    screen.answer(kept, shown)


@app.command()
def erase(
    subject: SubjectId,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate",
            metavar="FILE",
            help="A new file; erasure-RECEIPT.json in this directory if left out.",
        ),
    ] = None,
    request: Annotated[
        str, typer.Option("--request", metavar="TEXT", help="Your number; kept as a keyed hash.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Erase one person everywhere, models included (Art. 17); asks on the terminal first."""
    screen = Screen(json)
    if certificate is not None and certificate.exists():
        raise _taken()
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, RIGHTS) as (_, principal):
        if not yes:
            _planned(screen, principal.rights.plan(subject))
            _confirm(screen)
        done = principal.rights.erase(subject, request=request)
    path = _kept(done, certificate)
    told = {
        "receipt": done.receipt,
        "state": done.state,
        "held": done.held,
        "certificate": None if path is None else str(path),
    }
    screen.answer(told, lambda: _erased(screen, done, path))


def _erased(screen: Screen, done: Erasure, path: Path | None) -> None:
    screen.say(f"{done.state}, receipt {done.receipt}")
    for held in done.held:
        screen.say(f"held until {held.until} ({held.law}): {', '.join(held.fields)}")
    if path is None:
        screen.say("a reader held a store; `privet maintain` concludes it and certifies it")
    else:
        screen.say(f"certificate in {path}")


def _kept(done: Erasure, path: Path | None) -> Path | None:
    """Write the certificate, beside an older file rather than over it."""
    if not done.certificate:
        return None
    path = path or Path(f"erasure-{done.receipt}.json")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise _taken() from None
    with os.fdopen(fd, "wb") as file:
        file.write(done.certificate)
    return path


def _taken() -> InvalidInput:
    return InvalidInput(
        "the certificate would replace a file that is there",
        remedy="Name a new file.",
        reason="export.path",
    )


def _planned(screen: Screen, lines: Sequence[PlanLine]) -> None:
    rows: list[tuple[Any, ...]] = [astuple(line) for line in lines]
    screen.table(COLUMNS, rows)


def _confirm(screen: Screen) -> None:
    if screen.as_json or _answer() != "yes":
        raise InvalidInput(
            "nothing was erased",
            why="it was not confirmed",
            remedy="Answer yes on the terminal, or give --yes.",
            reason="confirm.missing",
        )


def _answer() -> str:
    """Asked on the terminal itself: standard input may be anything and is never read."""
    try:
        with Path("/dev/tty").open("r+b", buffering=0) as terminal:
            terminal.write(b"This cannot be undone. Erase? Type yes: ")
            return terminal.readline(16).decode("ascii", "replace").strip()
    except OSError:
        return ""


@app.command()
def verify(
    certificate: Annotated[
        Path,
        typer.Argument(
            metavar="CERTIFICATE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The certificate of an erasure.",
        ),
    ],
    vkey: VerifierKey = None,
    json: Json = False,
) -> None:
    """Check the certificate of an erasure; exit code 5 where it does not hold."""
    from privet.audit.verifier import CERTIFICATE_LIMIT, verify_certificate

    screen = Screen(json)
    screen.begin("anybody", (), "verifying a certificate")
    with certificate.open("rb") as file:
        data = file.read(CERTIFICATE_LIMIT + 1)
    found = verify_certificate(data, vkey=vkey)
    verdict.tell(screen, found, "the certificate of an erasure", [] if vkey else [NO_KEY])
