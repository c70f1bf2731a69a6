"""Periods as typed on a line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"]
Begin = typer.Option(
    "--since", metavar="TIME", formats=FORMATS, help="A day in UTC, or a time with zone."
)
Since = Annotated[datetime | None, Begin]
Until = Annotated[
    datetime | None,
    typer.Option("--until", metavar="TIME", formats=FORMATS, help="Likewise; else up to now."),
]


def in_utc(moment: datetime | None) -> datetime | None:
    """A day without a zone is one of UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
