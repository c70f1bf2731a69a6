"""An epoch's secret in a file, sealed under a passphrase that lies elsewhere.

    privet-epoch-argon2id-v1 m=65536,t=3,p=4 <salt> <nonce ‖ secret ‖ tag>

One line, the last two parts in base64. The second recommendation of RFC 9106, section 4:
64 MiB, three passes, four lanes, a salt of 16 bytes. The numbers stand in the file, so that
later ones may be higher, and are part of the associated data, as the salt and the secret's
reference are.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import Final

from privet.crypto import KEY_BYTES, Aead, stretch
from privet.errors import IntegrityError, KeyUnavailable, MissingExtra
from privet.vault.keyring import refusals
from privet.vault.keyring.sources import Source

MAGIC: Final = b"privet-epoch-argon2id-v1 "
LENGTH: Final = 256
"""No file of this form is longer, bytes."""

_MEMORY_KIB, _PASSES, _LANES, _SALT_BYTES = 65_536, 3, 4, 16
# What a file may ask for: enough for RFC 9106's first recommendation, too little to be an attack.
_MOST: Final = (2_097_152, 16, 16)
_FORM: Final = re.compile(
    rb"privet-epoch-argon2id-v1 m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2}) "
    rb"([A-Za-z0-9+/]{22}==) ([A-Za-z0-9+/]{80})\n"
)


def sealed(secret: bytes, ref: str, passphrase: Source) -> bytes:
    """The content of the file of a new secret."""
    salt = secrets.token_bytes(_SALT_BYTES)
    head = (
        MAGIC + f"m={_MEMORY_KIB},t={_PASSES},p={_LANES} ".encode() + base64.b64encode(salt) + b" "
    )
    key = _key(passphrase, salt, _MEMORY_KIB, _PASSES, _LANES)
    return head + base64.b64encode(Aead(key).seal(secret, head + ref.encode())) + b"\n"


def opened(content: bytes, ref: str, passphrase: Source | None) -> bytes:
    """The secret in such a file.

    Raises:
        KeyUnavailable: no passphrase was given, or not this one (``keyring.passphrase``);
            the file has another form or asks for too much (``key.malformed``).
    """
    found = _FORM.fullmatch(content)
    if found is None:
        raise refusals.malformed("its file does not have the form of an epoch's file")
    memory, passes, lanes = (int(found[number]) for number in (1, 2, 3))
    if not _bearable(memory, passes, lanes):
        raise refusals.malformed("its file asks for more memory or time than privet gives")
    if passphrase is None:
        raise _refused("its file is sealed under a passphrase, and none was named")
    try:
        salt, ct = base64.b64decode(found[4], validate=True), base64.b64decode(found[5])
    except binascii.Error:
        raise refusals.malformed("its file does not have the form of an epoch's file") from None
    key = _key(passphrase, salt, memory, passes, lanes)
    try:
        secret = Aead(key).open(ct, content[: found.start(5)] + ref.encode())
    except IntegrityError:
        raise _refused("it is another one, or the file was changed") from None
    if len(secret) != KEY_BYTES:
        raise refusals.malformed("its secret does not have 32 bytes")
    return secret


def _bearable(memory: int, passes: int, lanes: int) -> bool:
    asked = zip((memory, passes, lanes), _MOST, strict=True)
    return all(0 < number <= most for number, most in asked) and memory >= 8 * lanes


def _key(passphrase: Source, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    told = passphrase().encode("utf-8")
    try:
        return stretch(told, salt, memory=memory, passes=passes, lanes=lanes)
    except ImportError:
        raise MissingExtra("a keyring under a passphrase", "passphrase") from None


def _refused(why: str) -> KeyUnavailable:
    return KeyUnavailable(
        "the keyring's passphrase does not open it",
        why=why,
        remedy="Name its source: file:DIRECTORY?passphrase=env:NAME, or file:PATH there.",
        reason="keyring.passphrase",
    )
