"""Keys in a token of SoftHSM: made there, never leaving it, and gone when destroyed."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from tests import providers
from tests.providers import AD, KEY

from privet import Pkcs11Keyring
from privet.errors import MissingExtra
from privet.testing import check_keyring
from privet.vault.keyring import pkcs11 as provider

pkcs11 = pytest.importorskip("pkcs11")


@pytest.fixture(scope="module")
def hsm(tmp_path_factory):
    """One directory of tokens: SoftHSM reads its configuration once in a process."""
    with pytest.MonkeyPatch.context() as patched:
        yield providers.token(tmp_path_factory.mktemp("hsm"), patched)


@pytest.fixture
def ring(hsm, clock):
    return Pkcs11Keyring(hsm.module, hsm.label, lambda: providers.PIN, clock)


def opened(hsm, **more):
    return (
        pkcs11.lib(hsm.module).get_token(token_label=hsm.label).open(user_pin=providers.PIN, **more)
    )


def test_it_keeps_what_every_keyring_promises(ring) -> None:
    check_keyring(ring)


def test_a_key_is_made_in_the_token_and_cannot_leave_it(ring, hsm) -> None:
    ref = ring.create()
    with opened(hsm) as session:
        held = session.get_key(id=bytes.fromhex(ref))
        attribute = pkcs11.Attribute
        for name in ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "TOKEN"):
            assert held[attribute[name]], name
        for name in ("EXTRACTABLE", "WRAP", "UNWRAP", "SIGN", "DERIVE", "MODIFIABLE"):
            assert not held[attribute[name]], name
        assert held.key_length == 256
        with pytest.raises(pkcs11.AttributeSensitive):
            held[attribute.VALUE]


def test_wrapping_is_the_tokens_own_aes_gcm_over_the_associated_data(ring, hsm) -> None:
    from pkcs11.mechanisms import GCMParams

    ref = ring.create()
    wrapped = ring.wrap(ref, KEY, AD)
    assert len(wrapped) == 12 + 32 + 16
    with opened(hsm) as session:
        held = session.get_key(id=bytes.fromhex(ref))
        params = GCMParams(wrapped[:12], AD, 128)
        mechanism = pkcs11.Mechanism.AES_GCM
        assert held.decrypt(wrapped[12:], mechanism=mechanism, mechanism_param=params) == KEY


def test_destroying_removes_the_object_and_is_dated_by_the_moment(ring, hsm, clock) -> None:
    ref = ring.create()
    for _ in range(2):
        assert ring.destroy(ref).date == int(clock.now().timestamp() * 1e6)
    with opened(hsm) as session, pytest.raises(pkcs11.NoSuchKey):
        session.get_key(id=bytes.fromhex(ref))


def test_a_pin_that_was_refused_is_not_tried_again(hsm, at, refused) -> None:
    asked = []

    def wrong():
        asked.append(1)
        return "00000000"

    ring = at(Pkcs11Keyring(hsm.module, hsm.label, wrong))
    for _ in range(4):
        assert refused(ring.ring.create) == "key.credentials"
    assert len(asked) == 1
    with opened(hsm):
        pass  # the token is not locked


def test_another_token_and_a_module_that_is_none_are_told_apart(hsm, at, refused, tmp_path) -> None:
    other = at(Pkcs11Keyring(hsm.module, "CANARY", lambda: providers.PIN))
    assert refused(other.ring.create) == "key.place"
    none = at(Pkcs11Keyring(str(tmp_path / "none.so"), hsm.label, lambda: providers.PIN))
    assert refused(none.ring.create) == "key.unreachable"


def test_an_object_of_the_token_that_is_not_privets_is_left_alone(ring, hsm, at, refused) -> None:
    foreign = os.urandom(16)
    with opened(hsm, rw=True) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, id=foreign, label="tax", store=True)
    assert refused(lambda: at(ring).unwrap(foreign.hex(), b"")) == "key.missing"
    ring.destroy(foreign.hex())
    with opened(hsm) as session:
        session.get_key(id=foreign).key_length  # noqa: B018 - still there


def test_a_host_that_is_logged_in_itself_stays_so(ring, hsm) -> None:
    with opened(hsm) as session:
        ref = ring.create()
        assert ring.unwrap(ref, ring.wrap(ref, KEY, AD), AD) == KEY
        assert session.get_key(id=bytes.fromhex(ref)).key_length == 256
    assert ring.create()


def test_a_token_that_hangs_is_left_behind(ring, at, refused, monkeypatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr(provider, "_library", lambda *_: stop.wait(20))
    assert refused(at(ring, 0.2).ring.create) == "key.timeout"
    stop.set()


def test_it_works_in_the_child_of_a_fork_and_in_its_parent_after_that(ring) -> None:
    ref = ring.create()
    wrapped = ring.wrap(ref, KEY, AD)
    child = os.fork()
    if not child:
        ok = False
        try:
            ok = ring.unwrap(ref, wrapped, AD) == KEY
        finally:
            os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ring.unwrap(ref, wrapped, AD) == KEY


def test_without_the_package_the_extra_is_named(ring, at, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(MissingExtra, match=r"privet\[pkcs11\]"):
        at(ring).ring.create()


def test_nothing_shows_the_pin(ring) -> None:
    assert providers.PIN not in repr(ring)
