"""A file keyring under a passphrase: Argon2id by RFC 9106, and nothing without the passphrase."""

from __future__ import annotations

import base64
import sys

import pytest
from tests.providers import AD, KEY

from privet import FileKeyring
from privet.crypto import Aead, stretch
from privet.errors import MissingExtra
from privet.testing import check_keyring
from privet.vault.keyring import passphrase as sealing
from privet.vault.keyring.sources import source

WORDS = "vier Worte und kein Spruch"


@pytest.fixture
def light(monkeypatch):
    """A hundredth of the memory, for tests that ask often."""
    monkeypatch.setattr(sealing, "_MEMORY_KIB", 512)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "keys"


def ring(place, words=WORDS):
    return FileKeyring(place, passphrase=None if words is None else lambda: words)


def test_it_keeps_what_every_keyring_promises(light, place) -> None:
    check_keyring(ring(place))


def test_a_key_is_derived_as_the_reference_implementation_does() -> None:
    """A test vector of phc-winner-argon2 (src/test.c, version 0x13, Argon2id)."""
    found = stretch(b"password", b"somesalt", memory=65536, passes=2, lanes=1)
    assert found.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


def test_a_new_file_has_the_second_recommendation_of_rfc_9106_and_a_salt_of_its_own(place) -> None:
    refs = {ring(place).create(), ring(place).create()}
    files = [(place / f"{ref}.key").read_bytes() for ref in refs]
    assert all(f.startswith(b"privet-epoch-argon2id-v1 m=65536,t=3,p=4 ") for f in files)
    salts = {base64.b64decode(f.split(b" ")[2]) for f in files}
    assert [len(salt) for salt in salts] == [16, 16]
    assert all(len(f) <= sealing.LENGTH for f in files)
    assert (place / f"{refs.pop()}.key").stat().st_mode & 0o777 == 0o600


def test_the_file_is_of_the_documented_form_and_opens_by_hand(light, place) -> None:
    keyring = ring(place)
    ref = keyring.create()
    whole = (place / f"{ref}.key").read_bytes()
    magic, numbers, salt, sealed = whole.rstrip(b"\n").split(b" ")
    assert (magic, numbers) == (b"privet-epoch-argon2id-v1", b"m=512,t=3,p=4")
    key = stretch(WORDS.encode(), base64.b64decode(salt), memory=512, passes=3, lanes=4)
    ad = whole[: whole.rindex(b" ") + 1] + ref.encode()
    secret = Aead(key).open(base64.b64decode(sealed), ad)
    assert Aead(secret).open(keyring.wrap(ref, KEY, AD), AD) == KEY


def test_the_secret_is_nowhere_in_the_file(light, place, monkeypatch) -> None:
    monkeypatch.setattr("privet.vault.keyring.file.random_key", lambda: KEY)
    ref = ring(place).create()
    content = (place / f"{ref}.key").read_bytes()
    assert KEY not in content
    assert base64.b64encode(KEY) not in content
    assert WORDS.encode() not in content


@pytest.mark.parametrize("words", [None, "", "another", WORDS + " ", WORDS.upper()])
def test_without_the_passphrase_nothing_opens(light, place, at, refused, words) -> None:
    ref, wrapped = at(ring(place)).wrapped()
    assert refused(lambda: at(ring(place, words)).unwrap(ref, wrapped)) == "keyring.passphrase"


def test_one_that_is_not_set_makes_no_file(light, place, at, refused, monkeypatch) -> None:
    monkeypatch.delenv("NOBODY", raising=False)
    unset = FileKeyring(place, passphrase=source("env:NOBODY"))
    assert refused(at(unset).ring.create) == "keyring.passphrase"
    assert not list(place.iterdir())


def test_files_from_before_the_passphrase_open_and_new_ones_are_sealed(light, place) -> None:
    plain = ring(place, None)
    ref = plain.create()
    wrapped = plain.wrap(ref, KEY, AD)
    assert ring(place).unwrap(ref, wrapped, AD) == KEY
    assert (place / f"{ring(place).create()}.key").read_bytes().startswith(sealing.MAGIC)


def test_every_changed_byte_is_refused(light, place, at, refused) -> None:
    keyring = at(ring(place))
    ref, wrapped = keyring.wrapped()
    file = place / f"{ref}.key"
    whole = file.read_bytes()
    for position in range(0, len(whole), 7):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert refused(lambda: keyring.unwrap(ref, wrapped)) in {
            "key.malformed",
            "keyring.passphrase",
        }
    for content in (whole[:-1], whole + b"\n", whole * 2):
        file.write_bytes(content)
        assert refused(lambda: keyring.unwrap(ref, wrapped)) == "key.malformed"


def test_a_file_of_another_reference_is_refused(light, place, at, refused) -> None:
    keyring = at(ring(place))
    ref, wrapped = keyring.wrapped()
    other = keyring.ring.create()
    (place / f"{ref}.key").rename(place / f"{other}.key")
    assert refused(lambda: keyring.unwrap(other, wrapped)) == "keyring.passphrase"


@pytest.mark.parametrize(
    "numbers", [b"m=9999999,t=3,p=4", b"m=512,t=99,p=4", b"m=512,t=3,p=99", b"m=8,t=3,p=4"]
)
def test_a_file_may_not_ask_for_more_than_is_given(light, place, at, refused, numbers) -> None:
    keyring = at(ring(place))
    ref, wrapped = keyring.wrapped()
    file = place / f"{ref}.key"
    file.write_bytes(file.read_bytes().replace(b"m=512,t=3,p=4", numbers))
    assert refused(lambda: keyring.unwrap(ref, wrapped)) == "key.malformed"


def test_what_a_file_holds_counts_so_that_parameters_may_change(light, place, monkeypatch) -> None:
    ref = ring(place).create()
    wrapped = ring(place).wrap(ref, KEY, AD)
    monkeypatch.setattr(sealing, "_MEMORY_KIB", 1024)
    assert ring(place).unwrap(ref, wrapped, AD) == KEY


def test_a_sealed_file_is_overwritten_to_its_end(light, place, clock) -> None:
    keyring = FileKeyring(place, clock, passphrase=lambda: WORDS)
    ref = keyring.create()
    file, witness = place / f"{ref}.key", place / "witness"
    whole = file.read_bytes()
    witness.hardlink_to(file)
    assert keyring.destroy(ref).date == int(clock.now().timestamp() * 1e6)
    left = witness.read_bytes()
    assert len(left) >= len(whole)
    assert not any(whole[at : at + 8] in left for at in range(len(whole) - 8))


def test_without_the_package_the_extra_is_named(light, place, at, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "argon2.low_level", None)
    with pytest.raises(MissingExtra, match=r"privet\[passphrase\]"):
        at(ring(place)).ring.create()
