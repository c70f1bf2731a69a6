"""``privet audit history`` and ``prove``: what is recorded, and that it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.options import Home, Json, Keyring, Name, SubjectId, Who, acting, role
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

ROLE = "auditor"
Roles = Annotated[list[str] | None, role(ROLE)]
COLUMNS = ("seq", "kind", "purpose", "action", "roles", "fields")


def history(
    subject: SubjectId,
    proof: Annotated[
        Path | None,
        typer.Option(
            "--proof", metavar="FILE", help="Write the records with their proofs, for a stranger."
        ),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Every record that one person's data is in, oldest first; this look is one of them."""
    from privet.clock import iso

    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        document = None if proof is None else principal.audit.prove_history(subject)
        records = principal.audit.history(subject)
    if proof is not None and document is not None:
        _write(proof, document)
        screen.note(f"records and proofs in {proof}")
    rows = [(iso(int(r["ts"])), *(r.get(name) for name in COLUMNS)) for r in records]
    screen.answer(records, lambda: screen.table(("at", *COLUMNS), rows))


def _write(path: Path, document: bytes) -> None:
    from privet.errors import InvalidInput

    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(document)
    except OSError:
        raise InvalidInput(
            "the proof cannot be written there",
            why="the file exists already, or its directory does not or cannot be written",
            remedy="Give the name of a new file.",
            reason="export.path",
        ) from None


def prove(
    record: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="Of the record: its seq.")],
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="ID", help="Whether it names this person, as well."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """The proof that a record stands in the log, and whether it names a person."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        found = principal.audit.prove(record, subject=subject)
    proof = found["inclusion"]

    def shown() -> None:
        screen.say(f"record {proof['index']} of {proof['size']}, base64: {proof['record']}")
        for digest in proof["hashes"]:
            screen.say(f"  {digest}")
        screen.say(proof["checkpoint"])

    screen.answer(found, shown)
