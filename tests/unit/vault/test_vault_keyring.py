"""The file keyring gives a key only from a file that is private, whole and its own."""

from __future__ import annotations

import os
import time

import pytest

from privet.db import Location
from privet.errors import IntegrityError, KeyUnavailable
from privet.vault import FileKeyring, Keys, open_keyring

KEY = bytes(range(32))


@pytest.fixture
def place(tmp_path):
    return tmp_path / "keyring"


@pytest.fixture
def keyring(place, clock):
    return FileKeyring(place, clock)


def reason(act) -> str:
    with pytest.raises(KeyUnavailable) as caught:
        act()
    return caught.value.reason


def test_a_wrapped_key_comes_back_only_for_what_it_was_bound_to(keyring) -> None:
    ref = keyring.create()
    wrapped = keyring.wrap(ref, KEY, b"here")
    assert KEY not in wrapped
    assert keyring.unwrap(ref, wrapped, b"here") == KEY
    assert reason(lambda: keyring.unwrap(ref, wrapped, b"there")) == "key.foreign"
    assert reason(lambda: keyring.unwrap(keyring.create(), wrapped, b"here")) == "key.foreign"


def test_files_and_directory_are_private_whatever_the_umask(place, clock) -> None:
    before = os.umask(0)
    try:
        ref = FileKeyring(place, clock).create()
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / f"{ref}.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(keyring, place, mode) -> None:
    ref = keyring.create()
    (place / f"{ref}.key").chmod(mode)
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.readable"


def test_a_directory_that_others_may_enter_is_refused(keyring, place) -> None:
    ref = keyring.create()
    place.chmod(0o755)
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.readable"
    assert reason(keyring.create) == "key.readable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(keyring, place) -> None:
    ref = keyring.create()
    os.chown(place / f"{ref}.key", 12345, 12345)
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.readable"


def test_links_are_refused(keyring, place) -> None:
    ref = keyring.create()
    file = place / f"{ref}.key"
    file.rename(place / "elsewhere")
    file.symlink_to(place / "elsewhere")
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.malformed"
    place.rename(place.with_name("moved"))
    place.symlink_to(place.with_name("moved"))
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.malformed"


def test_a_missing_file_or_directory_is_told(keyring, place, tmp_path) -> None:
    ref = keyring.create()
    (place / f"{ref}.key").unlink()
    assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.missing"
    assert reason(lambda: FileKeyring(tmp_path / "no").wrap(ref, KEY, b"")) == "key.missing"


def test_a_file_of_another_form_is_refused(keyring, place) -> None:
    ref = keyring.create()
    file = place / f"{ref}.key"
    whole = file.read_bytes()
    for content in (
        b"",
        whole[:-2],
        whole + b"x",
        b"X" + whole[1:],
        whole[:20] + b"!" + whole[21:],
    ):
        file.write_bytes(content)
        assert reason(lambda: keyring.wrap(ref, KEY, b"")) == "key.malformed"


@pytest.mark.parametrize("ref", ["", "../../etc/passwd", "a" * 31, "G" * 32, "a" * 31 + "\n"])
def test_a_reference_never_leads_out_of_the_directory(keyring, ref) -> None:
    keyring.create()
    assert reason(lambda: keyring.unwrap(ref, b"", b"")) == "key.malformed"


def test_destruction_overwrites_tells_its_date_and_may_be_repeated(keyring, place, clock) -> None:
    ref = keyring.create()
    wrapped = keyring.wrap(ref, KEY, b"")
    file = place / f"{ref}.key"
    secret = file.read_bytes()[16:60]
    os.link(file, place / "witness")
    told = keyring.destroy(ref)
    assert told.date == int(clock.now().timestamp() * 1e6)
    assert secret not in (place / "witness").read_bytes()
    assert reason(lambda: keyring.unwrap(ref, wrapped, b"")) == "key.missing"
    assert keyring.destroy(ref).date == told.date


def test_keyrings_are_opened_by_name(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("PRIVET_KEYRING", raising=False)
    directory, database = Location(tmp_path, None), Location(None, "postgresql://x")
    open_keyring(None, directory).create()
    assert len(list((tmp_path / "keyring").iterdir())) == 1
    assert reason(lambda: open_keyring(None, database)) == "keyring.missing"
    for spec in ("kms:x", "file:", "nonsense"):
        assert reason(lambda s=spec: open_keyring(s, directory)) == "keyring.kind"
    monkeypatch.setenv("PRIVET_KEYRING", f"file:{tmp_path / 'other'}")
    open_keyring(None, database).create()
    assert len(list((tmp_path / "other").iterdir())) == 1


def test_secrets_stay_the_same_for_every_process_of_a_deployment(shop, another) -> None:
    other = another()
    for name in ("ref", "suppress", "mac", "dedup", "details", "signing"):
        assert shop.keys.secret(name) == other.keys.secret(name)
    assert len({shop.keys.secret(n) for n in ("ref", "suppress", "mac", "dedup")}) == 4
    assert reason(lambda: shop.keys.secret("kek")) == "key.missing"


def test_a_store_that_was_never_initialised_gives_no_key(home, keyring, clock) -> None:
    keys = Keys(home.keys, keyring, home.deployment, clock)
    assert reason(lambda: keys.secret("ref")) == "key.missing"
    assert reason(keys.timeline) == "key.missing"
    assert reason(keys.rotate) == "key.missing"


def test_the_keyring_of_another_deployment_is_foreign(shop, home, clock, tmp_path) -> None:
    keys = Keys(home.keys, FileKeyring(tmp_path / "keyring"), b"another one here", clock)
    assert reason(lambda: keys.secret("ref")) == "key.foreign"


def test_another_secret_in_the_file_is_foreign(shop, another, tmp_path) -> None:
    (file,) = (tmp_path / "keyring").iterdir()
    other = FileKeyring(tmp_path / "second")
    file.write_bytes((tmp_path / "second" / f"{other.create()}.key").read_bytes())
    shop.keys.forget()
    assert reason(lambda: shop.keys.secret("ref")) == "key.foreign"


def test_an_epochs_key_is_asked_for_again_after_a_quarter_of_an_hour(
    shop, tmp_path, monkeypatch
) -> None:
    (file,) = (tmp_path / "keyring").iterdir()
    shop.keys.make_for_subjects({(1, 1)})
    file.rename(tmp_path / "away")
    start = time.monotonic()
    assert len(shop.keys.of_subjects([1], [1])) == 1
    monkeypatch.setattr(time, "monotonic", lambda: start + 901)
    assert reason(lambda: shop.keys.make_for_subjects({(2, 1)})) == "key.missing"
    assert reason(lambda: shop.keys.of_subjects([1], [1])) == "key.missing"


def test_rotation_rewraps_the_living_and_destroys_the_old_secret(shop, another, tmp_path) -> None:
    shop.seal(shop.purchases((1, 10, 1)))
    model = shop.keys.model_key(4, 1, create=True)
    mac = shop.keys.secret("mac")
    (old,) = (tmp_path / "keyring").iterdir()
    with shop.home.keys.read() as tx:
        backup = tx.all("SELECT sno, dom, gen, kek_id, wrapped, kc FROM subject_key")
    other = another()
    assert other.keys.secret("mac") == mac
    assert shop.keys.rotate() == 2
    assert not old.exists()
    assert shop.keys.destruction(1) is not None
    assert shop.keys.destruction(2) is None
    for reader in (shop, other, another()):
        assert reader.read(1).columns["item"].tolist() == [1]
        assert reader.keys.secret("mac") == mac
        assert reader.keys.model_key(4, 1) == model
        reader.seal(reader.purchases((9, 10, 1)))
    with shop.home.keys.write() as tx:
        tx.run("DELETE FROM subject_key WHERE sno = 1")
        tx.many("INSERT INTO subject_key VALUES (?, ?, ?, ?, ?, ?)", backup)
    shop.keys.forget()
    assert reason(lambda: shop.read(1)) == "key.missing"


def test_an_interrupted_destruction_is_made_up_for(shop, tmp_path, monkeypatch) -> None:
    (old,) = (tmp_path / "keyring").iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(FileKeyring, "destroy", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.keys.rotate()
    assert old.exists()
    shop.keys.rotate()
    assert not old.exists()
    assert len(list((tmp_path / "keyring").iterdir())) == 1


def test_a_model_key_is_one_per_version_and_can_be_destroyed(shop) -> None:
    first = shop.keys.model_key(1, 1, create=True)
    assert shop.keys.model_key(1, 1, create=True) == first
    assert shop.keys.model_key(1, 2, create=True) != first
    shop.keys.destroy_model_key(1, 1)
    assert reason(lambda: shop.keys.model_key(1, 1)) == "key.missing"


def test_a_changed_wrapped_key_is_damage(shop) -> None:
    shop.keys.make_for_subjects({(1, 1)})
    with shop.home.keys.write() as tx:
        (wrapped,) = tx.one("SELECT wrapped FROM subject_key")
        broken = bytes(wrapped)[:-1] + bytes([bytes(wrapped)[-1] ^ 1])
        tx.run("UPDATE subject_key SET wrapped = ?", (broken,))
    with pytest.raises(IntegrityError):
        shop.keys.of_subjects([1], [1])


def test_an_epoch_wraps_only_so_many_keys(shop) -> None:
    with shop.home.keys.write() as tx:
        tx.run("UPDATE epoch SET wraps = ?", (2**31,))
    assert reason(lambda: shop.keys.make_for_subjects({(1, 1)})) == "key.exhausted"
