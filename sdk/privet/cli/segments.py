"""``privet segments``: groups of people, what they are like, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.params import Param, parameters
from privet.cli.screen import Screen

if TYPE_CHECKING:
    from privet.segments import Segmenter

TRAINER, ANALYST, MARKETER = "trainer", "analyst", "marketer"
METHOD = "kmeans"
FEATURES = ("recency", "frequency", "monetary", "average_order")
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Segments of people.")
Purpose = Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        metavar="FEATURE",
        help=f"May be repeated.  [default: {', '.join(FEATURES)}]",
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The last served one if left out."),
]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        metavar="TIME",
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
        help="The instant that features hold for, with its zone; now if left out.",
    ),
]


@app.command()
def train(
    segmentation: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the segmentation; again to follow it.")
    ],
    features: Features = None,
    method: Annotated[
        str, typer.Option("--method", metavar="METHOD", help="Such as kmeans, or gaussian.")
    ] = METHOD,
    k: Annotated[int, typer.Option("-k", metavar="K", help="How many segments, 2 to 64.")] = 8,
    params: Param = None,
    serve: Annotated[bool, typer.Option("--serve", help="Put it live as well.")] = False,
    at: At = None,
    purpose: Purpose = "segmentation",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Segment everybody who has a ground, and say how well the segments hold together."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        segments = principal.purpose(purpose).segments
        screen.note("training ...")
        (spec,) = _specs([method], features, [k], params)
        version = segments.train(segmentation, spec, at=at)
        screen.note(f"evaluating {version.subjects} people ...")
        found = segments.evaluate(version)
        if serve:
            screen.note("putting it live ...")
            segments.serve(version)
    told = {
        "name": version.name,
        "version": version.version,
        "digest": version.digest.hex(),
        "subjects": version.subjects,
        "live": serve,
        **asdict(found),
    }
    screen.answer(told, lambda: screen.table(("figure", "value"), list(told.items())))


@app.command()
def serve(
    segmentation: Annotated[
        str, typer.Argument(metavar="NAME", help="The segmentation: its newest version.")
    ],
    purpose: Purpose = "segmentation",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Put the newest version of a segmentation live."""
    from privet.errors import InvalidInput

    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        segments = principal.purpose(purpose).segments
        found = [version for version in segments.list() if version.name == segmentation]
        if not found:
            raise InvalidInput(
                "there is no segmentation of this name",
                remedy="Train it first: `privet segments train`.",
                reason="segments.none",
            )
        segments.serve(found[-1])
    told = {"name": found[-1].name, "version": found[-1].version, "live": True}
    screen.answer(told, lambda: screen.say(f"version {found[-1].version} is live"))


@app.command()
def choose(
    features: Features = None,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="METHOD", help=f"May be repeated.  [default: {METHOD}]"),
    ] = None,
    ks: Annotated[
        list[int] | None,
        typer.Option("-k", metavar="K", help="May be repeated.  [default: 2 to 12]"),
    ] = None,
    params: Param = None,
    at: At = None,
    purpose: Purpose = "segmentation",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """How well each method and number of segments would do; nothing is kept."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        segments = principal.purpose(purpose).segments
        specs = _specs(methods or [METHOD], features, ks or range(2, 13), params)
        table = segments.choose(specs, at=at)
    _answer(screen, table)


@app.command()
def show(
    model: Model = None,
    purpose: Purpose = "segmentation",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "analyst",
    roles: Annotated[list[str] | None, role(ANALYST)] = None,
    json: Json = False,
) -> None:
    """The segments that are large enough to be shown, with what they are like."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ANALYST]))
    with acting(screen, who, purpose) as (_, principal):
        table = principal.purpose(purpose).segments.show(model=model)
    _answer(screen, table, ("segment", "size", "persona"))


@app.command()
def release(
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="Its id, as `show` says.")],
    fields: Annotated[
        list[str],
        typer.Option("--field", metavar="FIELD", help="Such as profile.email; may be repeated."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="RECIPIENT", help="As the policy says.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A new CSV file, for its owner alone.")
    ],
    model: Model = None,
    purpose: Purpose = "newsletter",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "marketer",
    roles: Annotated[list[str] | None, role(MARKETER)] = None,
    json: Json = False,
) -> None:
    """Write a segment's people for one recipient: only those with a ground for both purposes."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [MARKETER]))
    with acting(screen, who, purpose) as (_, principal):
        segments = principal.purpose(purpose).segments
        found = segments.release(segment, fields=fields, to=to, model=model)
        found.to_csv(out)
    told = {
        "out": str(out),
        "record": found.record,
        "people": found.people,
        "withheld": dict(found.withheld),
    }

    def shown() -> None:
        screen.say(f"{found.people} people in {out}, record {found.record}")
        for why, count in found.withheld.items():
            screen.say(f"withheld, {why}: {count or 'fewer than may be told'}")

    screen.answer(told, shown)


def _specs(
    methods: list[str], features: list[str] | None, ks: Iterable[int], params: list[str] | None
) -> list[Segmenter]:
    """Each method with each number of segments; once where the method finds the number itself."""
    from privet.segments.codec import KINDS, build

    shared = {"features": features or FEATURES, **parameters(params, "segments.parameter")}
    found: list[Segmenter] = []
    for method in methods:
        kind = KINDS.get(f"segments/{method}")
        told = [{"k": k} for k in ks] if kind is None or hasattr(kind, "k") else [{}]
        found += [build(f"segments/{method}", {**number, **shared}) for number in told]
    return found


def _answer(screen: Screen, table: Any, columns: tuple[str, ...] = ()) -> None:
    rows = table.to_dict("records")
    shown = columns or tuple(table.columns)
    screen.answer(rows, lambda: screen.table(shown, [[row[c] for c in shown] for row in rows]))
