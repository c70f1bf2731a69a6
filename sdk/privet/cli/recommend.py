"""``privet recommend`` for one person, and ``privet similar`` for an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, SubjectId, Who, acting, role
from privet.cli.screen import Screen

if TYPE_CHECKING:
    from privet.recommend.picks import Picks

ROLE = "storefront"
Purpose = Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")]
K = Annotated[int, typer.Option("-k", metavar="K", help="How many, 1 to 1000.")]
Among = Annotated[
    list[str] | None,
    typer.Option("--among", metavar="ENTRY", help="Only these entries; may be repeated."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="ENTRY", help="None of these; may be repeated."),
]
Stock = Annotated[
    list[str] | None,
    typer.Option("--stock", metavar="ITEM", help="Only what has an item of these; repeatable."),
]
Age = Annotated[
    int | None,
    typer.Option("--age", metavar="YEARS", help="Of who looks; else nothing with a minimum age."),
]
Diversity = Annotated[
    float, typer.Option("--diversity", metavar="SHARE", help="0, the best, to 1, the least alike.")
]


def recommend(
    subject: SubjectId,
    purpose: Purpose = "recommendations",
    k: K = 10,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="The last served one if left out."),
    ] = None,
    among: Among = None,
    exclude: Exclude = None,
    stock: Stock = None,
    age: Age = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out what the person had already.")
    ] = False,
    diversity: Diversity = 0.0,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "web",
    roles: Annotated[list[str] | None, role(ROLE)] = None,
    json: Json = False,
) -> None:
    """Recommendations for one person; without a ground the answer is not personal, and says so."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    asked = {**_filters(among, exclude, stock), "age": age, "diversity": diversity}
    with acting(screen, who, purpose) as (_, principal):
        picks = principal.purpose(purpose).recommend(
            subject, k, model=model, unseen=unseen, **asked
        )
    _answer(screen, picks)


def similar(
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="An item's id, or an entry of the model.")
    ],
    purpose: Purpose = "recommendations",
    k: K = 10,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Any that can tell if left out.")
    ] = None,
    among: Among = None,
    exclude: Exclude = None,
    stock: Stock = None,
    age: Age = None,
    diversity: Diversity = 0.0,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "web",
    roles: Annotated[list[str] | None, role(ROLE)] = None,
    json: Json = False,
) -> None:
    """What goes with an item; nobody's data is opened."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    asked = {**_filters(among, exclude, stock), "age": age, "diversity": diversity}
    with acting(screen, who, purpose) as (_, principal):
        picks = principal.purpose(purpose).similar(item, k, model=model, **asked)
    _answer(screen, picks)


def _filters(
    among: list[str] | None, exclude: list[str] | None, stock: list[str] | None
) -> dict[str, Any]:
    # An option that was not given is an empty list to the parser: no filter.
    return {"among": among or None, "exclude": exclude or (), "stock": stock or None}


def _answer(screen: Screen, picks: Picks) -> None:
    told = {
        "personal": picks.personal,
        "why": picks.why,
        "record": picks.record,
        "version": picks.version,
        "picks": [
            {"rank": n, "item": p.item, "score": p.score, "because": p.because, "id": p.id}
            for n, p in enumerate(picks, 1)
        ],
    }

    def shown() -> None:
        screen.say("personal" if picks.personal else f"not personal: {picks.why}")
        rows = [(n, p.item, p.score, p.because) for n, p in enumerate(picks, 1)]
        screen.table(("rank", "item", "score", "because"), rows)

    screen.answer(told, shown)
