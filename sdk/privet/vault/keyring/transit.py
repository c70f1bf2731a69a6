"""Keys in the transit engine of HashiCorp Vault (or OpenBao), one per epoch, by ``hvac``.

Each epoch has a derived AES-256-GCM key that cannot be exported; the associated data are its
derivation context. Not ``associated_data``: a server from before 1.13 ignores parameters that
it does not know, and a binding that is silently left out is none, while a derived key refuses
to work without its context, on every version.

``hvac`` rather than plain HTTP: it brings the ways to log in, namespaces and client
certificates that an organisation's Vault asks for, and an embedder has a client already.

Encrypting under a name that does not exist makes a key in Vault, so the key is looked at
before; and a policy should give ``update``, not ``create``, on the path of encrypt.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from privet.clock import Clock, SystemClock, micros
from privet.errors import KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.silence import silence
from privet.vault.keyring.sources import Source

_REF: Final = re.compile(r"privet-[0-9a-f]{32}")
_CONNECT_S: Final = 2
_READ_S: Final = 5
_AMONG_US: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class VaultKeyring:
    """Epoch secrets as keys of a transit engine.

    Args:
        client: an ``hvac.Client`` of your own, logged in, with the timeouts that you chose;
            made after a fork, in each process. Left out, one is made for each call from
            VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT and their like.
        mount: where the transit engine is mounted.
        token: gives the token, asked anew for each call: such as the file that a Vault agent
            renews. VAULT_TOKEN when left out.
        clock: states the moment of a destruction.
    """

    name: str = "vault"

    def __init__(
        self,
        client: Any = None,
        *,
        mount: str = "transit",
        token: Source | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._own, self._mount, self._token = client, mount, token
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"VaultKeyring(mount={self._mount!r})"

    def create(self) -> str:
        """Make a key; its reference is its random name."""
        ref = f"privet-{secrets.token_hex(16)}"
        self._ask(
            "create_key",
            ref,
            derived=True,
            exportable=False,
            allow_plaintext_backup=False,
            key_type="aes256-gcm96",
        )
        return ref

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` as a ciphertext of Vault (``vault:v1:…``), bound to ``ad``."""
        if not _data(self._ask("read_key", ref)).get("derived"):
            raise refusals.malformed("the key at Vault is not one this keyring makes")
        told = self._ask("encrypt_data", ref, plaintext=_text(key), context=_text(ad))
        return str(_data(told)["ciphertext"]).encode("ascii")

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``key.missing``, ``key.foreign``, ``key.sealed``,
                ``key.denied``, ``key.place``, ``key.throttled``, ``key.timeout``,
                ``key.unreachable``, ``key.failed``, ``keyring.insecure``.
            MissingExtra: the package ``hvac`` is not installed.
        """
        try:
            ciphertext = wrapped.decode("ascii")
        except UnicodeDecodeError:
            raise refusals.foreign() from None
        told = self._ask("decrypt_data", ref, ciphertext=ciphertext, context=_text(ad))
        try:
            return base64.b64decode(_data(told)["plaintext"], validate=True)
        except (binascii.Error, KeyError, TypeError, ValueError):
            raise refusals.failed("Vault's answer has not its form") from None

    def destroy(self, ref: str) -> Destruction:
        """Allow the key's deletion and delete it; safe to repeat."""
        try:
            self._ask("read_key", ref)
        except KeyUnavailable as absent:
            if absent.reason != "key.missing":
                raise
        else:
            self._ask("update_key_configuration", ref, deletion_allowed=True)
            self._ask("delete_key", ref)
        return Destruction(
            micros(self._clock.now()),
            "vault: the transit key is deleted; snapshots of Vault's own storage that were taken "
            "before are beyond this statement",
        )

    def destroys_within(self) -> int | None:
        """No time: at once."""
        return 0

    def _ask(self, operation: str, ref: str, **request: Any) -> Any:
        if _REF.fullmatch(ref) is None:
            raise refusals.malformed("its reference is not one this keyring gives")
        hvac = _package()
        import requests

        client = self._own or self._connect(hvac)
        transit = client.secrets.transit
        try:
            with silence():
                return getattr(transit, operation)(name=ref, mount_point=self._mount, **request)
        except hvac.exceptions.VaultError as error:
            raise _refusal(hvac.exceptions, error, operation) from None
        except requests.exceptions.Timeout:
            raise refusals.late(_CONNECT_S + _READ_S) from None
        except requests.exceptions.SSLError:
            raise refusals.unreachable("its certificate is not trusted") from None
        except requests.exceptions.ConnectionError:
            raise refusals.unreachable("nobody answers at its address") from None
        except requests.exceptions.RequestException:
            raise refusals.failed("the request to Vault could not be made") from None

    def _connect(self, hvac: Any) -> Any:
        import os

        token = None if self._token is None else self._token()
        client = hvac.Client(
            token=token,
            timeout=(_CONNECT_S, _READ_S),
            # A redirect would carry the token to wherever it leads.
            allow_redirects=False,
            namespace=os.environ.get("VAULT_NAMESPACE"),
        )
        address = urlsplit(str(client.url))
        if address.scheme != "https" and address.hostname not in _AMONG_US:
            raise KeyUnavailable(
                "the keyring's address is not protected",
                why="keys and a token would cross the network in clear",
                remedy="Give VAULT_ADDR as https://.",
                reason="keyring.insecure",
            )
        return client


def _package() -> Any:
    try:
        import hvac
        import hvac.exceptions
    except ImportError:
        raise MissingExtra("a keyring in HashiCorp Vault", "vault") from None
    return hvac


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _data(told: Any) -> Mapping[str, Any]:
    data = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(data, Mapping):
        raise refusals.failed("Vault's answer has not its form")
    return data


def _refusal(kinds: Any, error: Any, operation: str) -> KeyUnavailable:
    """What a status of Vault means; its text only tells apart what one status stands for."""
    told = " ".join(str(part) for part in error.errors or ()).lower()
    if isinstance(error, kinds.InvalidPath | kinds.InvalidRequest):
        return _not_done(told, isinstance(error, kinds.InvalidPath), operation)
    if isinstance(error, kinds.Unauthorized | kinds.Forbidden):
        return _not_let(told)
    if isinstance(error, kinds.RateLimitExceeded):
        return refusals.throttled()
    if isinstance(error, kinds.VaultDown | kinds.VaultNotInitialized):
        return refusals.sealed()
    return refusals.failed("Vault answered with an error of its own")


def _not_done(told: str, path: bool, operation: str) -> KeyUnavailable:
    if "no handler for route" in told:
        return refusals.elsewhere("Vault has no transit engine at this mount")
    if path or "not found" in told or "no existing key" in told:
        return refusals.missing("Vault has no such key")
    if operation == "decrypt_data":
        return refusals.foreign()
    return refusals.failed("Vault does not take the request")


def _not_let(told: str) -> KeyUnavailable:
    if any(words in told for words in ("invalid token", "missing client token", "bad token")):
        return refusals.credentials("Vault does not take the token, or it has expired")
    return refusals.denied()
