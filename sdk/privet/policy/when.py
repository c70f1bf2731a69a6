"""Conditions of a rule, in three values: it holds, it does not, or nobody can tell.

What cannot be told never allows anything: a permit does not grant, a deny denies.
Several parts of one condition are joined as Kleene's logic does: where one of them is
known not to hold, the rest need not be known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from privet.clock import instant, micros
from privet.errors import InvalidInput
from privet.policy.places import place, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy.period import Period

HOLDS: Final = ""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OLDEST = 150

WHY_NOT: Final = {
    "place.unknown": "a rule depends on where the person is, which is not known",
    "place.refused": "the rule that would permit it is not for where the person is",
    "age.unknown": "a rule depends on the person's age, which is not known",
    "age.refused": "the rule that would permit it is not for the person's age",
    "time.unknown": "a rule depends on the time, which was not told",
    "time.refused": "the rule that would permit it is not for this time",
    "people.unknown": "a rule depends on how many people it is about, which was not told",
    "people.refused": "the rule that would permit it is not for so many people",
    "data.unknown": "a rule depends on how old the data is, which was not told",
    "data.refused": "the rule that would permit it is not for data of this age",
    "attribute.unknown": "a rule depends on an attribute that was not told",
    "attribute.error": "a rule depends on an attribute that could not be read",
    "attribute.refused": "the rule that would permit it is not for this attribute",
    "emergency.refused": "the permit that would allow it is for an emergency, and none is open",
}
"""Reasons, in the order in which they are told where there are several."""


_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z\Z")


def parse_hours(text: str) -> tuple[int, int]:
    """``"08:00-20:00"`` as minutes of the day.

    Raises:
        ValueError: another form, or no time between the two.
    """
    match = _HOURS.match(text)
    if match is None:
        raise ValueError("not hours such as `08:00-20:00`")
    begin = int(match[1]) * 60 + int(match[2])
    end = 24 * 60 if match[3] is None else int(match[3]) * 60 + int(match[4])
    if begin == end:
        raise ValueError("hours that begin when they end")
    return begin, end


def parse_date(text: str) -> str:
    """The date, when it is one of the calendar's.

    Raises:
        ValueError: another form, or no such day.
    """
    try:
        if _DATE.match(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError("not a date such as `2026-12-31`")


def parse_instant(text: str) -> int:
    """``"2026-12-31T18:00Z"`` as UTC microseconds.

    Raises:
        ValueError: another form, or no such instant.
    """
    try:
        if _INSTANT.match(text):
            return micros(datetime.fromisoformat(text))
    except ValueError:
        pass
    raise ValueError("not an instant in UTC such as `2026-12-31T18:00Z`")


def parse_age(text: str) -> tuple[int, int | None]:
    """``"15"``, ``"16-17"`` or ``"65+"`` as the youngest and the oldest.

    Raises:
        ValueError: another form, or the oldest before the youngest.
    """
    low, dash, high = text.removesuffix("+").partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise ValueError("not an age such as `15`, `16-17` or `65+`")
    age = (int(low), None if text.endswith("+") else int(high or low))
    if not _is_age(age):
        raise ValueError("not an age such as `15`, `16-17` or `65+`")
    return age


class Unreadable:
    """Stands for an attribute whose reading failed."""

    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE: Final = Unreadable()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the person, the request and the moment; None is 'not known'.

    Attributes:
        jurisdiction: ISO 3166 code of whose law protects the person, such as ``"DE"`` or
            ``"US-CA"``.
        age: the youngest and the oldest that she may be, in years; the second None where
            there is no upper bound.
        at: the moment, UTC microseconds.
        people: how many people the request is about.
        oldest: how far back the request reaches, UTC microseconds.
        environment: attribute to its text; ``UNREADABLE`` where reading it failed.
        emergencies: ids of the emergency permits that two people opened and that are open now.
    """

    jurisdiction: str | None = None
    age: tuple[int, int | None] | None = None
    at: int | None = None
    people: int | None = None
    oldest: int | None = None
    environment: Mapping[str, str | Unreadable] = field(default_factory=dict)
    emergencies: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse numbers that are none; a text that is no place is nobody's place."""
        for value in (self.at, self.people, self.oldest):
            if value is not None and type(value) is not int:
                raise _malformed()
        if self.age is not None and not _is_age(self.age):
            raise _malformed()
        if type(self.emergencies) is not frozenset:
            raise _malformed()
        if not isinstance(self.environment, Mapping):
            raise _malformed()


def _malformed() -> InvalidInput:
    return InvalidInput(
        "the circumstances of a request are not of their form",
        remedy="Give whole numbers, an age as (youngest, oldest), a mapping of attributes.",
        reason="circumstances.type",
    )


def _is_age(age: object) -> bool:
    if type(age) is not tuple or len(age) != 2 or type(age[0]) is not int:
        return False
    low, high = age
    return 0 <= low <= _OLDEST and (high is None or (type(high) is int and low <= high))


UNKNOWN: Final = Circumstances()
"""Nothing is known: no permit with a condition grants, every deny with one denies."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time window in the deployment's zone.

    Attributes:
        begin: minute of the day at which it opens.
        end: minute of the day at which it closes; before ``begin`` for one past midnight,
            equal for the whole day.
        days: numbers of weekdays, Monday 0; of the day on which it opened.
        first: ISO date of the first day; empty for no bound.
        last: ISO date of the last day; empty for no bound.
    """

    begin: int = 0
    end: int = 0
    days: frozenset[int] = frozenset(range(7))
    first: str = ""
    last: str = ""

    def open_at(self, at: int, zone: str) -> bool:
        """Whether it is open at an instant, UTC microseconds."""
        today, day, minute = _local(at // 60_000_000, zone)
        if self.begin < self.end:
            inside = self.begin <= minute < self.end
        elif minute < self.end:  # it opened yesterday
            today, day, _ = _local(at // 60_000_000 - 24 * 60, zone)
            inside = True
        else:
            inside = minute >= self.begin
        return (
            inside
            and day in self.days
            and (not self.first or today >= self.first)
            and (not self.last or today <= self.last)
        )


@lru_cache(maxsize=256)
def _local(minute: int, zone: str) -> tuple[str, int, int]:
    """ISO date, weekday and minute of the day of a UTC minute, in a zone."""
    local = instant(minute * 60_000_000).astimezone(ZoneInfo(zone))
    return local.date().isoformat(), local.weekday(), local.hour * 60 + local.minute


@dataclass(frozen=True, slots=True)
class When:
    """A condition: all of its parts, where what is left out is no part.

    Attributes:
        places: codes, groups spelt out; empty for anywhere.
        age_from: the age from which it holds, in years.
        age_under: the age from which it holds no more.
        window: when it holds.
        people_from: the least number of people.
        people_under: from how many people on it holds no more.
        data_from: how far the request must at least reach back.
        data_under: from how far back on it holds no more.
        environment: attribute and the values for which it holds, sorted.
        emergency: id of the permit that must be open as an emergency; empty for none. Never
            unknown: what nobody opened is closed.
    """

    places: frozenset[str] = frozenset()
    age_from: int | None = None
    age_under: int | None = None
    window: Window | None = None
    people_from: int | None = None
    people_under: int | None = None
    data_from: Period | None = None
    data_under: Period | None = None
    environment: tuple[tuple[str, frozenset[str]], ...] = ()
    emergency: str = ""

    def needs(self) -> Iterator[str]:
        """What must be known to tell it: names of ``Circumstances``' attributes."""
        if self.places:
            yield "jurisdiction"
        if self.age_from is not None or self.age_under is not None:
            yield "age"
        if self.window is not None:
            yield "at"
        if self.people_from is not None or self.people_under is not None:
            yield "people"
        if self.data_from is not None or self.data_under is not None:
            yield from ("oldest", "at")
        if self.environment:
            yield "environment"
        if self.emergency:
            yield "emergencies"

    def of_the_moment(self) -> When | None:
        """What of it depends on nobody: time, environment, emergency; None for nothing."""
        rest = When(window=self.window, environment=self.environment, emergency=self.emergency)
        return None if rest == When() else rest

    def told(self, given: Circumstances, named: frozenset[str], zone: str) -> str:
        """``HOLDS``, a code that ends in ``.refused``, or why nobody can tell.

        Args:
            given: what is known.
            named: every place that rules of the policy name.
            zone: IANA name of the deployment's zone.
        """
        unsure = HOLDS
        for code in self._parts(given, named, zone):
            if code.endswith(".refused"):
                return code
            unsure = unsure or code
        return unsure

    def _parts(self, given: Circumstances, named: frozenset[str], zone: str) -> Iterator[str]:
        if self.places:
            inside = within(place(given.jurisdiction, named), self.places)
            yield _code("place", inside)
        yield _bounded("age", given.age, self.age_from, self.age_under)
        if self.window is not None:
            open_now = None if given.at is None else self.window.open_at(given.at, zone)
            yield _code("time", open_now)
        people = None if given.people is None else (given.people, given.people)
        yield _bounded("people", people, self.people_from, self.people_under)
        yield self._data(given)
        for name, values in self.environment:
            yield _attribute(given.environment.get(name), values)
        if self.emergency:
            yield _code("emergency", self.emergency in given.emergencies)

    def _data(self, given: Circumstances) -> str:
        if self.data_from is None and self.data_under is None:
            return HOLDS
        if given.oldest is None or given.at is None:
            return "data.unknown"
        old = self.data_from is None or given.oldest <= self.data_from.before(given.at)
        young = self.data_under is None or given.oldest > self.data_under.before(given.at)
        return _code("data", old and young)


def _code(kind: str, holds: bool | None) -> str:
    return f"{kind}.unknown" if holds is None else HOLDS if holds else f"{kind}.refused"


def _bounded(
    kind: str, known: tuple[int, int | None] | None, least: int | None, under: int | None
) -> str:
    """Whether a number, known as an interval, is at least ``least`` and under ``under``."""
    if least is None and under is None:
        return HOLDS
    if known is None:
        return f"{kind}.unknown"
    low, high = known
    if (least is not None and high is not None and high < least) or (
        under is not None and low >= under
    ):
        return f"{kind}.refused"
    enough = least is None or low >= least
    few = under is None or (high is not None and high < under)
    return HOLDS if enough and few else f"{kind}.unknown"


def _attribute(value: object, values: frozenset[str]) -> str:
    if value is None:
        return "attribute.unknown"
    if not isinstance(value, str):
        return "attribute.error"
    return HOLDS if value in values else "attribute.refused"
