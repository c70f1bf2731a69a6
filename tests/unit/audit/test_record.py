"""Canonical bytes: one spelling for each body, and nothing that has two."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from privet.audit.record import MAX_BYTES, MAX_INT, decode, encode
from privet.errors import IntegrityError, InvalidInput


def test_keys_are_sorted_at_every_level_and_nothing_is_padded() -> None:
    body = {"b": [1, {"z": None, "a": True}], "a": "é"}
    assert encode(body) == '{"a":"é","b":[1,{"a":true,"z":null}]}'.encode()


def test_control_characters_are_escaped_as_rfc_8785_says() -> None:
    assert encode({"k": '\b\t\n\f\r"\\\x0f\x7f/€'}) == (
        b'{"k":"\\b\\t\\n\\f\\r\\"\\\\\\u000f\x7f/\xe2\x82\xac"}'
    )


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        math.nan,
        b"bytes",
        {1, 2},
        datetime(2026, 1, 1, tzinfo=UTC),
        MAX_INT + 1,
        -MAX_INT - 1,
        {1: "a"},
        {"é": 1},
        "\ud800",
        [[1.0]],
        object(),
    ],
)
def test_anything_with_two_readings_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode({"k": value})
    assert caught.value.reason == "record.form"
    assert "1.5" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_largest_integers_are_taken() -> None:
    assert encode({"k": [MAX_INT, -MAX_INT]}) == b'{"k":[9007199254740991,-9007199254740991]}'


def test_a_body_of_65535_bytes_is_taken_and_one_more_is_not() -> None:
    room = MAX_BYTES - len(b'{"k":""}')
    assert len(encode({"k": "x" * room})) == MAX_BYTES
    with pytest.raises(InvalidInput) as caught:
        encode({"k": "x" * (room + 1)})
    assert caught.value.reason == "record.size"
    assert "xxx" not in str(caught.value)


def test_deep_nesting_is_refused_before_it_exhausts_the_stack() -> None:
    value: list[object] = []
    for _ in range(50_000):
        value = [value]
    with pytest.raises(InvalidInput):
        encode({"k": value})


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"1", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_object_are_an_integrity_error(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode(data)
