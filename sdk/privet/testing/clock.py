"""A clock that stands still until told otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta

from privet.clock import micros


class FakeClock:
    """Give it to ``privet.open(clock=...)`` or ``deployment(clock=...)``.

    Args:
        start: the instant at which it stands, aware.

    Raises:
        InvalidInput: the instant is naive.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> clock = FakeClock(datetime(2026, 3, 2, tzinfo=UTC))
        >>> clock.advance(timedelta(days=400))
        >>> clock.now().date().isoformat()
        '2027-04-06'
    """

    def __init__(self, start: datetime) -> None:
        micros(start)  # refuses a naive instant
        self._now = start

    def now(self) -> datetime:
        """The instant at which it stands."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move it by so much; backwards where ``by`` is negative."""
        self._now += by

    def set(self, instant: datetime) -> None:
        """Move it to an aware instant.

        Raises:
            InvalidInput: the instant is naive.
        """
        micros(instant)
        self._now = instant

    def __repr__(self) -> str:
        return f"FakeClock({self._now.isoformat()})"
