"""The circumstances that the conditions of some policies can tell apart, one of each class.

Ages between the same bounds, places that no rule tells apart, instants inside the same windows
are one class: a policy answers alike for all who are in it, so one member stands for it. What
nobody knows is a class of its own, for a rule that depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from privet.clock import instant, micros
from privet.policy import Period
from privet.policy.places import COUNTRIES, GROUPS, PARTS, place, within
from privet.policy.when import DAYS, UNKNOWN, UNREADABLE, Circumstances
from privet.review import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from privet.policy.when import When, Window

SOME_DAY = micros(datetime(2024, 1, 15, tzinfo=UTC))
"""Where nothing depends on the date."""
_NOW = Period()
_ATTRIBUTE = "attribute "
_FEW = 3


@dataclass(frozen=True, slots=True)
class Point:
    """One class of circumstances.

    Attributes:
        given: a member of it.
        told: dimension (such as ``"age"``) and class in words, for each that matters.
        every: the same dimensions with all of their classes, of which this is one.
    """

    given: Circumstances = field(compare=False, repr=False)
    told: tuple[tuple[str, str], ...] = ()
    every: tuple[tuple[str, frozenset[str]], ...] = field(default=(), compare=False, repr=False)


ANY = Point(UNKNOWN)
"""The one class where nothing depends on circumstances."""

Class = tuple[str, Any]
"""A class in words, and a member's value."""


def points(conditions: Sequence[When], zones: Sequence[str]) -> list[Point]:
    """One point for each class that conditions tell apart; what none asks stays unknown.

    Args:
        conditions: of all rules that may bear on the same request.
        zones: the deployments' zones, for time windows.
    """
    needs = frozenset(need for when in conditions for need in when.needs())
    if not needs:
        return [ANY]
    windows = list(dict.fromkeys(w.window for w in conditions if w.window is not None))
    classes: dict[str, Callable[[], list[Class]]] = {
        "jurisdiction": lambda: _places(conditions),
        "age": lambda: list(_ages(_bounds(conditions, "age"))),
        "people": lambda: list(_people(_bounds(conditions, "people"))),
        "at": lambda: instants(windows, zones) if windows else [("", SOME_DAY)],
        "oldest": lambda: _ages_of_data(conditions),
        "emergencies": lambda: _emergencies(conditions),
    }
    dimensions = [(name, make()) for name, make in classes.items() if name in needs]
    if "environment" in needs:
        dimensions += _attributes(conditions)
    names = [name for name, _ in dimensions]
    every = tuple(
        (name, frozenset(said for said, _ in members))
        for name, members in dimensions
        if members[0][0]
    )
    return [_point(names, some, every) for some in product(*(members for _, members in dimensions))]


def _point(
    names: Sequence[str],
    members: Sequence[Class],
    every: tuple[tuple[str, frozenset[str]], ...],
) -> Point:
    values = {name: value for name, (_, value) in zip(names, members, strict=True)}
    told = [(name, said) for name, (said, _) in zip(names, members, strict=True) if said]
    at, age_of_data = values.get("at"), values.get("oldest")
    given = Circumstances(
        jurisdiction=values.get("jurisdiction"),
        age=values.get("age"),
        at=at,
        people=values.get("people"),
        oldest=None if at is None or age_of_data is None else age_of_data.before(at),
        environment={
            name.removeprefix(_ATTRIBUTE): value
            for name, value in values.items()
            if name.startswith(_ATTRIBUTE) and value is not None
        },
        emergencies=values.get("emergencies", frozenset()),
    )
    return Point(given, tuple(told), every)


def _bounds(conditions: Iterable[When], of: str) -> list[int]:
    both = [getattr(when, f"{of}_{end}") for when in conditions for end in ("from", "under")]
    return sorted({bound for bound in both if bound is not None})


def _people(bounds: Sequence[int]) -> Iterator[Class]:
    yield "about an unknown number of people", None
    for low, high in _segments(bounds):
        if high is None:
            yield f"about {low} people or more", low
        else:
            span = f"fewer than {high + 1}" if low == 0 else f"{low} to {high}"
            yield f"about {span} people", low


def _segments(bounds: Sequence[int]) -> list[tuple[int, int | None]]:
    """The spans between bounds; the second None where there is no upper one."""
    edges = [0, *(b for b in bounds if b > 0)]
    return [*((low, high - 1) for low, high in pairwise(edges)), (edges[-1], None)]


def _ages(bounds: Sequence[int]) -> Iterator[Class]:
    yield "of unknown age", None
    segments = _segments(bounds)
    for at, (low, high) in enumerate(segments):
        yield _aged(low, high), (low, low)
        for further, end in segments[at + 1 :]:  # known as a band that a bound cuts
            yield f"known only to be {_aged(low, end)}", (low, further)


def _aged(low: int, high: int | None) -> str:
    if high is None:
        return f"aged {low} or more" if low else "of any age"
    return f"aged under {high + 1}" if low == 0 else f"aged {low} to {high}"


def _places(conditions: Sequence[When]) -> list[Class]:
    sets = list(dict.fromkeys(w.places for w in conditions if w.places))
    named = frozenset[str]().union(*sets)
    countries = {code[:2] for code in named}
    others = sorted(COUNTRIES - countries)[:1]
    codes = sorted(named | countries | {p for p in PARTS if p[:2] in countries})
    alike: dict[tuple[bool | None, ...], list[str]] = {}
    for code in [*others, *codes]:
        where = place(code, named)
        alike.setdefault(tuple(within(where, some) for some in sets), []).append(code)
    found: list[Class] = [("in an unknown place", None)]
    for members in alike.values():
        elsewhere = members[0] in others
        found.append(("elsewhere" if elsewhere else f"in {spoken(members)}", members[0]))
    return found


def limited(
    point_sets: Iterable[frozenset[str]], every: Iterable[tuple[str, frozenset[str]]]
) -> dict[str, list[str]]:
    """Dimension to the classes of a product, for those dimensions of which it has not all."""
    return {
        name: sorted(some)
        for some, (name, whole) in zip(point_sets, every, strict=True)
        if some != whole
    }


def spoken(codes: Sequence[str]) -> str:
    """Codes in words: a group's are its name, a country's parts go with the country.

    Of a group that lacks a few, these are named: ``the EEA without DE``.
    """
    members = {c for c in codes if c[:2] == c or c[:2] not in codes}
    for name, group in sorted(GROUPS.items(), key=lambda item: -len(item[1])):
        missing = group - members
        if len(missing) <= _FEW:
            without = f" without {words.listed(sorted(missing))}" if missing else ""
            return words.listed([*sorted(members - group), f"the {name}{without}"])
    return words.listed(sorted(members))


def _emergencies(conditions: Sequence[When]) -> list[Class]:
    """None is open, or all that bear on it: which permit alone opens what, `facts` tells."""
    named = frozenset(when.emergency for when in conditions if when.emergency)
    return [("outside of an emergency", frozenset[str]()), ("in an emergency", named)]


def _attributes(conditions: Sequence[When]) -> Iterator[tuple[str, list[Class]]]:
    values: dict[str, set[str]] = {}
    for when in conditions:
        for name, some in when.environment:
            values.setdefault(name, set()).update(some)
    for name, known in sorted(values.items()):
        yield (
            _ATTRIBUTE + name,
            [
                (f"with {name} not told", None),
                (f"with {name} unreadable", UNREADABLE),
                (f"with another {name}", "-" * (1 + max(map(len, known)))),  # longer than each
                *((f"with {name} {value}", value) for value in sorted(known)),
            ],
        )


def instants(windows: Sequence[Window], zones: Sequence[str]) -> list[Class]:
    """An instant for each combination of windows that are open at a time, and an unknown one."""
    found: list[Class] = [("at an unknown time", None)]
    seen: set[tuple[bool, ...]] = set()
    for at in _edges(windows, zones):
        open_now = tuple(w.open_at(at, zone) for w in windows for zone in zones)
        if open_now not in seen:
            seen.add(open_now)
            here = zip(windows, open_now[:: len(zones)], strict=True)
            said = [f"{'within' if is_open else 'outside'} {_hours(w)}" for w, is_open in here]
            found.append((" and ".join(said), at))
    return found


def _edges(windows: Sequence[Window], zones: Sequence[str]) -> Iterator[int]:
    """Every instant at which a window may open or close, in the weeks about each date."""
    dates = sorted({day for w in windows for day in (w.first, w.last) if day})
    about = [date.fromisoformat(day) for day in dates] or [instant(SOME_DAY).date()]
    days = sorted({day + timedelta(days=n) for day in about for n in range(-9, 10)})
    minutes = sorted({0, *(minute for w in windows for minute in (w.begin, w.end))})
    for day, minute, zone in product(days, minutes, zones):
        clock = time(minute // 60 % 24, minute % 60)
        yield micros(datetime.combine(day, clock, ZoneInfo(zone)))


def _hours(window: Window) -> str:
    days = (
        ""
        if len(window.days) == len(DAYS)
        else f"{words.listed(DAYS[d] for d in sorted(window.days))} "
    )
    dates = "".join(
        f" {word} {day}" for word, day in (("from", window.first), ("until", window.last)) if day
    )
    return f"{days}{_clock(window.begin)} to {_clock(window.end)}{dates}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _ages_of_data(conditions: Sequence[When]) -> list[Class]:
    periods = {p for w in conditions for p in (w.data_from, w.data_under) if p is not None}
    edges = sorted(periods, key=lambda p: p.before(SOME_DAY), reverse=True)
    found: list[Class] = [
        ("reaching back unknown far", None),
        (f"reaching back less than {edges[0]}", _NOW),
    ]
    for young, old in pairwise([*edges, None]):
        said = f"reaching back at least {young}"
        found.append((said if old is None else f"{said} and less than {old}", young))
    return found
