"""Keyrings: who holds the secret of an epoch, outside every store and every backup."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from privet.errors import KeyUnavailable

if TYPE_CHECKING:
    from privet.db import Location

ENVIRONMENT = "PRIVET_KEYRING"


@dataclass(frozen=True, slots=True)
class Destruction:
    """What a provider says about a secret it destroyed.

    Attributes:
        date: UTC microseconds from which no copy opens; None where no date can be stated.
        evidence: how it was destroyed, for the erasure certificate.
    """

    date: int | None
    evidence: str


class Keyring(Protocol):
    """A provider of epoch secrets. A secret never leaves it; it wraps and unwraps with one."""

    name: str

    def create(self) -> str:
        """Make a new secret; its reference, which is no secret."""
        ...

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` wrapped under the secret ``ref``, bound to ``ad``."""
        ...

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again; KeyUnavailable where the secret is gone or not this one."""
        ...

    def destroy(self, ref: str) -> Destruction:
        """Destroy the secret, so that nothing wrapped under it opens; safe to repeat."""
        ...


def open_keyring(spec: str | None, home: Location) -> Keyring:
    """The keyring that ``spec`` names: ``file:PATH``.

    Without a spec, PRIVET_KEYRING counts, then ``keyring/`` in a home that is a directory.

    Raises:
        KeyUnavailable: no spec where one is needed (reason ``keyring.missing``), or one
            of an unknown kind (``keyring.kind``).
    """
    from privet.vault.keyring.file import FileKeyring

    spec = spec or os.environ.get(ENVIRONMENT)
    if spec is None:
        if home.directory is None:
            raise KeyUnavailable(
                "no keyring is named",
                why="a home in a database has no directory to keep one in",
                reason="keyring.missing",
            )
        return FileKeyring(home.directory / "keyring")
    kind, _, place = spec.partition(":")
    if kind != "file" or not place:
        raise KeyUnavailable(
            "this kind of keyring is unknown",
            remedy="Name one as file:PATH.",
            reason="keyring.kind",
        )
    return FileKeyring(Path(place).expanduser())
