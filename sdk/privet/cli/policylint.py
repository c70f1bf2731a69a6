"""``privet policy lint``: what is allowed in a policy and still looks wrong."""

from __future__ import annotations

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.policysource import MaybeReference, opened
from privet.cli.screen import Screen


def lint(
    ref: MaybeReference = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Name rules that are dead, doubled, too broad or untested; exit code 1 if there are any."""
    from privet.review import lint as look

    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "looking over a policy")
    found = look(policy)

    def shown() -> None:
        for f in found:
            screen.say(f"{f.file}:{f.line}:{f.column}: {f.code}: {f.what}. {f.fix}")
        screen.say(f"{len(found)} to look at" if found else "nothing to look at")

    screen.answer({"ok": not found, "policy": policy.name, "findings": found}, shown)
    raise typer.Exit(1 if found else 0)
