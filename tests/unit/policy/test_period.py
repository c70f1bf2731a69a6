from __future__ import annotations

import random
from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest

from privet.clock import instant, micros
from privet.errors import InvalidInput
from privet.policy import Period


def at(year: int, month: int, day: int, hour: int = 0) -> int:
    return micros(datetime(year, month, day, hour, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("24h", Period(hours=24)),
        ("7d", Period(days=7)),
        ("6w", Period(days=42)),
        ("13mo", Period(months=13)),
        ("2y", Period(months=24)),
    ],
)
def test_a_period_is_read_as_written(text: str, period: Period) -> None:
    assert Period.parse(text) == period


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "1.5y", "2 y", "2Y", "101y", "99999w", "\u0661d", "1d\n"]
)
def test_another_form_of_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"period|years"):
        Period.parse(text)


def test_a_month_before_the_end_of_march_is_the_end_of_february() -> None:
    assert instant(Period(months=1).before(at(2024, 3, 31))).day == 29
    assert instant(Period(months=1).before(at(2023, 3, 31))).day == 28


def test_a_year_after_the_leap_day_is_the_last_of_february() -> None:
    assert Period(months=12).after(at(2024, 2, 29, 5)) == at(2025, 2, 28, 5)


def test_days_and_hours_add_to_months() -> None:
    assert Period(1, 2, 3).after(at(2026, 1, 1)) == at(2026, 2, 3, 3)


def test_a_time_outside_the_calendar_is_an_error_of_its_own() -> None:
    with pytest.raises(InvalidInput) as caught:
        Period(months=1200).after(at(9999, 1, 1))
    assert caught.value.reason == "time.range"
    with pytest.raises(InvalidInput):
        Period(days=1).after(10**30)


def test_every_instant_of_a_day_moves_as_by_the_calendar() -> None:
    generator = random.Random(5)
    periods = [Period(months=13), Period(days=45), Period(hours=30), Period(months=1, hours=5)]
    for _ in range(400):
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(
            microseconds=generator.randrange(3 * 365 * 86_400_000_000)
        )
        for period in periods:
            month = moment.month - 1 - period.months
            year, month = moment.year + month // 12, month % 12 + 1
            day = min(moment.day, monthrange(year, month)[1])
            back = moment.replace(year=year, month=month, day=day)
            back -= timedelta(days=period.days, hours=period.hours)
            assert period.before(micros(moment)) == micros(back)
