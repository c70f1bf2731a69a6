"""Keyrings beneath a whole deployment: what is released, what is refused, which date is stated."""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import providers

import privet
from privet.clock import micros
from privet.testing import agrees

MAIL = "ada@keyring-canary.example"


class Kept:
    """Somebody's own keyring: a file keyring that a test can switch off, or slow down."""

    name = "kept"

    def __init__(self, place: Path, clock: Any) -> None:
        self._inner = privet.FileKeyring(place, clock)
        self.refusal: str | None = None
        self.asked = 0

    def _answer(self) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise privet.KeyUnavailable("it is off", reason=self.refusal)

    def create(self) -> str:
        self._answer()
        return self._inner.create()

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        self._answer()
        return self._inner.wrap(ref, key, ad)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        self._answer()
        return self._inner.unwrap(ref, wrapped, ad)

    def destroy(self, ref: str) -> privet.Destruction:
        self._answer()
        return self._inner.destroy(ref)

    def destroys_within(self) -> int | None:
        return 0


@pytest.fixture
def kept(tmp_path: Path, clock: Any) -> Kept:
    return Kept(tmp_path / "kept", clock)


def lived_in(shop: privet.Deployment) -> Any:
    agrees(shop, "ada", "orders")
    till = shop.principal("till", roles=["storefront"]).purpose("orders")
    till.describe("ada", email=MAIL)
    return till


@pytest.mark.parametrize("reason", ["key.disabled", "key.timeout"])
def test_a_keyring_that_is_switched_off_stops_every_read_within_a_quarter_of_an_hour(
    where: str, kept: Kept, clock: Any, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    with privet.open(where, policy="pack:shop", keyring=kept, clock=clock, sync="OFF") as shop:
        till = lived_in(shop)
        asked = kept.asked
        for _ in range(5):
            assert till.profile("ada", "email") == {"email": MAIL}
        assert kept.asked == asked
        kept.refusal = reason
        start = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: start + 901)
        with pytest.raises(privet.KeyUnavailable) as refusal:
            till.profile("ada", "email")
        assert refusal.value.reason == reason
        with pytest.raises(privet.KeyUnavailable):
            till.describe("ada", email="another@keyring-canary.example")
        kept.refusal = None
        assert till.profile("ada", "email") == {"email": MAIL}


def test_a_deployment_whose_keyring_is_off_does_not_open(
    where: str, kept: Kept, clock: Any
) -> None:
    with privet.open(where, policy="pack:shop", keyring=kept, clock=clock, sync="OFF") as shop:
        lived_in(shop)
    kept.refusal = "key.sealed"
    with pytest.raises(privet.KeyUnavailable) as refusal:
        privet.open(where, keyring=kept, clock=clock, sync="OFF")
    assert refusal.value.reason == "key.sealed"
    kept.refusal = None
    privet.open(where, keyring=kept, clock=clock, sync="OFF").close()


def test_a_home_whose_first_secret_was_refused_is_finished_by_the_next_opening(
    where: str, kept: Kept, clock: Any
) -> None:
    kept.refusal = "key.denied"
    with pytest.raises(privet.KeyUnavailable):
        privet.open(where, policy="pack:shop", keyring=kept, clock=clock, sync="OFF")
    kept.refusal = None
    with privet.open(where, policy="pack:shop", keyring=kept, clock=clock, sync="OFF") as shop:
        assert lived_in(shop).profile("ada", "email") == {"email": MAIL}


def test_an_erasure_asks_no_keyring_for_what_it_destroys(
    where: str, kept: Kept, clock: Any
) -> None:
    """Her keys are rows: deleting them needs no provider, so one that is down delays nothing."""
    with privet.open(where, policy="pack:shop", keyring=kept, clock=clock, sync="OFF") as shop:
        lived_in(shop)
        kept.refusal = "key.unreachable"
        assert shop.subject("ada", proof="t").rights.erase().state == "done"


def test_ending_an_epoch_kills_copies_of_the_keys_store_with_each_keyring(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried with providers that destroy; the environment destroys nothing and says so."""
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    with providers.vault() as (url, _):
        monkeypatch.setenv("VAULT_ADDR", url)
        monkeypatch.setenv("VAULT_TOKEN", providers.TOKEN)
        rings = {
            "file": privet.FileKeyring(tmp_path / "files", clock),
            "vault": privet.VaultKeyring(clock=clock),
            "env": privet.EnvironmentKeyring("SHOP_KEY"),
        }
        opened = {name: _opened_by_a_copy(tmp_path / name, rings[name], clock) for name in rings}
    assert opened == {"file": "key.missing", "vault": "key.missing", "env": "opened"}


def _opened_by_a_copy(home: Path, ring: privet.Keyring, clock: Any) -> str:
    """What becomes of a keys store from before the epoch's end."""
    with privet.open(home, policy="pack:shop", keyring=ring, clock=clock, sync="OFF") as shop:
        lived_in(shop)
    shutil.copyfile(home / "keys.db", home.with_suffix(".copy"))
    with privet.open(home, keyring=ring, clock=clock, sync="OFF") as shop:
        shop.maintenance.rotate()
        ended = shop._parts.keys.epochs()[0]
    assert (ended.state, ended.provider) == ("destroyed", ring.name)
    dated = None if ring.name == "env" else micros(clock.now())
    assert ended.destroyed == dated
    shutil.copyfile(home.with_suffix(".copy"), home / "keys.db")
    try:
        privet.open(home, keyring=ring, clock=clock, sync="OFF").close()
    except privet.KeyUnavailable as refusal:
        return refusal.reason
    return "opened"


def test_the_date_of_kms_lies_ahead_and_is_kept_with_the_epoch(tmp_path: Path, clock: Any) -> None:
    with providers.kms() as url:
        ring = privet.AwsKmsKeyring(providers.kms_client(url), waiting_days=7)
        with privet.open(
            tmp_path / "home", policy="pack:shop", keyring=ring, clock=clock, sync="OFF"
        ) as shop:
            till = lived_in(shop)
            shop.maintenance.rotate()
            (ended, _) = shop._parts.keys.epochs()
            assert till.profile("ada", "email") == {"email": MAIL}
    assert ended.destroyed is not None
    ahead = timedelta(microseconds=ended.destroyed - time.time() * 1_000_000)
    assert timedelta(days=7) < ahead < timedelta(days=8, minutes=1)


def test_a_home_of_one_keyring_refuses_another(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    home = tmp_path / "home"
    privet.open(home, policy="pack:shop", keyring=f"file:{tmp_path / 'ring'}", sync="OFF").close()
    for other in (f"file:{tmp_path / 'other'}", "env:SHOP_KEY"):
        with pytest.raises(privet.KeyUnavailable) as refusal:
            privet.open(home, keyring=other, sync="OFF")
        assert refusal.value.reason == ("key.missing" if "file" in other else "keyring.other")


def test_a_store_holds_no_secret_of_a_keyring(tmp_path: Path, monkeypatch) -> None:
    key = os.urandom(32)
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(key).decode())
    home = tmp_path / "home"
    with privet.open(home, policy="pack:shop", keyring="env:SHOP_KEY", sync="OFF") as shop:
        lived_in(shop)
    assert privet.testing.scan(home, key, os.environ["SHOP_KEY"], MAIL) == []
    with sqlite3.connect(home / "keys.db") as store:
        assert store.execute("SELECT provider FROM epoch").fetchall() == [("env",)]
