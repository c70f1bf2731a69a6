"""``privet models`` and ``privet evaluate``: train, judge, put live, and tell about it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.params import Param, parameters
from privet.cli.screen import Screen

if TYPE_CHECKING:
    from privet.gate.versions import Version
    from privet.principals import Models
    from privet.recommend.base import Recommender
    from privet.recommend.evaluating import Evaluation

TRAINER = "trainer"
FLOORS = (1, 10, 30)
ALONG = {"consent": "share of people who agree", "history": "days of history kept"}
FORMATS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Models that recommend.")
Purpose = Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="The model: its newest version.")]
Cut = Annotated[
    datetime,
    typer.Option(
        "--cut",
        metavar="TIME",
        formats=FORMATS,
        help="Lists see nothing after it; with its zone, such as 2026-10-01T00:00Z.",
    ),
]
Kind = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="The method, such as popularity or ease.")
]
Picture = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Draw it as .svg or .png; needs privet[plots]."),
]


@app.command()
def train(
    model: Annotated[str, typer.Argument(metavar="NAME", help="Of the model.")],
    kind: Kind,
    params: Param = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            metavar="TIME",
            formats=FORMATS,
            help="Learn nothing after it; now if left out.",
        ),
    ] = None,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Train a model on everybody who has a ground."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    spec = _spec(kind, params)
    with acting(screen, who, purpose) as (_, principal):
        screen.note("training ...")
        version = principal.purpose(purpose).models.train(model, spec, until=until)
    told = _told(version)
    screen.answer(told, lambda: screen.table(("", ""), list(told.items())))


@app.command("evaluate")
def evaluate(
    model: ModelName,
    cut: Cut,
    k: Annotated[int, typer.Option("-k", metavar="K", help="Length of a list, 1 to 100.")] = 10,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Compare a model's lists with what people had after the cut; baselines stand beside."""
    from privet.recommend.evaluating import report

    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        models = principal.purpose(purpose).models
        screen.note("evaluating ...")
        found = models.evaluate(_newest(models, model), cut=cut, k=k)
    screen.answer(report(found), lambda: _show(screen, found))


@app.command()
def risk(
    model: ModelName,
    cut: Cut,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Attack a model by membership inference: how well members are told from others."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        models = principal.purpose(purpose).models
        screen.note("training the attacker's models ...")
        found = [asdict(r) for r in models.risk(_newest(models, model), cut=cut)]
    _table(screen, found, ("attack", "auc", "low", "high", "caught", "people"))


@app.command()
def curve(
    curve: Annotated[str, typer.Argument(metavar="CURVE", help="consent, or history.")],
    kind: Kind,
    cut: Cut,
    params: Param = None,
    out: Picture = None,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Quality by the share of people who agree, or by the days of history kept."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    spec = _spec(kind, params)
    with acting(screen, who, purpose) as (_, principal):
        screen.note("training a model for each point ...")
        frame = principal.purpose(purpose).models.curve(curve, spec, cut=cut)  # type: ignore[arg-type]
    if out is not None:
        from privet.recommend.pictures import draw_curve

        out.write_bytes(draw_curve(frame, ALONG[curve], _form(out)))
    rows: list[dict[str, Any]] = [dict(row) for _, row in frame.iterrows()]
    _table(screen, rows, tuple(frame.columns))


@app.command()
def frontier(
    kind: Kind,
    cut: Cut,
    floors: Annotated[
        list[int] | None,
        typer.Option("--floor", metavar="N", help="May be repeated.  [default: 1, 10, 30]"),
    ] = None,
    regularizations: Annotated[
        list[float] | None,
        typer.Option(
            "--regularization",
            metavar="X",
            help="Each with every floor; may be repeated.  [default: the method's own]",
        ),
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(
            "--people", metavar="N", min=1, help="Measure and attack on so many.  [default: all]"
        ),
    ] = None,
    params: Param = None,
    out: Picture = None,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Quality and risk of a method at each floor and regularization; nothing is kept."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    spec = _spec(kind, params)
    with acting(screen, who, purpose) as (_, principal):
        screen.note("training models and the attacker's ...")
        models = principal.purpose(purpose).models
        found = models.frontier(
            spec,
            floors=floors or FLOORS,
            cut=cut,
            regularizations=regularizations or None,
            people=people,
        )
    if out is not None:
        from privet.recommend.pictures import draw_frontier

        out.write_bytes(draw_frontier(found, _form(out)))
    rows = [
        {
            "floor": one.floor,
            "regularization": one.regularization,
            **one.ndcg,
            **dict.fromkeys(("scores", "lists")),
            **{risk.attack: risk.auc for risk in one.risks},
        }
        for one in found
    ]
    _table(screen, rows, ("floor", "regularization", "new", "repeat", "scores", "lists"))


@app.command()
def serve(
    model: ModelName,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """Put the newest version of a model live, for every worker at its next read."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        models = principal.purpose(purpose).models
        version = _newest(models, model)
        models.serve(version)
    told = {"name": version.name, "version": version.version, "live": True}
    screen.answer(told, lambda: screen.say(f"version {version.version} is live"))


@app.command("list")
def list_(
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """All versions of a purpose's models, oldest first."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        found = [_told(version) for version in principal.purpose(purpose).models.list()]
    _table(screen, found, ("name", "version", "kind", "state", "subjects"))


@app.command()
def card(
    model: ModelName,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it as HTML as well.")
    ] = None,
    purpose: Purpose = "recommendations",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "nightly",
    roles: Annotated[list[str] | None, role(TRAINER)] = None,
    json: Json = False,
) -> None:
    """The card of a model: what it is made of, how good, how risky, how it forgets."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [TRAINER]))
    with acting(screen, who, purpose) as (_, principal):
        models = principal.purpose(purpose).models
        found = models.card(_newest(models, model))
    if out is not None:
        out.write_text(found.html(), encoding="utf-8")
    shown = [(key, value) for key, value in found.data.items() if key != "figures"]
    screen.answer(dict(found.data), lambda: screen.table(("", ""), shown))


def _form(out: Path) -> Literal["svg", "png"]:
    return "png" if out.suffix.lower() == ".png" else "svg"


def _newest(models: Models, name: str) -> Version:
    from privet.errors import InvalidInput

    found = [version for version in models.list() if version.name == name]
    if not found:
        raise InvalidInput(
            "there is no model of this name",
            remedy="Train it first: `privet models train`.",
            reason="models.none",
        )
    return found[-1]


def _spec(kind: str, params: list[str] | None) -> Recommender:
    from privet.recommend.codec import build

    return build(kind, parameters(params, "recommend.parameter"))


def _told(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "kind": version.spec["kind"],
        "state": version.state,
        "subjects": version.subjects,
        "digest": version.digest.hex(),
    }


def _show(screen: Screen, found: Evaluation) -> None:
    rows = []
    for task, models in found.measured.items():
        for name, measured in models.items():
            low, high = measured.intervals.get("ndcg", (float("nan"), float("nan")))
            q, more = measured.quality, measured.beyond
            figures = (q.ndcg, low, high, q.recall, q.precision, q.mrr, q.map, more.coverage)
            rows.append((task, name, *figures, measured.worst_decile))
    at = f"@{found.k}"
    screen.table(
        (
            "task",
            "model",
            f"nDCG{at}",
            "from",
            "to",
            f"recall{at}",
            f"precision{at}",
            f"MRR{at}",
            f"MAP{at}",
            "coverage",
            "worst tenth",
        ),
        rows,
    )


def _table(screen: Screen, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    screen.answer(
        rows, lambda: screen.table(columns, [tuple(row[c] for c in columns) for row in rows])
    )
