"""``privet audit``: the log, for those who answer for it. GDPR Art. 5(2), 30."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli import (
    auditanchor,
    auditexport,
    auditfigures,
    auditproof,
    auditshard,
    audittail,
    verdict,
)
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
from privet.types import ACCOUNTABILITY

ROLE = "auditor"
NO_KEY = "the key came with the input; give --vkey as you know it"
NO_ANCHOR = "no anchor; a log that was cut off and signed again would not show"
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Export, verify, history.")
Roles = Annotated[list[str] | None, role(ROLE)]
app.command("export")(auditexport.export)
app.command("history")(auditproof.history)
app.command("prove")(auditproof.prove)
app.command("growth")(auditproof.growth)
app.command("anchor")(auditanchor.anchor)
app.command("principals")(auditfigures.principals)
app.command("scope")(auditfigures.scope)
app.command("stats")(auditfigures.stats)
app.command("tail")(audittail.tail)
app.add_typer(auditshard.app, name="shard")


@app.command()
def verify(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="An audit export.")
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="Instead: what `prove` or `growth` wrote."),
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(
            "--anchor",
            metavar="KEPT",
            exists=True,
            readable=True,
            help="What was kept where the log's keeper cannot reach it: an older checkpoint, an "
            "anchor's file, an earlier export.",
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", metavar="KEY", help="Who must have cosigned; may be repeated."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help="What `history --proof` wrote."),
    ] = None,
    shard: Annotated[
        list[Path] | None,
        typer.Option(
            "--shard", metavar="DIR", help="An earlier export, with records dropped since."
        ),
    ] = None,
    vkey: VerifierKey = None,
    json: Json = False,
) -> None:
    """Check an export by the stand-alone verifier; exit code 5 names the first bad record."""
    from privet.audit.verifier import (
        ANCHOR_LIMIT,
        CERTIFICATE_LIMIT,
        HISTORY_LIMIT,
        verify_directory,
        verify_history,
        verify_proof,
    )

    if (directory is None and history is None) == (proof is None):
        raise typer.BadParameter("give DIR, --history FILE or --proof FILE")
    if history is not None and (anchor or witness):
        raise typer.BadParameter("a history is judged by its own checkpoint")
    screen = Screen(json)
    screen.begin("anybody", (), "verifying an audit export")
    notes = [] if vkey else [NO_KEY]
    if history is not None:
        data = _start(history, HISTORY_LIMIT)
        found = verify_history(data, export=directory, vkey=vkey, shards=shard or [])
        verdict.tell(screen, found, "a history", notes)
        return
    if directory is None:
        found = verify_proof(_start(proof or Path(), CERTIFICATE_LIMIT), vkey=vkey)
        verdict.tell(screen, found, "a proof", notes)
        return
    past = anchor if anchor is None or anchor.is_dir() else _start(anchor, ANCHOR_LIMIT)
    found = verify_directory(
        directory, anchor=past, vkey=vkey, witnesses=witness or [], shards=shard or []
    )
    notes += [] if anchor or witness else [NO_ANCHOR]
    verdict.tell(screen, found, "an audit export", notes)


def _start(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError:
        raise typer.BadParameter(f"{path} cannot be read") from None


@app.command()
def ground(
    subject: SubjectId,
    record: Annotated[
        int, typer.Argument(metavar="RECORD", min=0, help="Its index, seq in her history.")
    ],
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "auditor",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """On which ground a record's access to one person's data was allowed."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ACCOUNTABILITY) as (_, principal):
        found = principal.audit.ground(subject, record)
    columns = (
        "purpose",
        "basis",
        "law",
        "status",
        "holds",
        "position",
        "since",
        "expires",
        "notice",
    )

    def shown() -> None:
        allowed = "allowed" if found["allowed"] else "denied"
        screen.say(f"{found['at']}: {found['action']} for {found['purpose']}, {allowed}")
        screen.table(columns, [[one.get(name, "") for name in columns] for one in found["grounds"]])

    screen.answer(found, shown)
