"""``privet audit history`` and ``prove``: what is recorded, and that it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.auditfigures import whole_since
from privet.cli.options import Home, Json, Keyring, Name, SubjectId, Who, acting, role
from privet.cli.screen import Screen
from privet.types import ACCOUNTABILITY

if TYPE_CHECKING:
    from privet.audit.documents import Proof

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
        whole_since(screen, principal.audit)
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


Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="A new file for the proof, as it is verified."),
]


def prove(
    record: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="Of the record: its seq.")],
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="ID", help="Whether it names this person, as well."),
    ] = None,
    out: Out = None,
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
    _tell(screen, found, out)


def growth(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            exists=True,
            dir_okay=False,
            readable=True,
            help="An earlier one that was kept: the file of an export.",
        ),
    ],
    out: Out = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """The proof that the log only grew since an earlier checkpoint."""
    from privet.audit.verifier import NOTE_LIMIT

    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with checkpoint.open("rb") as file:
        kept = file.read(NOTE_LIMIT + 1)
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        found = principal.audit.prove_growth(kept)
    _tell(screen, found, out)


def _tell(screen: Screen, proof: Proof, out: Path | None) -> None:
    from json import loads

    if out is not None:
        _write(out, proof.document)

    def shown() -> None:
        if proof.member is not None:
            screen.say("the record names her" if proof.member else "the record does not name her")
        if out is None:
            screen.say(proof.document.decode())
        else:
            screen.say(f"the proof is in {out}")

    screen.answer(loads(proof.document), shown)
