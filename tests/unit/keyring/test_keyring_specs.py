"""The text that names a keyring: one form, no secret in it, and nothing guessed."""

from __future__ import annotations

import base64
import os

import pytest

import privet
from privet.db import Location
from privet.errors import KeyUnavailable
from privet.vault.keyring import Guarded, open_keyring, specs
from privet.vault.keyring.sources import source

HOME = Location(None, "postgresql://x")


def reason(act) -> str:
    with pytest.raises(KeyUnavailable) as caught:
        act()
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("file:/srv/keys", "file", "FileKeyring(<place hidden>)"),
        ("file:/srv/keys?passphrase=env:P", "file", "FileKeyring(<place hidden>)"),
        ("env:SHOP_KEY", "env", "EnvironmentKeyring('SHOP_KEY')"),
        ("os:shop", "os", "OsKeyring('shop')"),
        (
            "pkcs11:token=my%20shop?module-path=/usr/lib/x.so&pin-source=env:PIN",
            "pkcs11",
            "Pkcs11Keyring(token='my shop')",
        ),
        ("aws-kms:eu-west-1", "aws-kms", "AwsKmsKeyring(region='eu-west-1', waiting_days=7)"),
        (
            "aws-kms:eu-west-1?waiting-days=30",
            "aws-kms",
            "AwsKmsKeyring(region='eu-west-1', waiting_days=30)",
        ),
        ("vault:transit", "vault", "VaultKeyring(mount='transit')"),
        ("vault:team/transit?token=file:/run/t", "vault", "VaultKeyring(mount='team/transit')"),
    ],
)
def test_each_kind_is_named_by_a_text(text, kind, shown) -> None:
    ring = open_keyring(text, HOME)
    assert isinstance(ring, Guarded)
    assert ring.name == kind
    assert repr(ring._keyring) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file",
        "file:",
        "nonsense",
        "kms:eu-west-1",
        "FILE:/x",
        "file:/x?",
        "file:/x?passphrase",
        "file:/x?passphrase=",
        "file:/x?passphrase=secret",
        "file:/x?passphrase=env:",
        "file:/x?pin=env:X",
        "file:/x?passphrase=env:A&passphrase=env:B",
        "env:X?a=b",
        "os:x?a=b",
        "pkcs11:x",
        "pkcs11:token=",
        "pkcs11:token=x",
        "pkcs11:token=x?module-path=/m",
        "pkcs11:token=x?pin-source=env:P",
        "pkcs11:object=x?module-path=/m&pin-source=env:P",
        "pkcs11:token=x?module-path=/m&pin-value=1234",
        "pkcs11:token=x?module-path=/m&pin-source=1234",
        "aws-kms:",
        "aws-kms:eu-west-1?waiting-days=6",
        "aws-kms:eu-west-1?waiting-days=31",
        "aws-kms:eu-west-1?waiting-days=x",
        "aws-kms:eu-west-1?waiting-days=7.0",
        "aws-kms:eu-west-1?access-key=AKIA",
        "vault:transit?token=hvs.secret",
        "vault:transit?address=http://x",
    ],
)
def test_any_other_text_is_refused_and_not_repeated(text, monkeypatch) -> None:
    monkeypatch.delenv("PRIVET_KEYRING", raising=False)
    with pytest.raises(KeyUnavailable) as caught:
        open_keyring(text, HOME)
    assert caught.value.reason == ("keyring.kind" if text else "keyring.missing")
    assert not any(secret in str(caught.value) for secret in ("1234", "AKIA", "hvs."))


def test_every_kind_has_its_options_and_its_builder() -> None:
    assert set(specs.USES) == set(specs._OPTIONS) == set(specs._BUILDERS)


def test_a_secret_comes_from_the_environment_or_from_one_line_of_a_private_file(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("P", "blau")
    assert source("env:P")() == "blau"
    file = tmp_path / "p"
    file.write_text("grün gelb\n", encoding="utf-8")
    file.chmod(0o600)
    assert source(f"file:{file}")() == "grün gelb"
    file.write_text("anew")
    assert source(f"file:{file}")() == "anew"


def test_a_secret_that_is_not_there_or_not_one_line_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("P", raising=False)
    assert reason(source("env:P")) == "keyring.passphrase"
    assert reason(source(f"file:{tmp_path / 'none'}")) == "keyring.passphrase"
    assert reason(source(f"file:{tmp_path}")) == "keyring.passphrase"
    file = tmp_path / "p"
    for content in (b"", b"\n", b"a\nb\n", b"\xff\xfe", b"x" * 5000):
        file.write_bytes(content)
        file.chmod(0o600)
        assert reason(source(f"file:{file}")) == "keyring.passphrase"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602])
def test_a_secret_in_a_file_that_others_may_read_is_refused(tmp_path, mode) -> None:
    file = tmp_path / "p"
    file.write_text("blau")
    file.chmod(mode)
    assert reason(source(f"file:{file}")) == "key.readable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_in_a_file_of_somebody_else_is_refused(tmp_path) -> None:
    file = tmp_path / "p"
    file.write_text("blau")
    file.chmod(0o600)
    os.chown(file, 12345, 12345)
    assert reason(source(f"file:{file}")) == "key.readable"


def test_a_home_made_with_one_kind_opens_by_name_and_by_object(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    privet.open(tmp_path / "h", policy="pack:shop", keyring="env:SHOP_KEY", sync="OFF").close()
    privet.open(tmp_path / "h", keyring=privet.EnvironmentKeyring("SHOP_KEY"), sync="OFF").close()
    monkeypatch.setenv("PRIVET_KEYRING", "env:SHOP_KEY")
    privet.open(tmp_path / "h", sync="OFF").close()
    assert reason(lambda: privet.open(tmp_path / "h", keyring=7, sync="OFF")) == "keyring.kind"


def test_a_keyring_that_cannot_be_named_leaves_no_home_behind(tmp_path) -> None:
    home = tmp_path / "home"
    assert (
        reason(lambda: privet.open(home, policy="pack:shop", keyring="nonsense:x"))
        == "keyring.kind"
    )
    assert not home.exists()
