"""Time comes from a clock passed in; instants are aware and kept as UTC microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from privet.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
DAY_US = 86_400_000_000
# Clocks of different machines disagree a little; beyond this an event is from the future.
SKEW = timedelta(minutes=5)


class Clock(Protocol):
    """Anything with an aware ``now()``."""

    def now(self) -> datetime:
        """The present instant, with a time zone."""
        ...


class SystemClock:
    """The machine's own clock, in UTC."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)


def micros(instant: datetime) -> int:
    """UTC microseconds since 1970 of an aware instant.

    Raises:
        InvalidInput: the instant is naive, or none; privet never guesses a zone.
    """
    # A row of a frame may hold anything, NaT and text included.
    if getattr(instant, "tzinfo", None) is None or instant.utcoffset() is None:
        raise InvalidInput(
            "a time without a zone was refused",
            why="a naive time means different instants in different places",
            remedy="Attach the zone: datetime(..., tzinfo=...).",
            reason="time.naive",
        )
    return (instant - EPOCH) // MICRO


def instant(us: int) -> datetime:
    """The aware UTC instant of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """Microseconds since 1970 as RFC 3339 text in UTC."""
    return instant(us).isoformat().replace("+00:00", "Z")
