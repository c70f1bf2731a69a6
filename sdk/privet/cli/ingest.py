"""``privet ingest``: a file's rows through declared columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.bars import stages
from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.screen import Screen
from privet.errors import InvalidInput
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    import pandas as pd

    from privet.ingest import LoadReport
    from privet.policy import Policy

ROLE = "operator"
SUBJECT, AT = "subject", "at"


def ingest(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Events or profiles: .csv, .parquet.")
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option("--items", metavar="FILE", help="The catalogue instead: .csv, .parquet."),
    ] = None,
    event: Annotated[
        str, typer.Option("--event", metavar="EVENT", help="A declared event, or profile.")
    ] = "",
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="PURPOSE", help="What it is collected for.")
    ] = "",
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="A column to subject, at or a field (item for items); COLUMN alone if the same.",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="The zone of times that name none, as UTC."),
    ] = None,
    refused: Annotated[
        Path | None,
        typer.Option("--refused", metavar="FILE", help="A new CSV: refused rows with reasons."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Annotated[list[str] | None, role(ROLE)] = None,
    json: Json = False,
) -> None:
    """Seal the rows of a file, exactly once; columns that are not mapped are never read."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    columns = _columns(maps or [])
    if items is not None and file is None:
        _items(screen, who, items, columns)
    elif file is not None and items is None and event and purpose and columns:
        _check_new(refused)
        _rows(screen, who, _Load(file, event, purpose, columns, zone, refused))
    else:
        raise InvalidInput(
            "it is not clear what to ingest",
            remedy="Give FILE with --event, --purpose and --map, or --items FILE.",
            reason="usage",
        )


class _Load:
    """What is to be loaded, as the command line says it."""

    def __init__(
        self,
        file: Path,
        event: str,
        purpose: str,
        columns: dict[str, str],
        zone: str | None,
        refused: Path | None,
    ) -> None:
        self.file, self.event, self.purpose = file, event, purpose
        self.columns, self.zone, self.refused = columns, zone, refused

    def frame(self, policy: Policy) -> pd.DataFrame:
        """The mapped columns, in the types that a load takes."""
        from privet.ingest import files

        frame = files.read_table(self.file, self.columns.keys())
        for column, field in self.columns.items():
            spec = policy.fields.get(f"{self.event}.{field}")
            if field == SUBJECT:
                frame[column] = files.identifiers(frame[column])
            elif field == AT:
                frame[column] = files.instants(frame[column], self.zone)
            elif spec is not None and spec.kind == "bool":
                frame[column] = files.booleans(frame[column])
        return frame


def _rows(screen: Screen, who: Who, load: _Load) -> None:
    from privet.ingest import files

    with acting(screen, who, load.purpose) as (shop, principal):
        loading = principal.purpose(load.purpose)
        frame = load.frame(shop.policy)
        with stages(screen) as stage, stage(f"sealing {load.event}", len(frame)) as advance:
            report = loading.load(load.event, frame, columns=load.columns, progress=advance)
    if load.refused is not None:
        files.write_refusals(load.refused, report.refused["row"], report.refused["reason"])
    told = {
        "rows": report.rows,
        "sealed": report.sealed,
        "repeated": report.repeated,
        "refused": len(report.refused),
        "reasons": report.reasons(),
        "refused_file": None if load.refused is None else str(load.refused),
    }
    screen.answer(told, lambda: _show(screen, report, told))


def _show(screen: Screen, report: LoadReport, told: dict[str, Any]) -> None:
    screen.say(
        f"{report.rows} rows: {report.sealed} sealed, {report.repeated} there already, "
        f"{len(report.refused)} refused"
    )
    if told["reasons"]:
        screen.table(("reason", "rows"), list(told["reasons"].items()))
    if told["refused_file"]:
        screen.say(f"refused rows in {told['refused_file']}")


def _items(screen: Screen, who: Who, path: Path, columns: dict[str, str]) -> None:
    from privet.ingest import files

    with acting(screen, who, ADMINISTRATION) as (shop, principal):
        known = ("item", *shop.policy.items.fields)
        wanted = columns or {n: n for n in files.column_names(path) if n in known}
        frame = files.read_table(path, wanted.keys())
        for column, field in wanted.items():
            if field == "item":
                frame[column] = files.identifiers(frame[column])
                _check_all_there(frame[column])
        fresh = principal.admin.load_items(frame, columns=wanted)
    told = {"items": len(frame), "new": fresh}
    screen.answer(told, lambda: screen.say(f"{len(frame)} items, {fresh} of them new"))


def _check_all_there(ids: pd.Series) -> None:
    if ids.isna().any():
        raise InvalidInput(
            "a row of the catalogue has no item id",
            remedy="Give every row an id; nothing was loaded.",
            reason="items.columns",
        )


def _columns(maps: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in maps:
        column, _, field = text.rpartition("=") if "=" in text else (text, "", text)
        if not column or not field or column in found:
            raise InvalidInput(
                "a mapping of columns cannot be understood",
                remedy="Write --map COLUMN=FIELD, each column once.",
                reason="load.columns",
            )
        found[column] = field
    return found


def _check_new(path: Path | None) -> None:
    """Before the load, not after it: a long one must not end in a name that is taken."""
    if path is not None and (path.exists() or not path.absolute().parent.is_dir()):
        raise InvalidInput(
            "the refused rows cannot be written there",
            why="the file exists already, or its directory does not",
            remedy="Name a new file in a directory of yours.",
            reason="export.path",
        )
