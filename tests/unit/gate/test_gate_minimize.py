"""What the gate takes away before it lets values out: pure functions, against plain oracles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.clock import instant, micros
from privet.errors import AccessDenied
from privet.gate.minimize import NULL, coarsen, minimize, scaled, select, window
from privet.policy import Minimize
from privet.types import Events

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # its days began at one o'clock when summer time did
    "America/Havana",  # midnight comes twice
    "Asia/Kolkata",  # half an hour off
    "Asia/Kathmandu",  # a quarter of an hour off
    "Australia/Lord_Howe",  # summer time is half an hour
    "Pacific/Apia",  # a day of 2011 is missing
]
UTCZ = ZoneInfo("UTC")
START, END = micros(datetime(1973, 1, 1, tzinfo=UTC)), micros(datetime(2037, 1, 1, tzinfo=UTC))
times = st.integers(START, END)

LABELS = {
    "day": lambda t: t.date(),
    "week": lambda t: t.isocalendar()[:2],
    "month": lambda t: (t.year, t.month),
}


def one(at: int, unit: str, zone: ZoneInfo) -> int:
    return int(coarsen(np.array([at], np.int64), unit, zone)[0])


@given(times, st.sampled_from(sorted(LABELS)), st.sampled_from(ZONES))
def test_a_coarse_instant_is_the_first_of_its_local_unit(at: int, unit: str, name: str) -> None:
    zone, label = ZoneInfo(name), LABELS[unit]
    cut = one(at, unit, zone)
    assert cut <= at
    assert label(instant(cut).astimezone(zone)) == label(instant(at).astimezone(zone))
    assert label(instant(cut - 1).astimezone(zone)) != label(instant(at).astimezone(zone))


@given(times, st.sampled_from(ZONES))
def test_a_coarse_hour_holds_its_instant(at: int, name: str) -> None:
    zone = ZoneInfo(name)
    cut = one(at, "hour", zone)
    assert 0 <= at - cut < 5_400_000_000  # where half an hour comes twice, an hour is longer
    local, was = instant(cut).astimezone(zone), instant(at).astimezone(zone)
    assert local.hour == was.hour
    assert one(cut, "hour", zone) == cut


@pytest.mark.parametrize(
    ("zone", "when", "unit", "cut"),
    [
        ("Europe/Berlin", "2026-03-29T01:30+00:00", "day", "2026-03-28T23:00+00:00"),
        ("Europe/Berlin", "2026-10-25T01:30+00:00", "hour", "2026-10-25T01:00+00:00"),
        ("Europe/Berlin", "2026-10-25T00:30+00:00", "hour", "2026-10-25T00:00+00:00"),
        ("Europe/Berlin", "2026-10-26T12:00+00:00", "week", "2026-10-25T23:00+00:00"),
        ("Asia/Kolkata", "2026-01-01T18:29+00:00", "hour", "2026-01-01T17:30+00:00"),
        ("Asia/Kolkata", "2026-01-01T18:30+00:00", "day", "2026-01-01T18:30+00:00"),
        ("America/Sao_Paulo", "2018-11-04T12:00+00:00", "day", "2018-11-04T03:00+00:00"),
        ("America/Havana", "2024-11-03T05:30+00:00", "day", "2024-11-03T04:00+00:00"),
        ("America/New_York", "2026-03-31T23:00+00:00", "month", "2026-03-01T05:00+00:00"),
    ],
)
def test_clocks_that_change_are_known(zone: str, when: str, unit: str, cut: str) -> None:
    at = micros(datetime.fromisoformat(when))
    assert instant(one(at, unit, ZoneInfo(zone))) == datetime.fromisoformat(cut)


@given(st.lists(times, max_size=30), st.sampled_from(["hour", *LABELS]), st.sampled_from(ZONES))
def test_many_are_coarsened_like_each_alone(at: list[int], unit: str, name: str) -> None:
    zone = ZoneInfo(name)
    together = coarsen(np.array(at, np.int64), unit, zone).tolist()
    assert together == [one(t, unit, zone) for t in at]


@st.composite
def events(draw: st.DrawFn) -> Events:
    sizes = draw(st.lists(st.integers(0, 5), min_size=0, max_size=5))
    rows = sum(sizes)
    at = [sorted(draw(st.lists(times, min_size=n, max_size=n))) for n in sizes]
    value = draw(st.lists(st.integers(-(10**6), 10**6), min_size=rows, max_size=rows))
    return Events(
        np.arange(len(sizes), dtype=np.int64),
        np.cumsum([0, *sizes]).astype(np.int64),
        np.array([t for ts in at for t in ts], np.int64),
        {"value": np.array(value, np.int64), "item": np.arange(rows, dtype=np.int64)},
    )


def rows_of(e: Events) -> list[list[tuple[int, int]]]:
    """(instant, item) of each subject."""
    return [
        list(zip(e.at[a:b].tolist(), e.columns["item"][a:b].tolist(), strict=True))
        for a, b in zip(e.starts[:-1], e.starts[1:], strict=True)
    ]


@given(events(), st.none() | times, st.none() | times)
def test_a_window_has_an_open_beginning_and_a_closed_end(
    e: Events, since: int | None, until: int | None
) -> None:
    expected = [
        [(t, i) for t, i in rows if (since is None or t > since) and (until is None or t <= until)]
        for rows in rows_of(e)
    ]
    assert rows_of(window(e, since, until)) == expected


@given(events(), st.integers(1, 6))
def test_the_last_n_are_the_newest_of_each_person(e: Events, n: int) -> None:
    kept = minimize(e, "purchase", Minimize(last=n), UTCZ)
    assert rows_of(kept) == [rows[-n:] for rows in rows_of(e)]
    assert len(kept.subjects) == len(e.subjects)


@given(events(), st.integers(1, 1000))
def test_rounding_goes_to_the_nearest_and_keeps_what_is_absent(e: Events, step: int) -> None:
    columns = {**e.columns, "value": np.append(e.columns["value"][:-1], NULL)[: len(e)]}
    holed = Events(e.subjects, e.starts, e.at, columns)
    how = Minimize(rules=(("purchase.value", "round", step),))
    rounded = minimize(holed, "purchase", how, UTCZ).columns["value"]
    for was, now in zip(columns["value"].tolist(), rounded.tolist(), strict=True):
        if was == NULL:
            assert now == NULL
        else:
            assert now % step == 0
            assert abs(now - was) * 2 <= step


def test_money_is_rounded_in_whole_units() -> None:
    how = scaled(Minimize(rules=(("purchase.value", "round", 5),)), {"purchase.value": 2})
    assert how.rules == (("purchase.value", "round", 500),)
    values = np.array([249, 250, -250, 1249], np.int64)
    at = np.zeros(4, np.int64)
    made = Events(np.array([1]), np.array([0, 4]), at, {"value": values})
    assert minimize(made, "purchase", how, UTCZ).columns["value"].tolist() == [0, 500, -500, 1000]


@given(st.integers(0, 150), st.integers(1, 50))
def test_a_band_holds_its_number(number: int, width: int) -> None:
    made = Events(
        np.array([1]), np.array([0, 1]), np.zeros(1, np.int64), {"age": np.array([number])}
    )
    how = Minimize(rules=(("profile.age", "band", width),))
    (band,) = minimize(made, "profile", how, UTCZ).columns["age"]
    low, high = map(int, band.split("-"))
    assert low <= number <= high
    assert (low % width, high - low) == (0, width - 1)


def test_a_band_of_bands_and_of_nothing() -> None:
    ages = np.array(["19-24", "65+", None, "unknown", "-3"], dtype=object)
    made = Events(np.array([1]), np.array([0, 5]), np.zeros(5, np.int64), {"age": ages})
    how = Minimize(rules=(("profile.age", "band", 20),))
    assert minimize(made, "profile", how, UTCZ).columns["age"].tolist() == [
        "0-19",
        "60-79",
        None,
        None,
        None,
    ]


def test_what_is_dropped_is_not_there_and_the_input_stays() -> None:
    made = Events(
        np.array([1]),
        np.array([0, 1]),
        np.array([micros(datetime(2026, 1, 1, 12, tzinfo=UTC))]),
        {"value": np.array([149]), "item": np.array([3])},
    )
    how = Minimize(
        drop=frozenset({"purchase.item", "view.value"}),
        time="day",
        rules=(("purchase.value", "round", 100), ("view.item", "round", 10)),
    )
    out = minimize(made, "purchase", how, UTCZ)
    assert {n: v.tolist() for n, v in out.columns.items()} == {"value": [100]}
    assert instant(int(out.at[0])) == datetime(2026, 1, 1, tzinfo=UTC)
    assert made.columns["value"].tolist() == [149]
    assert instant(int(made.at[0])) - instant(int(out.at[0])) == timedelta(hours=12)


def test_an_unknown_minimization_lets_nothing_out() -> None:
    made = Events(np.array([1]), np.array([0, 1]), np.zeros(1, np.int64), {"value": np.array([1])})
    with pytest.raises(AccessDenied) as refusal:
        minimize(made, "purchase", Minimize(rules=(("purchase.value", "blur", 3),)), UTCZ)
    assert refusal.value.reason == "minimize.unknown"


@given(events(), st.data())
def test_selecting_keeps_every_person(e: Events, data: st.DataObject) -> None:
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(e), max_size=len(e))), bool)
    out = select(e, keep)
    assert out.subjects.tolist() == e.subjects.tolist()
    flat = [i for rows in rows_of(out) for _, i in rows]
    assert flat == e.columns["item"][keep].tolist()
