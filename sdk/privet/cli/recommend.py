"""``privet recommend``: what one person is shown, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from privet.cli.options import Home, Json, Keyring, Name, SubjectId, Who, acting, role
from privet.cli.screen import Screen

ROLE = "storefront"


def recommend(
    subject: SubjectId,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")
    ] = "recommendations",
    k: Annotated[int, typer.Option("-k", metavar="K", help="How many, 1 to 1000.")] = 10,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="The last served one if left out."),
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out what the person had already.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "web",
    roles: Annotated[list[str] | None, role(ROLE)] = None,
    json: Json = False,
) -> None:
    """Recommendations for one person; without a ground the answer is not personal, and says so."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, purpose) as (_, principal):
        picks = principal.purpose(purpose).recommend(subject, k, model=model, unseen=unseen)
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
