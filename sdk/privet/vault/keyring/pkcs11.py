"""Keys inside a hardware token, by PKCS#11 (OASIS PKCS #11 v2.40) and the package python-pkcs11.

Each epoch has an AES-256 key of its own, made in the token and never able to leave it
(sensitive, not extractable). Wrapping is the token's own CKM_AES_GCM over the 32 bytes of
the key, bound to the associated data. It is C_Encrypt and not C_WrapKey: what is wrapped is
a key of this process and no object of the token, and the wrapping mechanisms (AES key wrap,
RFC 3394) take no associated data. The nonce is drawn here: a token key wraps once or twice in
its life. A token that insists on nonces of its own (FIPS mode of some) cannot be used.

python-pkcs11 (MIT) rather than PyKCS11 (GPL): an embedder of an Apache-2.0 library should not
have to weigh the licence of an extra; and it lets go of the interpreter during each call, so
that a token that hangs is left behind at the deadline.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from privet.clock import Clock, SystemClock, micros
from privet.crypto import NONCE_BYTES
from privet.errors import KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.sources import Source

_REF: Final = re.compile(r"[0-9a-f]{32}")
_LABEL: Final = "privet epoch"
_BITS: Final = 256
_TAG_BITS: Final = 128
T = TypeVar("T")

_LOCK: Final = threading.Lock()
"""A login counts for a whole process and token: one session of privet at a time."""

_loaded_in: dict[str, int] = {}
"""In which process each module was initialised: after a fork it has to be again."""


class Pkcs11Keyring:
    """Epoch secrets as AES-256 keys in a token.

    Args:
        module: path of the token's PKCS#11 library.
        token: label of the token.
        pin: gives the user's PIN; asked anew for each call, kept nowhere. After a PIN was
            refused once it is not tried again by this object, so that the token is not locked.
        clock: states the moment of a destruction.
    """

    name: str = "pkcs11"

    def __init__(self, module: str, token: str, pin: Source, clock: Clock | None = None) -> None:
        self._module, self._token, self._pin = module, token, pin
        self._clock = clock or SystemClock()
        self._refused = False

    def __repr__(self) -> str:
        return f"Pkcs11Keyring(token={self._token!r})"

    def create(self) -> str:
        """Make a key in the token; its reference is the key's random id."""
        ref = secrets.token_hex(16)

        def work(p11: Any, session: Any) -> None:
            flag, attribute = p11.MechanismFlag, p11.Attribute
            session.generate_key(
                p11.KeyType.AES,
                _BITS,
                id=bytes.fromhex(ref),
                label=_LABEL,
                store=True,
                capabilities=flag.ENCRYPT | flag.DECRYPT,
                template={
                    attribute.PRIVATE: True,
                    attribute.SENSITIVE: True,
                    attribute.EXTRACTABLE: False,
                    attribute.MODIFIABLE: False,
                },
            )

        self._in_session(work, write=True)
        return ref

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` under the token's key ``ref``: nonce 12 ‖ key 32 ‖ tag 16."""
        nonce = os.urandom(NONCE_BYTES)

        def work(p11: Any, session: Any) -> bytes:
            held = _held(p11, session, ref)
            return bytes(held.encrypt(key, **_gcm(p11, nonce, ad)))

        return nonce + self._in_session(work)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``key.missing``, ``key.foreign``, ``key.credentials``,
                ``key.place``, ``key.unreachable``, ``key.failed``.
            MissingExtra: the package python-pkcs11 is not installed.
        """
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]

        def work(p11: Any, session: Any) -> bytes:
            held = _held(p11, session, ref)
            try:
                return bytes(held.decrypt(sealed, **_gcm(p11, nonce, ad)))
            # v2.40 names two of these for a tag that does not fit; SoftHSM gives the third.
            except (p11.EncryptedDataInvalid, p11.EncryptedDataLenRange, p11.GeneralError):
                raise refusals.foreign() from None

        return self._in_session(work)

    def destroy(self, ref: str) -> Destruction:
        """Destroy the key in the token; safe to repeat."""

        def work(p11: Any, session: Any) -> None:
            try:
                held = _held(p11, session, ref)
            except KeyUnavailable as absent:
                if absent.reason != "key.missing":
                    raise
            else:
                held.destroy()

        self._in_session(work, write=True)
        return Destruction(
            micros(self._clock.now()),
            "pkcs11: the token holds no key of this id any more; backups of the token, where it "
            "allows any, are beyond this statement",
        )

    def destroys_within(self) -> int | None:
        """No time: at once."""
        return 0

    def _in_session(self, work: Callable[[Any, Any], T], *, write: bool = False) -> T:
        p11 = _package()
        if self._refused:
            raise refusals.credentials("the PIN was refused before, and is not tried again")
        with _LOCK:
            try:
                with self._session(p11, write=write) as session:
                    return work(p11, session)
            except (p11.PinIncorrect, p11.PinInvalid, p11.PinLenRange, p11.PinExpired):
                self._refused = True
                raise refusals.credentials("the token refuses the PIN") from None
            except p11.PinLocked:
                self._refused = True
                raise refusals.credentials("the token has locked the PIN") from None
            except (p11.NoSuchToken, p11.TokenNotPresent, p11.TokenNotRecognised):
                raise refusals.elsewhere("the module knows no token of this label") from None
            except (p11.DeviceRemoved, p11.DeviceError):
                raise refusals.unreachable("the token does not answer") from None
            except p11.PKCS11Error:
                raise refusals.failed("the token or its module refused") from None

    @contextmanager
    def _session(self, p11: Any, *, write: bool) -> Iterator[Any]:
        token = _library(p11, self._module).get_token(token_label=self._token)
        try:
            session = token.open(rw=write, user_pin=self._pin())
        except p11.UserAlreadyLoggedIn:  # the host uses the token itself: its login counts here
            session = token.open(rw=write)
        with session:
            yield session


def _package() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise MissingExtra("a keyring in a PKCS#11 token", "pkcs11") from None
    return pkcs11


def _library(p11: Any, module: str) -> Any:
    try:
        library = p11.lib(module)
    except p11.PKCS11Error:
        raise refusals.unreachable("the PKCS#11 module cannot be loaded") from None
    if _loaded_in.setdefault(module, os.getpid()) != os.getpid():
        library.reinitialize()  # the child of a fork is a new application (v2.40, section 5.4)
        _loaded_in[module] = os.getpid()
    return library


def _held(p11: Any, session: Any, ref: str) -> Any:
    if _REF.fullmatch(ref) is None:
        raise refusals.malformed("its reference is not one this keyring gives")
    try:
        return session.get_key(
            object_class=p11.ObjectClass.SECRET_KEY,
            key_type=p11.KeyType.AES,
            id=bytes.fromhex(ref),
            label=_LABEL,
        )
    except p11.NoSuchKey:
        raise refusals.missing("the token holds no key of this id") from None
    except p11.MultipleObjectsReturned:
        raise refusals.malformed("the token holds several keys of this id") from None


def _gcm(p11: Any, nonce: bytes, ad: bytes) -> dict[str, Any]:
    from pkcs11.mechanisms import GCMParams

    return {
        "mechanism": p11.Mechanism.AES_GCM,
        "mechanism_param": GCMParams(nonce, ad, _TAG_BITS),
    }
