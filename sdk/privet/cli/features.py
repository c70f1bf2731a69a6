"""``privet features``: what can be derived, and deriving it for those who have a ground."""

from __future__ import annotations

import os
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.screen import Screen
from privet.errors import InvalidInput, MissingExtra, StoreUnavailable

if TYPE_CHECKING:
    import pandas as pd

ROLE = "trainer"
FAMILIES = ("share:<attribute>", "profile:<field>")
KINDS = (".csv", ".parquet")

app = typer.Typer(no_args_is_help=True, help="Features: what they need and say, and their values.")


@app.command()
def describe(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Features; all if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """What features read, say and count; asks no home."""
    from privet.features import BUILT_IN, feature

    screen = Screen(json)
    found = [feature(name) for name in names or (*BUILT_IN, *FAMILIES)]
    told = [
        {"name": f.name, "needs": sorted(f.needs), "unit": f.unit, "meaning": f.meaning}
        for f in found
    ]
    rows = [(f.name, sorted(f.needs), f.unit, f.meaning) for f in found]
    screen.answer(told, lambda: screen.table(("feature", "needs", "unit", "meaning"), rows))


@app.command()
def compute(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Features by name.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="A new file: .csv or .parquet.")],
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")
    ] = "segmentation",
    subjects: Annotated[
        list[str] | None,
        typer.Option("--subject", metavar="SUBJECT", help="These people; else all eligible."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="As of an instant, 2026-03-01T00:00:00Z."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "analyst",
    roles: Annotated[list[str] | None, role(ROLE)] = None,
    json: Json = False,
) -> None:
    """Derive features of those who have a ground, into a file of yours alone (mode 0600)."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    _check_new(to)
    then = None if at is None else _instant(at)
    with acting(screen, who, purpose) as (_, principal):
        frame = principal.purpose(purpose).features(names, subjects=subjects or None, at=then)
    _write(frame, to)
    columns = [
        {"name": str(c), "type": str(frame[c].dtype), "missing": int(frame[c].isna().sum())}
        for c in frame.columns
    ]
    told = {"file": to, "rows": len(frame), "columns": columns}

    def shown() -> None:
        screen.say(f"{len(frame)} people in {to}")
        screen.table(("column", "type", "missing"), [tuple(c.values()) for c in columns])

    screen.answer(told, shown)


def _check_new(path: Path) -> None:
    """Before anything is opened: the work must not end in a name that is taken."""
    if path.suffix not in KINDS:
        raise InvalidInput(
            "this kind of file is not written",
            remedy=f"Name a file that ends in {' or '.join(KINDS)}.",
            reason="file.kind",
        )
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtra("writing parquet files", "parquet")
    if path.exists() or path.is_symlink() or not path.absolute().parent.is_dir():
        raise _taken()


def _taken() -> InvalidInput:
    return InvalidInput(
        "the features cannot be written there",
        why="the file exists already, or its directory does not or cannot be written",
        remedy="Name a new file in a directory of yours.",
        reason="export.path",
    )


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            "an instant was not understood",
            remedy="Give it as 2026-03-01T00:00:00Z, with its zone.",
            reason="time.form",
        ) from None


def _write(frame: pd.DataFrame, path: Path) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError):  # ValueError: a name with a NUL in it
        raise _taken() from None
    try:
        with os.fdopen(fd, "wb") as file:
            if path.suffix == ".csv":
                _guarded(frame).to_csv(file, encoding="utf-8")
            else:
                frame.to_parquet(file)
    except OSError:
        path.unlink(missing_ok=True)  # half of a table is none
        raise StoreUnavailable(
            "the features were not written",
            why="the file system refused",
            remedy="Make room, or name a file on another disk.",
            reason="export.unwritable",
        ) from None


def _guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Without a text that a spreadsheet would take for a formula."""
    from privet.ingest.files import cell

    def plain(value: object) -> object:
        return cell(value) if isinstance(value, str) else value

    def column(values: pd.Series) -> pd.Series:
        return values.map(plain) if values.dtype == object else values

    shown: pd.DataFrame = frame.apply(column)
    shown.index = frame.index.map(plain)
    return shown
