"""Spans of time as a policy writes them: ``24h``, ``7d``, ``6w``, ``13mo``, ``2y``."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from privet.clock import DAY_US, instant, micros
from privet.errors import InvalidInput

_TEXT = re.compile(r"([1-9][0-9]{0,4})(h|d|w|mo|y)\Z")
_LEAP_DAY_US = 951_782_400_000_000
_LONGEST_MONTHS = 100 * 12
_LONGEST_DAYS = 100 * 366


@dataclass(frozen=True, slots=True)
class Period:
    """A span in calendar months, days and hours.

    Months are calendar months: one month before 31 March is the last day of
    February. All arithmetic is in UTC, so that no change of clocks moves a deadline.

    Attributes:
        months: whole calendar months, at least 0.
        days: whole days of 24 hours, at least 0.
        hours: whole hours, at least 0.
    """

    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read one number and one unit (``h``, ``d``, ``w``, ``mo`` or ``y``).

        >>> Period.parse("13mo")
        Period(months=13, days=0, hours=0)

        Raises:
            ValueError: another form, zero, or more than a hundred years.
        """
        match = _TEXT.match(text)
        if match is None:
            raise ValueError("not a period such as 24h, 7d, 6w, 13mo or 2y")
        number, unit = int(match[1]), match[2]
        span = {
            "h": cls(hours=number),
            "d": cls(days=number),
            "w": cls(days=7 * number),
            "mo": cls(months=number),
            "y": cls(months=12 * number),
        }[unit]
        if span.months > _LONGEST_MONTHS or span.days + span.hours // 24 > _LONGEST_DAYS:
            raise ValueError("longer than a hundred years")
        return span

    def after(self, us: int) -> int:
        """UTC microseconds of the instant one period after ``us``.

        Raises:
            InvalidInput: the result lies outside the years 1 to 9999.
        """
        return self._move(us, 1)

    def before(self, us: int) -> int:
        """UTC microseconds of the instant one period before ``us``.

        Raises:
            InvalidInput: the result lies outside the years 1 to 9999.
        """
        return self._move(us, -1)

    def _move(self, us: int, sign: int) -> int:
        # A date moves to a date: every instant of one UTC day by as much.
        moved = us + _shift(self, us // DAY_US, sign)
        try:
            instant(moved)
        except OverflowError:
            raise _outside() from None
        return moved

    def __str__(self) -> str:
        parts = [
            f"{number}{unit}"
            for number, unit in ((self.months, "mo"), (self.days, "d"), (self.hours, "h"))
            if number
        ]
        return " ".join(parts) or "0h"


def longer(one: Period, other: Period) -> bool:
    """Whether one span reaches further back than another, from the last of February 2000.

    >>> longer(Period.parse("1mo"), Period.parse("30d"))
    True
    """
    return one.before(_LEAP_DAY_US) < other.before(_LEAP_DAY_US)


@lru_cache(maxsize=256)
def _shift(period: Period, day: int, sign: int) -> int:
    """How far a period moves the instants of a UTC day, in microseconds."""
    try:
        begin = instant(day * DAY_US)
        moved = _add_months(begin, sign * period.months)
        moved += sign * timedelta(days=period.days, hours=period.hours)
        return micros(moved) - micros(begin)
    except (OverflowError, ValueError):
        raise _outside() from None


def _outside() -> InvalidInput:
    return InvalidInput(
        "a time lies outside the calendar",
        remedy="Use instants between the years 1 and 9999.",
        reason="time.range",
    )


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    # The last day stays the last day: 31 January plus a month is 28 or 29 February.
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
