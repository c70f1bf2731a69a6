"""Values on their way in: every kind, and what is refused instead of being changed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import InvalidInput
from privet.ingest import typed
from privet.ingest.columns import MAX_EXACT, NULL, factorize, identifier
from privet.policy import FieldSpec, load

FIELDS = load("pack:grocery").fields
INT, MONEY = FIELDS["purchase.quantity"], FIELDS["purchase.value"]
SECONDS, ID, ITEM = FIELDS["view.dwell"], FIELDS["purchase.basket"], FIELDS["purchase.item"]
BAND, TEXT = FIELDS["profile.age"], FIELDS["profile.email"]
KINDS = {"int": INT, "decimal": MONEY, "seconds": SECONDS, "id": ID, "item": ITEM, "band": BAND}
CODES = {"kettle": 0, "7": 1}


def one(spec: FieldSpec, value: object) -> Any:
    """A single value as it is sealed; "bad" or "missing" where it is not."""
    array = np.empty(1, dtype=object)
    array[0] = value
    column = typed(spec, array, CODES)
    if column.missing[0]:
        return "missing"
    return "bad" if column.bad[0] else column.values[0]


@pytest.mark.parametrize(
    ("spec", "value", "sealed"),
    [
        (INT, 3, 3),
        (INT, "3", 3),
        (INT, np.int64(-3), -3),
        (INT, 3.0, 3),
        (INT, 3.5, "bad"),
        (INT, 1_000_000_000.5, "bad"),
        (INT, True, "bad"),
        (INT, 2**53 + 1, "bad"),
        pytest.param(INT, 10**5000, "bad", id="int-huge"),
        (INT, "9" * 50, "bad"),
        (INT, "three", "bad"),
        (INT, [3], "bad"),
        (INT, datetime(2026, 1, 1, tzinfo=UTC), "bad"),
        (MONEY, "2.50", 250),
        (MONEY, 2.5, 250),
        (MONEY, Decimal("2.50"), 250),
        (MONEY, np.float32(123.45), 12345),
        (MONEY, 0.1 + 0.2, 30),
        (MONEY, "2.505", "bad"),
        (MONEY, 2.505, "bad"),
        (MONEY, 6000.005, "bad"),
        (MONEY, "1e999999", "bad"),
        (MONEY, float("inf"), "bad"),
        (SECONDS, 12.5, 12.5),
        (SECONDS, -1, "bad"),
        (SECONDS, "1e999", "bad"),
        (SECONDS, "inf", "bad"),
        (SECONDS, False, "bad"),
        (ID, "b-1", "b-1"),
        (ID, 17, "17"),
        (ID, 17.0, "bad"),
        (ID, True, "bad"),
        pytest.param(ID, 10**5000, "bad", id="id-huge"),
        (ID, "a\x00b", "bad"),
        (ID, "e\u0301", "bad"),
        (ITEM, "kettle", 0),
        (ITEM, 7, 1),
        (ITEM, "unknown", -1),
        (BAND, "19-24", "19-24"),
        (BAND, "18", "bad"),
        (TEXT, "ada@example.com", "ada@example.com"),
        (TEXT, "\ud800", "bad"),
        (TEXT, "x" * 4097, "bad"),
        (TEXT, 17, "bad"),
        *((spec, none, "missing") for spec in KINDS.values() for none in (None, np.nan, pd.NA)),
    ],
)
def test_a_value_is_sealed_as_it_is_or_not_at_all(
    spec: FieldSpec, value: object, sealed: object
) -> None:
    assert one(spec, value) == sealed


numbers = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.floats(allow_nan=False, allow_infinity=True),
    st.decimals(-(10**6), 10**6, places=2).map(float),
)


@given(st.lists(numbers, min_size=2, max_size=20), st.sampled_from([INT, MONEY, SECONDS]))
def test_a_frame_and_a_form_take_the_same_numbers(values: list[float], spec: FieldSpec) -> None:
    frame = typed(spec, np.array(values, dtype=np.float64), {})
    for i, value in enumerate(values):
        form = one(spec, float(value))
        assert form == ("bad" if frame.bad[i] else frame.values[i])


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=20))
def test_amounts_survive_a_column_of_floats(amounts: list[Decimal]) -> None:
    column = typed(MONEY, np.array([float(a) for a in amounts]), {})
    assert not column.bad.any()
    assert column.values.tolist() == [int(a * 100) for a in amounts]


@given(st.floats(1e3, 1e9), st.floats(0.01, 0.99))
def test_no_fraction_is_rounded_away(whole: float, fraction: float) -> None:
    value = np.floor(whole) + fraction
    assert typed(INT, np.array([value, 1.0]), {}).bad[0]


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.decimals(),
    st.datetimes(),
)


@given(st.lists(anything, max_size=8), st.sampled_from([*KINDS.values(), TEXT]))
def test_whatever_comes_is_taken_marked_or_missing(values: list[object], spec: FieldSpec) -> None:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    column = typed(spec, array, CODES)
    for i, value in enumerate(values):
        assert not (column.bad[i] and column.missing[i])
        alone = one(spec, value)
        if column.missing[i] or column.bad[i]:
            assert alone == ("missing" if column.missing[i] else "bad")
        elif spec is not ITEM:
            assert alone == column.values[i]


@given(st.lists(st.sampled_from([1, 1.0, True, "1"]), min_size=2, max_size=8))
def test_equal_for_python_is_not_equal_for_an_id(values: list[object]) -> None:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    codes, distinct = factorize(array, np.zeros(len(values), bool))
    assert [type(distinct[c]) for c in codes] == [type(v) for v in values]


def test_a_column_of_truths_is_no_column_of_numbers() -> None:
    for spec in (INT, MONEY, SECONDS):
        assert typed(spec, np.array([True, False]), {}).bad.all()


def test_a_column_of_times_is_no_column_of_ids() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"]))
    for spec in (ID, INT, ITEM):
        assert typed(spec, times, {}).bad.all()


@pytest.mark.parametrize("dtype", ["str", "category", "object", "string"])
def test_texts_of_any_dtype_are_texts(dtype: str) -> None:
    column = typed(ID, pd.Series(["a", "b", None, "a"], dtype=dtype), {})
    assert column.values.tolist() == ["a", "b", None, "a"]
    assert column.missing.tolist() == [False, False, True, False]


@pytest.mark.parametrize("dtype", ["Int64", "float64", "object", "Float64"])
def test_numbers_of_any_dtype_are_numbers(dtype: str) -> None:
    column = typed(INT, pd.Series([1, None, 3], dtype=dtype), {})
    assert column.values.tolist() == [1, NULL, 3]
    assert column.missing.tolist() == [False, True, False]
    assert not column.bad.any()


def test_unknown_items_are_kept_once_each() -> None:
    column = typed(ITEM, pd.Series(["x", "kettle", "y", "x"]), CODES)
    assert column.values.tolist() == [-1, 0, -2, -1]
    assert column.extra == ("x", "y")


@given(st.integers())
def test_a_whole_number_is_an_id_by_its_digits(number: int) -> None:
    if abs(number) < 2**63:
        assert identifier(number) == str(number)
    else:
        with pytest.raises(InvalidInput):
            identifier(number)


def test_the_largest_exact_number_is_taken() -> None:
    assert typed(INT, np.array([MAX_EXACT, -MAX_EXACT]), {}).bad.tolist() == [False, False]
