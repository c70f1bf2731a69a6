"""What is known whoever a request is about: the moment, and what the host tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.gate.breakglass import opened
from privet.policy import UNKNOWN, UNREADABLE, Circumstances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from privet.gate.parts import Caller, Parts
    from privet.policy.when import Unreadable


def known(parts: Parts, caller: Caller, needs: frozenset[str]) -> Circumstances:
    """The moment, the environment and an open emergency, as far as they are needed."""
    if needs.isdisjoint({"at", "environment", "emergencies"}):
        return UNKNOWN
    return Circumstances(
        at=parts.now,
        environment=_read(caller.environment) if "environment" in needs else {},
        emergencies=opened(parts, caller) if "emergencies" in needs else frozenset(),
    )


def _read(environment: Mapping[str, str | Callable[[], str]]) -> dict[str, str | Unreadable]:
    """Each attribute's value now; a rule on one whose reading fails cannot be told."""
    found: dict[str, str | Unreadable] = {}
    for name, value in environment.items():
        try:
            found[name] = value() if callable(value) else value
        except Exception:
            found[name] = UNREADABLE
    return found
