"""Checks of parameters, with errors that name the parameter."""

from __future__ import annotations

import math

from privet.errors import InvalidInput


def between(name: str, value: float, least: float, most: float) -> None:
    """Raise unless ``value`` is a number from ``least`` to ``most``.

    Raises:
        InvalidInput: with the parameter's name and bounds.
    """
    if isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(
            f"the parameter {name!r} is out of range",
            why=f"it must be a number from {least} to {most}",
            reason="recommend.parameter",
        )


def at_least(name: str, value: float, least: float) -> None:
    """Raise unless ``value`` is a finite number of at least ``least``.

    Raises:
        InvalidInput: with the parameter's name and bound.
    """
    if isinstance(value, bool) or not math.isfinite(value) or value < least:
        raise InvalidInput(
            f"the parameter {name!r} is out of range",
            why=f"it must be a finite number of at least {least}",
            reason="recommend.parameter",
        )
