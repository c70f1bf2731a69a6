"""Which circumstances are the same to a set of conditions.

Ages between the same bounds, places that no rule tells apart, minutes in the same windows:
one class each, and one decision for all who are in it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from privet.policy.places import place

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from privet.policy.when import Circumstances, When

    Classify = Callable[[Circumstances], Hashable]

_MINUTES = 64
_MINUTE_US = 60_000_000


def classifier(conditions: Sequence[When], named: frozenset[str], zone: str) -> Classify:
    """A function whose values are equal only where every condition is told the same.

    Args:
        conditions: what is to be told.
        named: every place that they name, groups spelt out.
        zone: IANA name of the deployment's zone.
    """
    ages = _bounds(b for w in conditions for b in (w.age_from, w.age_under))
    people = _bounds(b for w in conditions for b in (w.people_from, w.people_under))
    parts: list[Classify] = []
    if named:
        parts.append(lambda given: place(given.jurisdiction, named))
    if ages:
        parts.append(lambda given: _between(ages, given.age))
    if people:
        parts.append(lambda given: _above(people, given.people))
    if any(when.window for when in conditions):
        parts.append(_by_minute(conditions, zone))
    if any(when.data_from or when.data_under for when in conditions):
        parts.append(_by_age_of_data(conditions))
    parts += _by_attribute(conditions)
    emergencies = frozenset(when.emergency for when in conditions if when.emergency)
    if emergencies:
        parts.append(lambda given: given.emergencies & emergencies)
    return lambda given: tuple([part(given) for part in parts])


def _bounds(bounds: Iterable[int | None]) -> list[int]:
    return sorted({bound for bound in bounds if bound is not None})


def _above(bounds: list[int], number: int | None) -> int | None:
    """How many bounds a number has reached."""
    return None if number is None else bisect_right(bounds, number)


def _between(bounds: list[int], age: tuple[int, int | None] | None) -> Hashable:
    return None if age is None else (_above(bounds, age[0]), _above(bounds, age[1]))


def _by_minute(conditions: Sequence[When], zone: str) -> Classify:
    windows = tuple(dict.fromkeys(w.window for w in conditions if w.window is not None))
    seen: dict[int, tuple[bool, ...]] = {}

    def classify(given: Circumstances) -> Hashable:
        if given.at is None:
            return None
        minute = given.at // _MINUTE_US
        if minute not in seen:
            if len(seen) >= _MINUTES:
                seen.clear()
            seen[minute] = tuple(window.open_at(given.at, zone) for window in windows)
        return seen[minute]

    return classify


def _by_age_of_data(conditions: Sequence[When]) -> Classify:
    periods = tuple(
        dict.fromkeys(p for w in conditions for p in (w.data_from, w.data_under) if p is not None)
    )

    def classify(given: Circumstances) -> Hashable:
        if given.oldest is None or given.at is None:
            return None
        at, oldest = given.at, given.oldest
        return tuple([oldest <= period.before(at) for period in periods])

    return classify


def _by_attribute(conditions: Sequence[When]) -> list[Classify]:
    values: dict[str, frozenset[str]] = {}
    for when in conditions:
        for name, some in when.environment:
            values[name] = values.get(name, frozenset()) | some
    return [_attribute(name, known) for name, known in sorted(values.items())]


def _attribute(name: str, values: frozenset[str]) -> Classify:
    def classify(given: Circumstances) -> Hashable:
        value = given.environment.get(name)
        if isinstance(value, str):
            return value if value in values else ""  # no rule names an empty text
        return value is None

    return classify
