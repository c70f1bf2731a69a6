"""Moving keys from one kind of keyring to another, while workers go on."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests import providers

import privet
from privet.testing import agrees

MAIL = "ada@moving-canary.example"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    return "env:SHOP_KEY"


def lived_in(where: str, **more: Any) -> None:
    with privet.open(where, policy="pack:shop", sync="OFF", **more) as shop:
        agrees(shop, "ada", "orders")
        shop.principal("till", roles=["storefront"]).purpose("orders").describe("ada", email=MAIL)


def seen(shop: privet.Deployment) -> object:
    return shop.principal("till", roles=["storefront"]).purpose("orders").profile("ada", "email")


def reason(act: Any) -> str:
    with pytest.raises(privet.KeyUnavailable) as caught:
        act()
    return caught.value.reason


def test_an_epochs_end_moves_every_key_and_then_the_new_keyring_is_enough(
    where: str, tmp_path: Path
) -> None:
    old = f"file:{tmp_path / 'ring'}"
    lived_in(where, keyring=old)
    with providers.vault() as (url, _):
        new = privet.VaultKeyring(providers.vault_client(url))
        with privet.open(where, keyring=new, former_keyring=old, sync="OFF") as shop:
            assert seen(shop) == {"email": MAIL}
            shop.maintenance.rotate()
            assert seen(shop) == {"email": MAIL}
            assert [(e.provider, e.state) for e in shop._parts.keys.epochs()] == [
                ("file", "destroyed"),
                ("vault", "active"),
            ]
        assert not list((tmp_path / "ring").iterdir())
        with privet.open(where, keyring=new, sync="OFF") as shop:
            assert seen(shop) == {"email": MAIL}
        assert reason(lambda: privet.open(where, keyring=old, sync="OFF")) == "keyring.other"


def test_workers_with_both_go_on_on_either_side_of_the_move(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, old = str(tmp_path / "home"), f"file:{tmp_path / 'ring'}"
    lived_in(home, keyring=old)
    monkeypatch.setenv("PRIVET_FORMER_KEYRING", old)
    with (
        privet.open(home, keyring=key, sync="OFF") as worker,
        privet.open(home, keyring=key, sync="OFF") as other,
    ):
        assert seen(worker) == {"email": MAIL}
        other.maintenance.rotate()
        assert seen(worker) == {"email": MAIL}
        worker._parts.keys.forget()
        assert seen(worker) == {"email": MAIL}


def test_the_file_names_both(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PRIVET_HOME", "PRIVET_KEYRING", "PRIVET_FORMER_KEYRING"):
        monkeypatch.delenv(name, raising=False)
    lived_in("home", keyring="file:ring")
    (tmp_path / "privet.toml").write_text(
        f'home = "home"\nkeyring = "{key}"\nformer_keyring = "file:ring"\n'
    )
    with privet.open(sync="OFF") as shop:
        assert seen(shop) == {"email": MAIL}
        told = {found.check: found.what for found in shop.maintenance.examine()}
        assert told["keyring"].startswith("file;")


def test_without_the_former_one_the_home_says_which_kind_is_missing(
    tmp_path: Path, key: str
) -> None:
    home = str(tmp_path / "home")
    lived_in(home, keyring=f"file:{tmp_path / 'ring'}")
    with pytest.raises(privet.KeyUnavailable, match="of the kind 'file'") as caught:
        privet.open(home, keyring=key, sync="OFF")
    assert caught.value.reason == "keyring.other"


def test_two_of_one_kind_cannot_be_told_apart_and_are_refused(tmp_path: Path) -> None:
    home, old = str(tmp_path / "home"), f"file:{tmp_path / 'ring'}"
    lived_in(home, keyring=old)
    more = {"former_keyring": f"file:{tmp_path / 'other'}", "sync": "OFF"}
    assert reason(lambda: privet.open(home, keyring=old, **more)) == "keyring.kind"


def test_while_both_hold_epochs_the_longer_destruction_counts(tmp_path: Path, key: str) -> None:
    home, ring = str(tmp_path / "home"), privet.FileKeyring(tmp_path / "ring")
    lived_in(home, keyring=ring)
    slow = privet.AwsKmsKeyring(object(), waiting_days=9)
    with privet.open(home, keyring=ring, former_keyring=slow, sync="OFF") as shop:
        assert shop._parts.keys.destroys_within() == slow.destroys_within()
    with privet.open(home, keyring=ring, former_keyring=key, sync="OFF") as shop:
        assert shop._parts.keys.destroys_within() is None


def test_a_copy_from_before_the_move_opens_nothing_after_it(tmp_path: Path, key: str) -> None:
    home, old = tmp_path / "home", f"file:{tmp_path / 'ring'}"
    lived_in(str(home), keyring=old)
    shutil.copyfile(home / "keys.db", tmp_path / "copy")
    with privet.open(home, keyring=key, former_keyring=old, sync="OFF") as shop:
        shop.maintenance.rotate()
    shutil.copyfile(tmp_path / "copy", home / "keys.db")
    assert (
        reason(lambda: privet.open(home, keyring=key, former_keyring=old, sync="OFF"))
        == "key.missing"
    )
