"""A subject's features do not depend on who else is in the cohort, to the bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privet.clock import DAY_US, micros
from privet.features import BUILT_IN, Catalogue, compute
from privet.features.daytime import local_time
from privet.features.rows import NULL, sums
from privet.types import Events

NOW = micros(datetime(2026, 4, 1, tzinfo=UTC))
SHOP = Catalogue(
    ("a", "b", "c", "d"),
    {"type": ("x", "y", "x", "")},
    np.array([False, True, False, False]),
)
NAMES = [*BUILT_IN, "share:type", "share:item", "profile:age"]
SCALES = {"purchase.value": 2, "purchase.discount": 1}
# Values so large that a running sum over the cohort wraps around.
MONEY = st.one_of(st.just(NULL), st.integers(0, 9_999), st.integers(2**60, 2**60 + 9))

row = st.tuples(
    st.integers(NOW - 60 * DAY_US, NOW + DAY_US),
    st.integers(-2, 3),
    st.sampled_from(["b1", "b2", "b3", None]),
    MONEY,
    st.integers(0, 500),
)
person = st.lists(row, max_size=5)
zones = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
).map(ZoneInfo)


def events_of(people: dict[int, list[tuple]]) -> Events:
    rows = [r for p in people.values() for r in sorted(p, key=lambda r: r[0])]
    at, item, basket, value, discount = zip(*rows, strict=True) if rows else ((),) * 5
    return Events(
        np.array(list(people), np.int64),
        np.cumsum([0, *(len(p) for p in people.values())]),
        np.array(at, np.int64),
        {
            "item": np.array(item, np.int64),
            "basket": np.array(basket, object),
            "value": np.array(value, np.int64),
            "discount": np.array(discount, np.int64),
        },
    )


def profiles_of(people: dict[int, list[tuple]]) -> Events:
    have = [sno % 3 > 0 for sno in people]
    return Events(
        np.array(list(people), np.int64),
        np.cumsum([0, *have]),
        np.zeros(sum(have), np.int64),
        {"age": np.array([sno * 7 for sno in people if sno % 3 > 0], np.int64)},
    )


def features_of(people: dict[int, list[tuple]], zone: ZoneInfo) -> dict[str, np.ndarray]:
    events = {"purchase": events_of(people)}
    return compute(NAMES, events, profiles_of(people), SHOP, NOW, zone, scales=SCALES)


def same_bits(one: np.ndarray, many: np.ndarray) -> bool:
    if one.dtype == object:
        return one.tolist() == many.tolist()
    return one.dtype == many.dtype and one.tobytes() == many.tobytes()


@given(st.lists(person, min_size=1, max_size=5), zones, st.data())
def test_a_cohort_row_is_the_single_result_whoever_stands_beside(people, zone, data):
    everybody = dict(enumerate(people, 1))
    chosen = data.draw(st.lists(st.sampled_from(list(everybody)), min_size=1, unique=True))
    cohort = features_of({sno: everybody[sno] for sno in sorted(chosen)}, zone)
    for position, sno in enumerate(sorted(chosen)):
        alone = features_of({sno: everybody[sno]}, zone)
        assert alone.keys() == cohort.keys()
        for name in alone:
            assert same_bits(alone[name], cohort[name][position : position + 1]), name


@given(person, zones, st.randoms())
def test_the_order_of_rows_of_one_instant_does_not_matter(rows, zone, random):
    at = NOW - 3 * DAY_US
    level = [(at, *r[1:]) for r in rows]
    shuffled = random.sample(level, len(level))
    one, other = features_of({1: level}, zone), features_of({1: shuffled}, zone)
    assert all(same_bits(one[name], other[name]) for name in one)


@given(st.lists(st.lists(st.integers(-(2**61), 2**61), max_size=2), max_size=6))
def test_sums_are_exact_though_the_running_sum_wraps(people):
    values = np.array([v for p in people for v in p], np.int64)
    starts = np.cumsum([0, *(len(p) for p in people)])
    assert sums(values, starts).tolist() == [sum(p) for p in people]


@given(
    st.lists(
        st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1)),
        min_size=1,
        max_size=4,
    ),
    zones,
    st.integers(-3, 3),
)
def test_local_time_agrees_with_the_standard_library(instants, zone, hours):
    # A year's two changes are the hard hours: look there as well.
    aware = [i.replace(tzinfo=UTC) for i in instants]
    aware += [datetime(i.year, 3, 29, 1, tzinfo=UTC) + timedelta(hours=hours) for i in aware]
    aware += [datetime(i.year, 11, 1, 6, tzinfo=UTC) + timedelta(hours=hours) for i in aware]
    found = local_time(np.array([micros(i) for i in aware], np.int64), zone)
    for instant, us in zip(aware, found.tolist(), strict=True):
        wall = instant.astimezone(zone).replace(tzinfo=None)
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        assert us == (wall - midnight) // timedelta(microseconds=1)
