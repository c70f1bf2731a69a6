"""HashiCorp Vault's transit engine, by its HTTP contract."""

from __future__ import annotations

import json
import sys
import threading
import time

import hvac
import pytest
from tests import providers
from tests.providers import AD, KEY

from privet import VaultKeyring
from privet.errors import MissingExtra
from privet.testing import check_keyring
from privet.vault.keyring import transit
from privet.vault.keyring.sources import source

REF = "privet-" + "0" * 32


@pytest.fixture
def vault(monkeypatch):
    with providers.vault() as (url, faults):
        monkeypatch.setenv("VAULT_ADDR", url)
        monkeypatch.setenv("VAULT_TOKEN", providers.TOKEN)
        yield url, faults


def client(url: str, **more) -> hvac.Client:
    return hvac.Client(url=url, token=providers.TOKEN, **more)


def test_it_keeps_what_every_keyring_promises(vault, clock) -> None:
    check_keyring(VaultKeyring(client(vault[0])))
    check_keyring(VaultKeyring(clock=clock))


def test_destroying_is_dated_by_the_moment_and_allows_the_deletion_first(vault, clock) -> None:
    ring = VaultKeyring(clock=clock)
    ref = ring.create()
    vault[1].asked.clear()
    assert ring.destroy(ref).date == int(clock.now().timestamp() * 1e6)
    place = f"/v1/transit/keys/{ref}"
    assert vault[1].asked == [f"GET {place}", f"POST {place}/config", f"DELETE {place}"]
    assert ring.destroy(ref).date is not None


def test_a_destroyed_key_is_not_made_again_by_wrapping_with_it(vault, at, refused) -> None:
    ring = at(VaultKeyring())
    ref, wrapped = ring.wrapped()
    ring.ring.destroy(ref)
    vault[1].asked.clear()
    assert refused(lambda: ring.ring.wrap(ref, KEY, AD)) == "key.missing"
    assert refused(lambda: ring.unwrap(ref, wrapped)) == "key.missing"
    assert not [line for line in vault[1].asked if "encrypt" in line]


def test_a_key_that_is_not_derived_binds_nothing_and_is_refused(vault, at, refused) -> None:
    plain = client(vault[0])
    plain.secrets.transit.create_key(name=REF, key_type="aes256-gcm96", derived=False)
    assert refused(lambda: at(VaultKeyring()).ring.wrap(REF, KEY, AD)) == "key.malformed"


@pytest.mark.parametrize(
    ("status", "errors", "reason"),
    [
        (503, ["Vault is sealed"], "key.sealed"),
        (501, ["Vault is not initialized"], "key.sealed"),
        (403, ["1 error occurred: permission denied CANARY"], "key.denied"),
        (403, ["permission denied", "invalid token"], "key.credentials"),
        (401, ["missing client token"], "key.credentials"),
        (429, ["request path: rate limit quota exceeded CANARY"], "key.throttled"),
        (400, ["cipher: message authentication failed"], "key.foreign"),
        (400, ["encryption key not found"], "key.missing"),
        (404, [], "key.missing"),
        (404, ['no handler for route "CANARY"'], "key.place"),
        (500, ["internal error CANARY"], "key.failed"),
        (502, ["bad gateway"], "key.failed"),
        (418, None, "key.failed"),
        (307, ["moved"], "key.failed"),
    ],
)
def test_each_status_has_its_reason(vault, at, refused, status, errors, reason) -> None:
    vault[1].status, vault[1].body = status, json.dumps({"errors": errors})
    ring = at(VaultKeyring())
    assert refused(lambda: ring.unwrap(REF, b"vault:v1:AAAA")) == reason


def test_a_redirect_is_not_followed_with_the_token(vault, at, refused) -> None:
    vault[1].status, vault[1].body = 307, "{}"
    vault[1].location = f"{vault[0]}/v1/elsewhere"
    assert refused(lambda: at(VaultKeyring()).unwrap(REF, b"vault:v1:AAAA")) == "key.failed"
    assert len(vault[1].asked) == 1


def test_another_mount_a_wrong_token_and_none_are_told_apart(
    vault, at, refused, monkeypatch, tmp_path
) -> None:
    assert refused(at(VaultKeyring(mount="elsewhere")).ring.create) == "key.place"
    assert refused(at(VaultKeyring(token=lambda: "hvs.wrong")).ring.create) == "key.credentials"
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert refused(at(VaultKeyring()).ring.create) == "key.credentials"


def test_a_token_in_a_file_counts_anew_at_each_call(vault, at, refused, tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.expired")
    file.chmod(0o600)
    ring = at(VaultKeyring(token=source(f"file:{file}")))
    assert refused(ring.ring.create) == "key.credentials"
    file.write_text(providers.TOKEN)
    ref, wrapped = ring.wrapped()
    assert ring.unwrap(ref, wrapped) == KEY


def test_a_server_that_hangs_or_trickles_is_left_behind(vault, at, refused) -> None:
    url, faults = vault
    faults.stop = threading.Event()
    begun = time.monotonic()
    impatient = at(VaultKeyring(client(url, timeout=0.2)))
    assert refused(lambda: impatient.unwrap(REF, b"")) == "key.timeout"
    assert refused(lambda: at(VaultKeyring(), 0.4).unwrap(REF, b"")) == "key.timeout"
    faults.stop.set()
    faults.stop, faults.drip = None, True
    assert refused(lambda: at(VaultKeyring(), 0.5).unwrap(REF, b"")) == "key.timeout"
    assert time.monotonic() - begun < 5


def test_the_client_that_is_made_here_waits_for_the_stated_times(vault) -> None:
    made = VaultKeyring()._connect(hvac)
    assert made.adapter._kwargs["timeout"] == (transit._CONNECT_S, transit._READ_S)


def test_nobody_at_the_address_is_told(at, refused, monkeypatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert refused(at(VaultKeyring()).ring.create) == "key.unreachable"


def test_an_address_in_clear_is_refused_before_anything_is_sent(at, refused, monkeypatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", providers.TOKEN)
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example:8200")
    assert refused(at(VaultKeyring()).ring.create) == "keyring.insecure"


@pytest.mark.parametrize("told", ["[]", "{}", '{"data": {"plaintext": "%"}}', '{"data": 5}'])
def test_an_answer_without_its_form_is_refused(vault, at, refused, told) -> None:
    vault[1].status, vault[1].body = 200, told
    assert refused(lambda: at(VaultKeyring()).unwrap(REF, b"vault:v1:AAAA")) == "key.failed"


@pytest.mark.parametrize("ref", ["", "shop", "privet-../../x", REF + "0", REF.upper()])
def test_a_reference_never_leads_to_another_path(vault, at, refused, ref) -> None:
    assert refused(lambda: at(VaultKeyring()).unwrap(ref, b"vault:v1:AAAA")) == "key.malformed"
    assert not vault[1].asked


def test_nothing_shows_the_token(vault) -> None:
    assert providers.TOKEN not in repr(VaultKeyring(token=lambda: providers.TOKEN))


def test_without_the_package_the_extra_is_named(at, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with pytest.raises(MissingExtra, match=r"privet\[vault\]"):
        at(VaultKeyring()).ring.create()
