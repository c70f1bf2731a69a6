"""``privet demo``: the whole way once, on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.bars import stages
from privet.cli.options import Json
from privet.cli.screen import Screen


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where everything it leaves behind goes.")
    ] = Path("privet-demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Read transactions, products and demographics (.parquet) from there.",
        ),
    ] = None,
    households: Annotated[
        int | None,
        typer.Option("--households", metavar="N", min=1, help="Only the first N households."),
    ] = None,
    all_consents: Annotated[
        bool, typer.Option("--all-consents", help="Everybody agrees to everything.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="What the answers are drawn from.")
    ] = 7,
    json: Json = False,
) -> None:
    """Grounds, sealing, models, lists, withdrawal, erasure and audit on a year of groceries.

    About four minutes on two cores for all 2,469 households; needs privet[demo].
    """
    from privet.cli import demosummary
    from privet.demo import Options, run

    screen = Screen(json)
    roles = ("operator", "privacy-desk", "trainer", "storefront", "analyst", "auditor")
    screen.begin("the demo", roles, "each purpose of pack:grocery", str(out))
    options = Options(out, data, households, all_consents, seed)
    with stages(screen) as stage:
        facts = run(options, stage)
    screen.answer(facts, lambda: demosummary.show(screen, facts))
