"""The only room that touches cryptographic primitives; all of them come from a library.

AES-256-GCM (NIST SP 800-38D) seals, HMAC-SHA-256 (RFC 2104) blinds, HKDF (RFC 5869)
derives, Ed25519 (RFC 8032) signs, SHA-256 commits, Argon2id (RFC 9106) makes a key of a passphrase.
Nothing here knows what it protects.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privet.errors import IntegrityError

KEY_BYTES = 32
NONCE_BYTES = 12


def random_key() -> bytes:
    """A fresh 256-bit key from the operating system."""
    return os.urandom(KEY_BYTES)


def nonces(count: int) -> list[bytes]:
    """``count`` random nonces drawn in one slab, for one call only (a fork would reuse a pool)."""
    slab = os.urandom(NONCE_BYTES * count)
    return [slab[i : i + NONCE_BYTES] for i in range(0, len(slab), NONCE_BYTES)]


class Aead:
    """AES-256-GCM under one key; hides the key from ``repr`` and refuses to be pickled."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("AES-256 needs a key of 32 bytes")
        self._aead = AESGCM(key)

    def seal(self, plaintext: bytes, ad: bytes, nonce: bytes | None = None) -> bytes:
        """Nonce ‖ ciphertext ‖ tag, bound to the associated data ``ad``."""
        nonce = nonce or os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, ad)

    def open(self, sealed: bytes, ad: bytes) -> bytes:
        """The plaintext, or IntegrityError when any byte or the associated data differ."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ad)
        except (InvalidTag, ValueError):
            raise IntegrityError(
                "a sealed value did not open",
                why="its bytes, its place or its key are not the ones it was sealed with",
            ) from None

    def __repr__(self) -> str:
        return "Aead(<key hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


def commitment(label: bytes, key: bytes, length: int = 16) -> bytes:
    """SHA-256(label ‖ key), cut: ties a wrapped key to one key (AES-GCM alone does not)."""
    return hashlib.sha256(label + key).digest()[:length]


def mac(key: bytes, message: bytes, length: int = 16) -> bytes:
    """HMAC-SHA-256, cut to ``length`` bytes."""
    return hmac.digest(key, message, "sha256")[:length]


def derive(key: bytes, info: bytes) -> bytes:
    """A 32-byte key for one use, from a key: HKDF-SHA-256 (RFC 5869) without a salt."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key)


class Mac:
    """``mac`` under one key that is used again and again: begun once, copied for each message."""

    __slots__ = ("_begun",)

    def __init__(self, key: bytes) -> None:
        self._begun = HMAC(key, SHA256())

    def __call__(self, message: bytes, length: int = 16) -> bytes:
        """HMAC-SHA-256 of ``message``, cut to ``length`` bytes."""
        one = self._begun.copy()
        one.update(message)
        return one.finalize()[:length]

    def __repr__(self) -> str:
        return "Mac(<key hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


def same(a: bytes, b: bytes) -> bool:
    """Constant-time equality."""
    return hmac.compare_digest(a, b)


def short_tag(key: bytes, message: bytes) -> bytes:
    """A keyed 8-byte tag (BLAKE2b, RFC 7693) for exactly-once keys inside sealed cells."""
    return hashlib.blake2b(message, key=key, digest_size=8).digest()


def stretch(passphrase: bytes, salt: bytes, *, memory: int, passes: int, lanes: int) -> bytes:
    """A 32-byte key from a passphrase by Argon2id (RFC 9106).

    By the reference implementation (``argon2-cffi``): OpenSSL's, which ``cryptography`` calls
    from version 44 on, waits for ever where several threads derive over more than one lane.

    Args:
        passphrase: any bytes.
        salt: 16 random bytes, kept beside what is sealed with the key.
        memory: in KiB, at least 8 a lane.
        passes: over the memory.
        lanes: computed side by side.

    Raises:
        ImportError: ``argon2-cffi`` is not installed.
    """
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(passphrase, salt, passes, memory, lanes, KEY_BYTES, Type.ID)


def sha256(data: bytes) -> bytes:
    """SHA-256 of ``data``."""
    return hashlib.sha256(data).digest()


class Signer:
    """Ed25519 signing key; the seed leaves only through ``seed()``."""

    __slots__ = ("_key", "_public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        # Kept: deriving it costs as much as a signature, and every checkpoint names it.
        self._public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of ``message``."""
        return self._key.sign(message)

    @property
    def public(self) -> bytes:
        """The raw 32-byte public key."""
        return self._public

    def __repr__(self) -> str:
        return "Signer(<key hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)
"""Encodings of the eight points of small order, canonical or not: as a public key, each takes
signatures that anybody can make (Chalkias, Garillot, Nikolaenko, Taming the many EdDSAs, 2020)."""


def new_seed() -> bytes:
    """A fresh Ed25519 private key, as the 32 bytes that RFC 8032 begins from."""
    return os.urandom(KEY_BYTES)


def pem_of(seed: bytes) -> bytes:
    """An Ed25519 private key as PKCS #8 in PEM (RFC 8410), as OpenSSL reads it."""
    return Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def seed_of(pem: bytes) -> bytes | None:
    """The seed in a PEM file; None for anything but an Ed25519 private key without passphrase."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key.private_bytes_raw() if isinstance(key, Ed25519PrivateKey) else None


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` over ``message`` is of the Ed25519 key ``public``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
