"""Providers that stay up for one test, and what a refusal must not betray."""

from __future__ import annotations

import traceback

import pytest
from tests import providers
from tests.providers import AD, KEY

from privet.errors import KeyUnavailable
from privet.vault.keyring import Guarded

SECRETS = (providers.TOKEN, providers.PIN, "CANARY", "canary", "127.0.0.1", KEY.hex(), repr(KEY))


@pytest.fixture
def refused():
    """The reason of a refusal that betrays nothing: no secret, no address, no provider's text."""

    def look(act) -> str:
        with pytest.raises(KeyUnavailable) as caught:
            act()
        refusal = caught.value
        assert refusal.__cause__ is None
        assert refusal.__context__ is None
        frames = refusal.__traceback__.tb_next.tb_next
        told = traceback.TracebackException(type(refusal), refusal, frames)
        text = "".join(told.format()) + repr(refusal) + str(refusal.to_json())
        assert not [secret for secret in SECRETS if secret in text]
        return refusal.reason

    return look


@pytest.fixture
def at():
    """A keyring behind the border, asked for one key; a moment is all it gets."""

    class At:
        def __init__(self, keyring, seconds=10.0):
            self.ring = Guarded(keyring, seconds)

        def wrapped(self):
            ref = self.ring.create()
            return ref, self.ring.wrap(ref, KEY, AD)

        def unwrap(self, ref, wrapped):
            return self.ring.unwrap(ref, wrapped, AD)

    return At
