"""The commands, put together. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from privet import __version__
from privet.cli import (
    audit,
    backup,
    consent,
    demo,
    doctor,
    emergency,
    features,
    ingest,
    init,
    keys,
    maintain,
    models,
    notice,
    objections,
    policy,
    recommend,
    rights,
    segments,
    store,
)
from privet.cli.face import Face

app = typer.Typer(
    cls=Face,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    suggest_commands=False,  # a suggestion repeats what was typed, which may be an id
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def privet(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="The version, then end."),
    ] = False,
) -> None:
    """Privacy-first personalization: every read passes one gate.

    Exit codes: 0 done, 1 failed, 2 bad input, 3 denied, 4 unknown or erased person,
    5 integrity broken, 6 store, key or audit log unavailable.
    """


app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("ingest")(ingest.ingest)
app.add_typer(policy.app, name="policy")
objections.register(consent.app)
app.add_typer(consent.app, name="consent")
app.add_typer(notice.app, name="notice")
app.add_typer(features.app, name="features")
app.command("recommend")(recommend.recommend)
app.command("similar")(recommend.similar)
app.add_typer(models.app, name="models")
app.command("evaluate")(models.evaluate)
app.add_typer(segments.app, name="segments")
app.add_typer(audit.app, name="audit")
app.add_typer(emergency.app, name="emergency")
app.add_typer(rights.app, name="rights")
app.add_typer(store.app, name="store")
app.add_typer(keys.app, name="keys")
app.command("maintain")(maintain.maintain)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; the entry point ``privet``."""
    app()
