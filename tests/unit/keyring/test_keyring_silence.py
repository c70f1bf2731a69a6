"""With every logger at its loudest, no key and no credential reaches a log."""

from __future__ import annotations

import base64
import logging
import threading

import pytest
from tests import providers
from tests.providers import KEY

from privet import AwsKmsKeyring, VaultKeyring
from privet.vault.keyring.silence import silence


@pytest.fixture
def loud(caplog):
    caplog.set_level(1)
    for name in ("botocore.endpoint", "botocore.parsers", "botocore.auth", "urllib3"):
        caplog.set_level(1, name)
    return caplog


def betrayed(text: str) -> list[str]:
    forms = (base64.b64encode(KEY).decode(), KEY.hex(), repr(KEY)[2:-1])
    secrets = (providers.TOKEN, "AKIACANARY", "canarycanary")
    return [form for form in (*forms, *secrets) if form in text]


def use(keyring, at) -> None:
    ring = at(keyring)
    ref, wrapped = ring.wrapped()
    assert ring.unwrap(ref, wrapped) == KEY
    ring.ring.destroy(ref)


def test_kms_logs_nothing_of_a_call(loud, at) -> None:
    with providers.kms() as url:
        use(AwsKmsKeyring(providers.kms_client(url)), at)
    assert not betrayed(loud.text)


def test_kms_would_log_the_key_without_it(loud) -> None:
    """The look finds what it looks for: what botocore logs of a call of the host's own."""
    with providers.kms() as url:
        client = providers.kms_client(url)
        made = client.create_key()["KeyMetadata"]["Arn"]
        client.encrypt(KeyId=made, Plaintext=KEY)
    assert betrayed(loud.text)


def test_vault_logs_nothing_of_a_call(loud, at, monkeypatch) -> None:
    with providers.vault() as (url, _):
        monkeypatch.setenv("VAULT_ADDR", url)
        monkeypatch.setenv("VAULT_TOKEN", providers.TOKEN)
        use(VaultKeyring(), at)
    assert not betrayed(loud.text)


def test_only_the_thread_of_the_call_is_silent_and_only_meanwhile(loud) -> None:
    host = logging.getLogger("botocore.endpoint")
    inside, outside = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(5)
        host.debug("the host's own call")
        outside.set()

    thread = threading.Thread(target=other)
    thread.start()
    with silence():
        with silence():
            host.debug("dropped")
        host.debug("dropped as well")
        logging.getLogger("shop").debug("the shop's own")
        inside.set()
        outside.wait(5)
    thread.join()
    host.debug("after the call")
    assert [r.message for r in loud.records] == [
        "the shop's own",
        "the host's own call",
        "after the call",
    ]


def test_a_logger_of_a_module_that_loads_later_is_silent_too(loud) -> None:
    with silence():
        logging.getLogger("botocore.parsers").debug("dropped")
        assert not loud.records
