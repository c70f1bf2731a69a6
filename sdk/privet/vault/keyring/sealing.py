"""Wrapping with a secret that this process holds for the length of one call."""

from __future__ import annotations

from privet.crypto import Aead
from privet.errors import IntegrityError
from privet.vault.keyring import refusals


def seal(secret: bytes, key: bytes, ad: bytes) -> bytes:
    """``key`` under ``secret`` by AES-256-GCM, bound to ``ad``: nonce 12 ‖ key ‖ tag 16."""
    return Aead(secret).seal(key, ad)


def unseal(secret: bytes, wrapped: bytes, ad: bytes) -> bytes:
    """The key again.

    Raises:
        KeyUnavailable: the secret did not wrap it, or not for this place (``key.foreign``).
    """
    try:
        return Aead(secret).open(wrapped, ad)
    except IntegrityError:
        raise refusals.foreign() from None
