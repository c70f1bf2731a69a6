"""The operating system's keyring: GNOME's over the Secret Service, and the ones that are none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError
from tests.providers import AD, KEY

from privet import OsKeyring
from privet.errors import MissingExtra
from privet.testing import check_keyring

DESKTOP = """
set -e
printf canary | gnome-keyring-daemon --unlock --components=secrets > /dev/null
exec "$0" -P -c "$1"
"""
TRIED = """
import keyring
from privet import OsKeyring
from privet.testing import check_keyring
assert type(keyring.get_keyring()).__module__ == "keyring.backends.SecretService"
ring = OsKeyring("privet-test")
check_keyring(ring)
ref = ring.create()
assert ring.destroy(ref).date is None
assert keyring.get_password("privet-test", ref) is None
print("kept")
"""


class Drawer(KeyringBackend):
    """Entries in memory, as somebody's own backend might keep them."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.entries = {}
        self.error = None

    def _tell(self):
        if self.error is not None:
            raise self.error

    def get_password(self, service, username):
        self._tell()
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        self._tell()
        self.entries[service, username] = password

    def delete_password(self, service, username):
        if (service, username) not in self.entries:
            raise PasswordDeleteError("canary")
        del self.entries[service, username]


def test_it_keeps_what_every_keyring_promises_on_a_desktop(tmp_path) -> None:
    for program in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}: apt-get install dbus gnome-keyring")
    told = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", DESKTOP, sys.executable, TRIED],
        env={**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout == "kept\n", told.stderr


def test_it_keeps_what_every_keyring_promises_with_a_backend_of_ones_own() -> None:
    check_keyring(OsKeyring(backend=Drawer()))


def test_destroying_removes_the_entry_and_states_no_date() -> None:
    drawer = Drawer()
    ring = OsKeyring("shop", backend=drawer)
    ref = ring.create()
    assert list(drawer.entries) == [("shop", ref)]
    for _ in range(2):
        told = ring.destroy(ref)
        assert told.date is None
        assert "no date can be stated" in told.evidence
    assert not drawer.entries


@pytest.mark.parametrize("nobody", [fail.Keyring, null.Keyring])
def test_a_headless_machine_is_refused_in_words(at, refused, monkeypatch, nobody) -> None:
    monkeypatch.setattr(keyring, "get_keyring", nobody)
    assert refused(at(OsKeyring()).ring.create) == "keyring.backend"
    assert refused(at(OsKeyring(backend=nobody())).ring.create) == "keyring.backend"


def test_a_backend_that_is_not_of_an_operating_system_is_refused_unless_chosen(
    at, refused, monkeypatch
) -> None:
    monkeypatch.setattr(keyring, "get_keyring", Drawer)
    assert refused(at(OsKeyring()).ring.create) == "keyring.backend"
    assert at(OsKeyring(backend=Drawer())).ring.create()


def test_a_chain_counts_by_its_parts(at, refused, monkeypatch) -> None:
    class Chain(chainer.ChainerBackend):
        backends = (fail.Keyring(),)

    monkeypatch.setattr(keyring, "get_keyring", Chain)
    assert refused(at(OsKeyring()).ring.create) == "keyring.backend"
    Chain.backends = (Drawer(), fail.Keyring())
    assert refused(at(OsKeyring()).ring.create) == "keyring.backend"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyringLocked("canary"), "key.sealed"),
        (KeyringError("canary"), "key.failed"),
        (RuntimeError("canary"), "key.failed"),
    ],
)
def test_a_backend_that_refuses_is_told(at, refused, error, reason) -> None:
    drawer = Drawer()
    ring = at(OsKeyring(backend=drawer))
    ref, wrapped = ring.wrapped()
    drawer.error = error
    assert refused(lambda: ring.unwrap(ref, wrapped)) == reason


def test_an_entry_that_is_gone_or_changed_is_refused(at, refused) -> None:
    drawer = Drawer()
    ring = at(OsKeyring("shop", backend=drawer))
    ref, wrapped = ring.wrapped()
    for content in ("canary", "", "QUJD", "ÄÖ"):
        drawer.entries["shop", ref] = content
        assert refused(lambda: ring.unwrap(ref, wrapped)) == "key.malformed"
    del drawer.entries["shop", ref]
    assert refused(lambda: ring.unwrap(ref, wrapped)) == "key.missing"
    assert refused(lambda: ring.unwrap("../x", wrapped)) == "key.malformed"


def test_without_the_package_the_extra_is_named(at, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"privet\[keyring\]"):
        at(OsKeyring()).ring.wrap("0" * 32, KEY, AD)
