"""Spans of time as a policy writes them: ``24h``, ``7d``, ``6w``, ``13mo``, ``2y``."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

from privet.clock import instant, micros
from privet.errors import InvalidInput

_TEXT = re.compile(r"([1-9][0-9]{0,4})(h|d|w|mo|y)\Z")
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
        try:
            moved = _add_months(instant(us), sign * self.months)
            return micros(moved + sign * timedelta(days=self.days, hours=self.hours))
        except (OverflowError, ValueError):
            raise InvalidInput(
                "a time lies outside the calendar",
                remedy="Use instants between the years 1 and 9999.",
                reason="time.range",
            ) from None

    def __str__(self) -> str:
        parts = [
            f"{number}{unit}"
            for number, unit in ((self.months, "mo"), (self.days, "d"), (self.hours, "h"))
            if number
        ]
        return " ".join(parts) or "0h"


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    # The last day stays the last day: 31 January plus a month is 28 or 29 February.
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
