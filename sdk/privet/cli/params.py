"""Parameters of a method as typed on a line: ``--param NAME=VALUE``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE", help="Of the method, the value as JSON; may be repeated."
    ),
]


def parameters(given: list[str] | None, reason: str) -> dict[str, Any]:
    """Parameters by name.

    Args:
        given: as typed.
        reason: the code of the refusal.

    Raises:
        InvalidInput: one is not ``NAME=VALUE`` with the value as JSON.
    """
    from json import JSONDecodeError, loads

    from privet.errors import InvalidInput

    found: dict[str, Any] = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            found[name] = loads(value)
        except JSONDecodeError:
            raise InvalidInput(
                "a parameter is not NAME=VALUE with the value as JSON",
                remedy="""Write numbers plainly and text in quotes: --param 'by="type"'.""",
                reason=reason,
            ) from None
    return found
