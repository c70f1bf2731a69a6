"""What a provider of keys does, and all that privet asks of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Destruction:
    """What a provider says about a secret it destroyed.

    Attributes:
        date: UTC microseconds from which no copy opens, which may lie ahead; None where no
            date can be stated.
        evidence: how it was destroyed, for the erasure certificate; no secret in it.
    """

    date: int | None
    evidence: str


class Keyring(Protocol):
    """A provider of epoch secrets: it wraps and unwraps with them, and destroys them.

    Give an object of this form to ``privet.open(keyring=...)``, or name one of privet's own.
    Each call is waited for ten seconds at most; whatever it raises becomes KeyUnavailable,
    with the reason where it was one. Calls may come from several threads. Keep no key
    between two calls: privet keeps what it may, a quarter of an hour at most.
    """

    name: str
    """A short code such as ``"aws-kms"``; it is stored with each epoch and shown by `doctor`."""

    def create(self) -> str:
        """Make a new secret; its reference, which is no secret and is never given twice."""
        ...

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` wrapped under the secret ``ref``, bound to ``ad``.

        Args:
            ref: what ``create`` returned.
            key: 32 bytes.
            ad: 80 bytes that say whose key this is and in which epoch; nothing personal.
        """
        ...

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: the secret is gone (``key.missing``), or is not the one that
                wrapped it for ``ad`` (``key.foreign``).
        """
        ...

    def destroy(self, ref: str) -> Destruction:
        """Destroy the secret, so that nothing wrapped under it opens; safe to repeat."""
        ...

    def destroys_within(self) -> int | None:
        """Microseconds from ``destroy`` until the secret is gone; None where that is not known.

        A certificate names its date before the epoch ends, so it has to be known ahead.
        """
        ...
