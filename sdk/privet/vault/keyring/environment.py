"""A key in an environment variable: for platforms that hand secrets over that way, and no other.

The variable holds 32 bytes in base64; two or more, separated by commas, where one is being
replaced: the first makes new epochs, the others open the old ones.

Each epoch has a secret of its own, HMAC-SHA-256(key, "privet-env-v1" ‖ 16 random bytes); its
reference is ``<which key>.<those bytes>``. Nothing can be destroyed here: whoever set the
variable has the key, so no date is ever stated.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from typing import Final

from privet.crypto import KEY_BYTES, commitment, derive
from privet.errors import KeyUnavailable
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.sealing import seal, unseal

_LABEL: Final = b"privet-env-v1"
_REF: Final = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{32})")


class EnvironmentKeyring:
    """Epoch secrets derived from a key in an environment variable.

    Args:
        variable: its name; what it holds is read anew for each call, and kept nowhere.
    """

    name: str = "env"

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def __repr__(self) -> str:
        return f"EnvironmentKeyring({self._variable!r})"

    def create(self) -> str:
        """A fresh reference under the first key of the variable."""
        return f"{_id(self._keys()[0])}.{secrets.token_hex(16)}"

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` under the secret ``ref`` by AES-256-GCM, bound to ``ad``."""
        return seal(self._secret(ref), key, ad)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``key.missing``, ``key.malformed``, ``key.foreign``.
        """
        return unseal(self._secret(ref), wrapped, ad)

    def destroy(self, ref: str) -> Destruction:
        """Nothing is destroyed, and that is what it says."""
        _parts(ref)
        return Destruction(
            None,
            "env: nothing was destroyed; the key stays wherever the variable is set from, so no "
            "date can be stated",
        )

    def destroys_within(self) -> int | None:
        """Not known: nothing is destroyed."""
        return None

    def _secret(self, ref: str) -> bytes:
        which, drawn = _parts(ref)
        for key in self._keys():
            if _id(key) == which:
                return derive(key, _LABEL + bytes.fromhex(drawn))
        raise refusals.missing("the variable does not hold the key that this epoch was made with")

    def _keys(self) -> list[bytes]:
        found = os.environ.get(self._variable)
        if not found:
            raise refusals.missing("the environment variable that should hold it is not set")
        return [_key(part.strip()) for part in found.split(",")]


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnavailable(
            "the epoch's secret cannot be used",
            why="the variable does not hold 32 bytes in base64",
            remedy="Make one: `openssl rand -base64 32`.",
            reason="key.malformed",
        )
    return key


def _id(key: bytes) -> str:
    return commitment(_LABEL, key, 8).hex()


def _parts(ref: str) -> tuple[str, str]:
    found = _REF.fullmatch(ref)
    if found is None:
        raise refusals.malformed("its reference is not one this keyring gives")
    return found[1], found[2]
