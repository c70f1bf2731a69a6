"""Each built-in feature, against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from privet.clock import DAY_US, micros
from privet.errors import InvalidInput
from privet.features import BUILT_IN, Feature, compute, feature, needs
from privet.features.compute import check_kinds

NEW_YORK = ZoneInfo("America/New_York")
NOW = micros(datetime(2026, 3, 31, 12, tzinfo=UTC))
NAMES = ("item", "basket", "value", "discount")
NULL = np.iinfo(np.int64).min


def ago(days: float) -> int:
    return NOW - int(days * DAY_US)


@pytest.fixture
def events(table):
    """Ada (7) came three times, twice of late; Bo (9) never."""
    rows = [
        (7, ago(50), 0, "b1", 100, 0),
        (7, ago(50), 1, "b1", 250, 50),
        (7, ago(20), 2, "b2", 350, 100),
        (7, ago(2.5), 0, "b3", 300, 0),
        (7, ago(2.5), 3, "b3", NULL, 0),
        (7, ago(2.5), -1, "b3", 0, 50),
    ]
    return {"purchase": table(rows, NAMES, [7, 9])}


def columns(name, events, shop, profiles=None, zone=NEW_YORK, **more):
    return compute([name], events, profiles, shop, NOW, zone, **more)


@pytest.mark.parametrize(
    ("name", "ada", "bo"),
    [
        ("recency", 2.5, np.nan),
        ("frequency", 3, 0),
        ("visits_30_days", 2, 0),
        ("days_between_visits", 23.75, np.nan),
        ("monetary", 10.0, 0.0),
        ("average_order", 10 / 3, np.nan),
        ("discount_share", 200 / 1200, np.nan),
    ],
)
def test_a_feature_gives_the_value_worked_out_by_hand(events, shop, name, ada, bo):
    scales = {"purchase.value": 2, "purchase.discount": 2}
    (values,) = columns(name, events, shop, scales=scales).values()
    np.testing.assert_array_equal(values, [ada, bo])


def test_scales_of_value_and_discount_may_differ(events, shop):
    scales = {"purchase.value": 2, "purchase.discount": 3}
    (values,) = columns("discount_share", events, shop, scales=scales).values()
    assert values[0] == 200 / 10200


def test_category_shares_leave_out_hidden_and_unknown_items(events, shop):
    shares = columns("share:department", events, shop)
    assert list(shares) == ["share:department=food", "share:department=home"]
    np.testing.assert_array_equal(shares["share:department=food"], [3 / 4, np.nan])
    np.testing.assert_array_equal(shares["share:department=home"], [1 / 4, np.nan])


def test_the_day_is_read_on_the_local_clock_across_summer_time(table, shop):
    # 2026-03-08, 07:00 UTC: New York goes from UTC-5 to UTC-4.
    def utc(day, hour, minute):
        return micros(datetime(2026, 3, day, hour, minute, tzinfo=UTC))

    rows = [
        (1, utc(7, 10, 30), 0, "a", 1, 0),  # 05:30 in winter time: night
        (1, utc(8, 6, 59), 0, "b", 1, 0),  # 01:59 the minute before the change: night
        (1, utc(8, 10, 30), 0, "c", 1, 0),  # 06:30 the same morning: morning
        (1, utc(9, 10, 30), 0, "d", 1, 0),  # 06:30 in summer time: morning
    ]
    events = {"purchase": table(rows, NAMES, [1])}
    shares = {k: v[0] for k, v in columns("time_of_day", events, shop).items()}
    assert shares == {
        "time_of_day:night": 0.5,
        "time_of_day:morning": 0.5,
        "time_of_day:afternoon": 0,
        "time_of_day:evening": 0,
    }


def test_rows_without_a_basket_are_one_visit_a_day(table, shop):
    rows = [(1, ago(3), 0, None, 1, 0), (1, ago(3), 1, None, 1, 0), (1, ago(1), 1, "x", 1, 0)]
    events = {"purchase": table(rows, NAMES, [1])}
    assert columns("frequency", events, shop)["frequency"].tolist() == [2]


def test_rows_without_a_number_for_a_basket_are_one_visit_a_day_as_well(table, shop):
    absent = int(np.iinfo(np.int64).min)
    rows = [(1, DAY_US, absent), (1, DAY_US + 5, absent), (1, 2 * DAY_US, absent)]
    events = {"purchase": table([*rows, (1, 3 * DAY_US, 7)], ["basket"], [1])}
    found = compute(["frequency"], events, None, shop, 9 * DAY_US, UTC)
    assert found["frequency"].tolist() == [3]


def test_equal_basket_ids_of_two_people_are_two_visits(table, shop):
    rows = [(1, ago(3), 0, "x", 1, 0), (2, ago(3), 0, "x", 1, 0)]
    events = {"purchase": table(rows, NAMES, [1, 2])}
    assert columns("frequency", events, shop)["frequency"].tolist() == [1, 1]


def test_what_comes_after_now_is_not_looked_at(table, shop):
    rows = [(1, ago(3), 0, "x", 100, 0), (1, NOW + 1, 0, "y", 900, 0)]
    events = {"purchase": table(rows, NAMES, [1])}
    found = compute(["monetary", "frequency"], events, None, shop, NOW, NEW_YORK)
    assert (found["monetary"][0], found["frequency"][0]) == (100, 1)


def test_whole_numbers_of_a_profile_leave_in_bands(table, shop):
    profiles = table([(1, 0, 34), (3, 0, NULL)], ["age"], [1, 2, 3])
    found = compute(["profile:age"], {}, profiles, shop, NOW, NEW_YORK)
    assert found["profile:age"].tolist() == ["30-39", None, None]


def test_bands_of_the_policy_stay_as_they_are(table, shop):
    profiles = table([(1, 0, "25-34"), (2, 0, None)], ["age"], [1, 2])
    found = compute(["profile:age"], {}, profiles, shop, NOW, NEW_YORK)
    assert found["profile:age"].tolist() == ["25-34", None]


def test_a_feature_needs_no_more_than_it_reads(table, shop):
    for declared in [*BUILT_IN.values(), feature("share:type")]:
        bare = [name.removeprefix("purchase.") for name in declared.needs]
        kinds = {"item": 0, "basket": "b", "value": 1, "discount": 1}
        rows = [(1, ago(1), *(kinds[name] for name in bare))]
        events = {"purchase": table(rows, bare, [1])}
        assert declared.columns  # a table of exactly these columns is enough
        assert compute([declared], events, None, shop, NOW, NEW_YORK)


def test_needs_of_several_features_are_their_union():
    assert needs(["monetary", "recency", "profile:age"]) == {
        "purchase.value",
        "purchase.basket",
        "profile.age",
    }


def test_a_host_may_declare_its_own_feature(events, shop):
    rows = Feature(
        "rows",
        frozenset({"purchase.item"}),
        lambda cohort: {"rows": np.diff(cohort.event("purchase").starts)},
        "Number of rows.",
    )
    assert columns(rows, events, shop)["rows"].tolist() == [6, 0]


@pytest.mark.parametrize("name", ["nothing", "share:", "income:age", ""])
def test_an_unknown_feature_is_refused(name):
    with pytest.raises(InvalidInput) as caught:
        feature(name)
    assert caught.value.reason == "features.unknown"


@pytest.mark.parametrize(("name", "bare"), [("monetary", ("item",)), ("profile:age", ("item",))])
def test_a_field_that_was_not_read_is_named(table, shop, name, bare):
    events = {"purchase": table([(1, 0, 0)], bare, [1])}
    with pytest.raises(InvalidInput) as caught:
        columns(name, events, shop)
    assert caught.value.reason == "features.unread"


def test_an_event_that_was_not_read_is_named(table, shop):
    with pytest.raises(InvalidInput, match="'purchase'"):
        columns("recency", {}, shop, profiles=table([], ["age"], [1]))


def test_tables_of_different_people_are_refused(events, table, shop):
    profiles = table([], ["age"], [7])
    with pytest.raises(InvalidInput) as caught:
        columns("recency", events, shop, profiles=profiles)
    assert caught.value.reason == "features.cohort"


def test_nothing_of_a_person_shows_in_a_repr(events, shop):
    seen = []

    def look(cohort):
        seen.append(repr(cohort))
        return {}

    columns(Feature("look", frozenset(), look, "."), events, shop)
    assert seen == ["Cohort(subjects=2)"]


@pytest.mark.parametrize("name", ["recency", "frequency", "days_between_visits", "time_of_day"])
def test_a_feature_over_another_event_is_the_same_feature(events, shop, name):
    renamed = {"visit": events["purchase"]}
    over = compute([f"{name}@visit.basket"], renamed, None, shop, NOW, NEW_YORK)
    same = compute([name], events, None, shop, NOW, NEW_YORK)
    assert over.keys() == same.keys()
    for column, values in same.items():
        np.testing.assert_array_equal(over[column], values)
    assert needs([f"{name}@visit.basket"]) == {"visit.basket"}


def test_shares_over_another_event_leave_out_what_is_hidden_as_well(events, shop):
    found = compute(
        ["share:department@visit.item"], {"visit": events["purchase"]}, None, shop, NOW, NEW_YORK
    )
    assert list(found) == ["share:department=food", "share:department=home"]


@pytest.mark.parametrize(
    "name",
    [
        "average_order@visit.value",  # reads two fields
        "profile:age@visit.item",
        "recency@visit",
        "recency@.basket",
        "recency@",
        "share:@visit.item",
        "nothing@visit.basket",
    ],
)
def test_what_cannot_be_read_from_another_field_is_no_feature(name):
    with pytest.raises(InvalidInput) as refusal:
        feature(name)
    assert refusal.value.reason == "features.unknown"


def test_two_features_with_one_column_are_refused(events, shop):
    both = {"purchase": events["purchase"], "visit": events["purchase"]}
    with pytest.raises(InvalidInput) as refusal:
        compute(["recency", "recency@visit.basket"], both, None, shop, NOW, NEW_YORK)
    assert refusal.value.reason == "features.double"


KINDS = {"visit.at": "id", "visit.item": "item", "visit.paid": "decimal", "visit.age": "band"}


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("recency@visit.at", True),
        ("frequency@visit.item", True),
        ("frequency@visit.paid", False),
        ("monetary@visit.paid", True),
        ("monetary@visit.item", False),  # a sum of codes is no amount
        ("share:type@visit.item", True),
        ("share:type@visit.at", False),
        ("time_of_day@visit.age", False),
        ("recency@visit.elsewhere", True),  # unknown: refused where it is asked for
        ("profile:age", True),
        ("average_order", True),
    ],
)
def test_a_feature_is_made_of_a_field_that_says_what_it_needs(name, taken):
    if taken:
        check_kinds([name], KINDS)
        return
    with pytest.raises(InvalidInput) as refusal:
        check_kinds([name], KINDS)
    assert refusal.value.reason == "features.kind"
