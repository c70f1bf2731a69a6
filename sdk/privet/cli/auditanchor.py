"""``privet audit anchor``: the newest checkpoint to every anchor, now."""

from __future__ import annotations

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.screen import Screen
from privet.settings import resolve
from privet.types import ADMINISTRATION


def anchor(home: Home = None, keyring: Keyring = None, json: Json = False) -> None:
    """Bring the newest checkpoint to every anchor; exit code 1 where one does not hold it."""
    from privet.deployment import open_deployment

    screen = Screen(json)
    found = resolve(home, keyring)
    screen.begin("privet", (), ADMINISTRATION, found.place)
    with open_deployment(found.home, keyring=found.keyring) as shop:
        done = shop.maintenance.anchor()
        key = shop.verifier_key
    told = [
        {
            "anchor": one.anchor,
            "size": one.size,
            "error": None if one.error is None else one.error.to_json(),
        }
        for one in done
    ]

    def shown() -> None:
        rows = [(o.anchor, o.size, "" if o.error is None else o.error.reason) for o in done]
        screen.table(("anchor", "records", "failed"), rows)
        for one in done:
            if one.error is not None:
                screen.say(f"{one.anchor}: {one.error}")
        if not done:
            screen.say("no anchor is named: write `anchors` into privet.toml")
        screen.say(f"verifier key {key}")

    screen.answer({"anchors": told, "vkey": key}, shown)
    raise typer.Exit(0 if all(one.error is None for one in done) else 1)
