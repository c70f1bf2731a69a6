"""What is done while it may be killed: one small object for each operation.

A further operation is a few lines in a file ``scenarios_*.py`` of this directory:

    @scenario("rotation of a subject's key")
    def _(place: Place) -> None:
        place.shop.keys.rotate_subject(PEOPLE[0])
        place.tell("did", to="rotate")

``act`` runs in a child that dies somewhere within; the restarted child checks every
invariant of ``holds.py``, runs ``finish`` (``act`` again where there is none) and maintenance,
checks them again, and compares the home with one that was never killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from tests.siege.crash.place import Place

Act = Callable[[Place], None]


@dataclass(frozen=True)
class Scenario:
    """One operation.

    Attributes:
        name: unique; words, for the table of the long form.
        act: does it; opens the home by ``place.shop`` where it needs it.
        prepare: what the home needs beyond the shop that all begin with.
        finish: what an operator does after the restart; ``act`` again where None.
        check: further invariants, as sentences about what is wrong; after the restart
            (``finished`` false) and after ``finish`` (true).
        later: how far the clock goes between ``prepare`` and ``act``.
        opens: the home can be opened without anything else after the kill; where false,
            ``finish`` comes first (a home that was being made, or restored).
        databases: where it runs.
    """

    name: str
    act: Act
    prepare: Act | None = None
    finish: Act | None = None
    check: Callable[[Place, bool], Iterable[str]] | None = None
    later: timedelta = timedelta()
    opens: bool = True
    databases: tuple[str, ...] = ("sqlite", "postgresql")


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str,
    *,
    prepare: Act | None = None,
    finish: Act | None = None,
    check: Callable[[Place, bool], Iterable[str]] | None = None,
    later: timedelta = timedelta(),
    opens: bool = True,
    databases: tuple[str, ...] = ("sqlite", "postgresql"),
) -> Callable[[Act], Act]:
    """Register the decorated function as the act of a scenario."""

    def register(act: Act) -> Act:
        assert name not in SCENARIOS, f"there is a scenario {name!r} already"
        SCENARIOS[name] = Scenario(name, act, prepare, finish, check, later, opens, databases)
        return act

    return register


def everything() -> dict[str, Scenario]:
    """All scenarios of this directory, by name."""
    from importlib import import_module
    from pathlib import Path

    for file in sorted(Path(__file__).parent.glob("scenarios_*.py")):
        import_module(f"tests.siege.crash.{file.stem}")
    return SCENARIOS
