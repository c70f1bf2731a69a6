"""What the gate does to values before release, and how several permits add up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Coarseness = Literal["hour", "day", "week", "month"]
COARSENESS: tuple[Coarseness, ...] = ("hour", "day", "week", "month")
OPERATIONS = {"band": frozenset({"int", "band"}), "round": frozenset({"int", "decimal", "seconds"})}

_LAST = re.compile(r"([1-9][0-9]{0,5}) events?\Z")
_LEAST = re.compile(r"([1-9][0-9]{0,8}) (?:people|person)\Z")
_RULE = re.compile(r"(band|round)\(([1-9][0-9]{0,5})\)\Z")


@dataclass(frozen=True, slots=True)
class Minimize:
    """Minimization of one decision (GDPR Art. 5(1)(c), 25).

    Attributes:
        drop: full names of fields that are asked for in vain: not opened, not released.
        last: release only so many of a subject's newest events.
        time: instants are cut to the start of this unit, in the deployment's zone.
        rules: ``(field, "band", n)`` releases the band of width n that holds the value,
            ``(field, "round", n)`` the nearest multiple of n whole units.
    """

    drop: frozenset[str] = frozenset()
    last: int | None = None
    time: Coarseness | None = None
    rules: tuple[tuple[str, str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for an explanation."""
        return {
            "drop": sorted(self.drop),
            "last": self.last,
            "time": self.time,
            "rules": [list(rule) for rule in self.rules],
        }


NOTHING = Minimize()


def strictest(parts: Iterable[Minimize]) -> Minimize:
    """The minimization that satisfies each part.

    A field dropped by one stays dropped, the fewest events, the coarsest time and
    the widest band or multiple win. So an added permit never loosens another.
    """
    drop: frozenset[str] = frozenset()
    lasts: list[int] = []
    times: list[int] = []
    rules: dict[tuple[str, str], int] = {}
    for part in parts:
        drop |= part.drop
        if part.last is not None:
            lasts.append(part.last)
        if part.time is not None:
            times.append(COARSENESS.index(part.time))
        for name, operation, width in part.rules:
            rules[name, operation] = max(width, rules.get((name, operation), 0))
    return Minimize(
        drop=drop,
        last=min(lasts, default=None),
        time=COARSENESS[max(times)] if times else None,
        rules=tuple((name, operation, rules[name, operation]) for name, operation in sorted(rules)),
    )


def parse_last(text: str) -> int:
    """``"20 events"`` as 20.

    Raises:
        ValueError: another form.
    """
    return _number(_LAST, text, "not a number of events such as `20 events`")


def parse_least(text: str) -> int:
    """``"50 people"`` as 50.

    Raises:
        ValueError: another form.
    """
    return _number(_LEAST, text, "not a number of people such as `50 people`")


def parse_rule(text: str) -> tuple[str, int]:
    """``"band(20)"`` as ``("band", 20)``.

    Raises:
        ValueError: another form.
    """
    match = _RULE.match(text)
    if match is None:
        raise ValueError("neither `band(n)` nor `round(n)`")
    return match[1], int(match[2])


def _number(form: re.Pattern[str], text: str, otherwise: str) -> int:
    match = form.match(text)
    if match is None:
        raise ValueError(otherwise)
    return int(match[1])
