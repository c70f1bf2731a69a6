"""The operating system's own keyring, by the package ``keyring``: for a desk, not for a server.

A headless machine usually has none, and ``keyring`` then answers with a backend that fails or
forgets. Such a one is refused by name, and so is any that keeps secrets readable.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable
from typing import Any, Final

from privet.crypto import KEY_BYTES, random_key
from privet.errors import KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.sealing import seal, unseal

_REF: Final = re.compile(r"[0-9a-f]{32}")
_SYSTEMS: Final = (
    "keyring.backends.SecretService",
    "keyring.backends.kwallet",
    "keyring.backends.libsecret",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
_NOBODY: Final = ("keyring.backends.fail", "keyring.backends.null")


class OsKeyring:
    """Epoch secrets as entries of the operating system's keyring.

    Args:
        service: under which name the entries stand.
        backend: a backend of ``keyring`` that you chose yourself; the system's when left
            out, and then only one that belongs to an operating system or its desktop.
    """

    name: str = "os"

    def __init__(self, service: str = "privet", *, backend: Any = None) -> None:
        self._service = service
        self._backend = backend

    def __repr__(self) -> str:
        return f"OsKeyring({self._service!r})"

    def create(self) -> str:
        """Enter a new secret; its reference is the entry's random name."""
        ref = secrets.token_hex(16)
        secret = base64.b64encode(random_key()).decode()
        self._do("set_password", self._service, ref, secret)
        return ref

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` under the secret ``ref`` by AES-256-GCM, bound to ``ad``."""
        return seal(self._secret(ref), key, ad)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``keyring.backend``, ``key.missing``, ``key.malformed``,
                ``key.denied``, ``key.failed``, ``key.foreign``.
            MissingExtra: the package ``keyring`` is not installed.
        """
        return unseal(self._secret(ref), wrapped, ad)

    def destroy(self, ref: str) -> Destruction:
        """Remove the entry; no date, since the system may have synchronised or saved it."""
        if self._entry(ref) is not None:
            self._do("delete_password", self._service, ref)
        return Destruction(
            None,
            "os: the entry was removed; what the operating system synchronised, saved or left on "
            "the disk is not known, so no date can be stated",
        )

    def destroys_within(self) -> int | None:
        """Not known: see ``destroy``."""
        return None

    def _secret(self, ref: str) -> bytes:
        found = self._entry(ref)
        if found is None:
            raise refusals.missing("the operating system's keyring has no such entry")
        try:
            secret = base64.b64decode(found, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise refusals.malformed("its entry does not hold 32 bytes in base64")
        return secret

    def _entry(self, ref: str) -> str | None:
        if _REF.fullmatch(ref) is None:
            raise refusals.malformed("its reference is not one this keyring gives")
        found = self._do("get_password", self._service, ref)
        return found if isinstance(found, str) else None

    def _do(self, what: str, *args: str) -> object:
        errors = _package().errors
        backend = self._backend or _system()
        if _is_of(backend, _NOBODY):
            raise _unfit("this machine has no keyring that keeps anything")
        try:
            return getattr(backend, what)(*args)
        except errors.KeyringLocked:
            raise refusals.sealed() from None
        except errors.KeyringError:
            raise refusals.failed("the operating system's keyring refused") from None


def _package() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise MissingExtra("a keyring of the operating system", "keyring") from None
    return keyring


def _system() -> Any:
    """The backend that ``keyring`` chose, where it belongs to an operating system."""
    chosen = _package().get_keyring()
    parts = list(getattr(chosen, "backends", [chosen]))  # a chainer asks several in turn
    if not parts or all(_is_of(part, _NOBODY) for part in parts):
        raise _unfit("this machine has no keyring that keeps anything")
    if not all(_is_of(part, _SYSTEMS) for part in parts):
        raise _unfit("the one that `keyring` chose is not of an operating system")
    return chosen


def _is_of(backend: Any, modules: Iterable[str]) -> bool:
    return type(backend).__module__ in modules


def _unfit(why: str) -> KeyUnavailable:
    return KeyUnavailable(
        "the operating system's keyring cannot be used",
        why=why,
        remedy="On a server name another kind of keyring: docs/guide/keyrings.md lists them.",
        reason="keyring.backend",
    )
