"""A key in the environment: it wraps, it can be replaced, and it never claims to be destroyed."""

from __future__ import annotations

import base64
import os

import pytest
from tests.providers import AD, KEY

from privet import EnvironmentKeyring
from privet.testing import check_keyring


def fresh() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def ring(monkeypatch):
    monkeypatch.setenv("SHOP_KEY", fresh())
    return EnvironmentKeyring("SHOP_KEY")


def test_it_keeps_what_every_keyring_promises(ring) -> None:
    check_keyring(ring)


def test_nothing_is_destroyed_and_no_date_is_stated(ring) -> None:
    ref = ring.create()
    wrapped = ring.wrap(ref, KEY, AD)
    told = ring.destroy(ref)
    assert told.date is None
    assert "nothing was destroyed" in told.evidence
    assert ring.unwrap(ref, wrapped, AD) == KEY


def test_a_key_is_replaced_by_putting_the_new_one_in_front(ring, at, refused, monkeypatch) -> None:
    ref, wrapped = at(ring).wrapped()
    old, new = os.environ["SHOP_KEY"], fresh()
    monkeypatch.setenv("SHOP_KEY", f"{new}, {old}")
    assert ring.unwrap(ref, wrapped, AD) == KEY
    later, rewrapped = at(ring).wrapped()
    monkeypatch.setenv("SHOP_KEY", new)
    assert ring.unwrap(later, rewrapped, AD) == KEY
    assert refused(lambda: at(ring).unwrap(ref, wrapped)) == "key.missing"


def test_a_variable_that_is_not_set_or_holds_no_key_is_refused(
    ring, at, refused, monkeypatch
) -> None:
    ref, wrapped = at(ring).wrapped()
    short, loose = base64.b64encode(b"canary" * 3).decode(), fresh()[:-1] + "!"
    for value in (short, loose, "canary", fresh() + ",", fresh() + " " + fresh()):
        monkeypatch.setenv("SHOP_KEY", value)
        assert refused(lambda: at(ring).unwrap(ref, wrapped)) == "key.malformed"
    for value in (None, ""):
        monkeypatch.delenv("SHOP_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("SHOP_KEY", value)
        assert refused(lambda: at(ring).unwrap(ref, wrapped)) == "key.missing"
        assert refused(at(ring).ring.create) == "key.missing"


def test_a_reference_tells_nothing_of_the_key(ring) -> None:
    key = base64.b64decode(os.environ["SHOP_KEY"])
    ref = ring.create()
    assert key.hex()[:16] not in ref
    assert key[:8].hex() not in ref


@pytest.mark.parametrize(
    "ref", ["", "0" * 16, "0" * 16 + "." + "0" * 31, "g" * 16 + "." + "0" * 32]
)
def test_a_reference_of_another_form_is_refused(ring, at, refused, ref) -> None:
    assert refused(lambda: at(ring).unwrap(ref, b"")) == "key.malformed"
    assert refused(lambda: at(ring).ring.destroy(ref)) == "key.malformed"
