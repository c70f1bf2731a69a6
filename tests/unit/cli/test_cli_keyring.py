"""``privet init`` with a keyring of any kind, also one that refuses at first."""

from __future__ import annotations

import base64
import os


def test_a_home_whose_keyring_refused_is_made_on_and_not_said_to_be_there(cli, monkeypatch):
    monkeypatch.delenv("SHOP_KEY", raising=False)
    made = ("init", "--home", "h", "--policy", "pack:shop", "--keyring", "env:SHOP_KEY", "--json")
    first = cli(*made)
    assert (first.code, first.json["error"]["reason"]) == (6, "key.missing")
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    assert cli(*made).code == 0
    assert cli(*made).json["error"]["reason"] == "home.exists"


def test_what_comes_next_names_the_keyring_that_was_named(cli, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    made = cli(
        "init", "--home", "h", "--policy", "pack:shop", "--keyring", "env:SHOP_KEY", "--json"
    )
    *_, doctor = made.json["next"]
    assert doctor == "privet doctor --home h --keyring env:SHOP_KEY"
    assert cli(*doctor.split()[1:]).code == 0


def test_a_kind_that_is_unknown_makes_nothing(cli, tmp_path):
    told = cli("init", "--home", "h", "--policy", "pack:shop", "--keyring", "kms:x", "--json")
    assert (told.code, told.json["error"]["reason"]) == (6, "keyring.kind")
    assert "aws-kms:REGION" in told.json["error"]["remedy"]
    assert cli("doctor", "--home", "h", "--json").code == 1
