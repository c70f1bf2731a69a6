"""Coarser times: equal to the calendar of the standard library, whatever came before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privet.clock import micros
from privet.gate.minimize import coarsen

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
INSTANTS = st.datetimes(
    datetime(1971, 1, 1),
    datetime(2040, 1, 1),
    timezones=st.just(UTC),
)


def floor(instant: datetime, unit: str, zone: ZoneInfo) -> int:
    local = instant.astimezone(zone)
    if unit == "hour":
        return micros(local.replace(minute=0, second=0, microsecond=0))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        day -= timedelta(days=day.weekday())
    if unit == "month":
        day = day.replace(day=1)
    return micros(day)


@given(
    st.lists(INSTANTS, max_size=8),
    st.sampled_from(("hour", "day", "week", "month")),
    st.sampled_from(ZONES),
)
def test_times_are_cut_as_the_calendar_of_the_zone_cuts_them(instants, unit, name):
    zone = ZoneInfo(name)
    at = np.array([micros(i) for i in instants], np.int64)
    expected = [floor(i, unit, zone) for i in instants]
    assert coarsen(at, unit, zone).tolist() == expected
    assert coarsen(at, unit, zone).tolist() == expected  # from what was kept
