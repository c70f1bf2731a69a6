r"""A digest of all heads, kept aside: what shows later that somebody's data was put back whole.

    "privet-store-digest-v1\n" ‖ deployment 16 ‖ position 8 ‖ instant 8 ‖ heads ‖ SHA-256 ‖ record 8
    head = sno 8 ‖ dom 8 ‖ ver 8 ‖ gen 2 ‖ first 16 bytes of SHA-256 of the head's ciphertext

all little-endian, heads ascending by person and domain. SHA-256 is of all that stands before it;
the record of the log that holds the same digest is named after it. So the file may lie anywhere:
whether it is the one that was taken then, the log says, and whether the log is, its anchor.

Between two looks a head's number of writes only grows under one key. A head with a smaller one,
or with the same and another ciphertext, is an older copy, however well it opens.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO, Final

from privet.errors import IntegrityError, InvalidInput, StoreUnavailable
from privet.vault.checking import HeadState

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC: Final = b"privet-store-digest-v1\n"
_HEADER: Final = Struct("<16sqq")
_HEAD: Final = Struct("<qqqH16s")
_TRAILER: Final = Struct("<32sq")
_AT_ONCE: Final = 4096


class Writer:
    """Digests heads as they come, into a file as well where one is asked for.

    Args:
        deployment: the deployment's id.
        position: of the newest leaf of the log that the grounds know.
        now: UTC microseconds.
        path: where the file is to be; None for the digest alone.

    Raises:
        InvalidInput: something is there already (``digest.exists``).
        StoreUnavailable: it cannot be written there (``digest.place``).
    """

    def __init__(self, deployment: bytes, position: int, now: int, path: Path | None) -> None:
        self._hash = hashlib.sha256()
        self._path = path
        self._aside: Path | None = None
        self._file: BinaryIO | None = None
        if path is not None:
            if path.exists():
                raise InvalidInput(
                    "a digest is not written over another file",
                    why="something is there already",
                    remedy="Name a new file, such as one with today's date.",
                    reason="digest.exists",
                )
            self._aside = path.with_name(path.name + ".part")
            try:
                handle = os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except OSError:
                raise _no_place() from None
            self._file = os.fdopen(handle, "wb")
        self._put(MAGIC + _HEADER.pack(deployment, position, now))

    def add(self, heads: Sequence[HeadState]) -> None:
        """The next heads, ascending."""
        self._put(b"".join([_HEAD.pack(*head) for head in heads]))

    @property
    def digest(self) -> bytes:
        """SHA-256 of all so far."""
        return self._hash.digest()

    def close(self, record: int) -> None:
        """Name the record that holds the digest, and put the file in its place."""
        if self._file is None or self._path is None or self._aside is None:
            return
        try:
            self._file.write(_TRAILER.pack(self.digest, record))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._aside.replace(self._path)
        except OSError:
            raise _no_place() from None

    def abandon(self) -> None:
        """Leave no half of a file."""
        if self._file is not None and self._aside is not None:
            self._file.close()
            self._aside.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        if self._file is not None:
            try:
                self._file.write(data)
            except OSError:
                raise _no_place() from None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier digest's file, read to its end once: its bytes are those that it names.

    Attributes:
        path: the file.
        position: of the newest leaf that the grounds knew then.
        digest: SHA-256 of what it holds.
        record: index of the record that must hold the same.
    """

    path: Path
    position: int
    digest: bytes
    record: int

    @classmethod
    def read(cls, path: Path, deployment: bytes) -> Earlier:
        """Check a file against its own digest.

        Raises:
            InvalidInput: it cannot be read, or is no such file (``digest.form``).
            IntegrityError: of another deployment, cut short or changed (``digest.broken``).
        """
        try:
            with path.open("rb") as file:
                return cls._parse(path, file, deployment)
        except OSError:
            raise _no_digest() from None

    @classmethod
    def _parse(cls, path: Path, file: BinaryIO, deployment: bytes) -> Earlier:
        size = os.fstat(file.fileno()).st_size
        head = file.read(len(MAGIC) + _HEADER.size)
        if not head.startswith(MAGIC) or len(head) < len(MAGIC) + _HEADER.size:
            raise _no_digest()
        whose, position, _ = _HEADER.unpack(head[len(MAGIC) :])
        body = size - len(head) - _TRAILER.size
        if whose != deployment or body < 0 or body % _HEAD.size:
            raise _broken()
        told = hashlib.sha256(head)
        for _ in range(0, body, _HEAD.size * _AT_ONCE):
            part = file.read(min(_HEAD.size * _AT_ONCE, body))
            body -= len(part)
            told.update(part)
        digest, record = _TRAILER.unpack(file.read(_TRAILER.size))
        if told.digest() != digest:
            raise _broken()
        return cls(path, position, digest, record)

    def heads(self) -> Iterator[HeadState]:
        """The heads as they stood, ascending; some thousand are in memory at once."""
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            left = size - file.seek(len(MAGIC) + _HEADER.size) - _TRAILER.size
            while left > 0:
                part = file.read(min(_HEAD.size * _AT_ONCE, left))
                left -= len(part)
                yield from (HeadState(*one) for one in _HEAD.iter_unpack(part))


def _no_digest() -> InvalidInput:
    return InvalidInput(
        "this is no digest of a store",
        why="the file cannot be read, or does not begin like one",
        remedy="Name a file that `privet store check --digest` wrote.",
        reason="digest.form",
    )


def _broken() -> IntegrityError:
    return IntegrityError(
        "a digest of a store is not what was written",
        why="it is of another deployment, cut short or changed",
        remedy="Use another copy of it, or an earlier digest.",
        reason="digest.broken",
    )


def unrecorded() -> IntegrityError:
    """The error of a digest that the log does not know."""
    return IntegrityError(
        "the log does not know this digest of the store",
        why="the record that it names does not hold it: the file was made up, or the log was "
        "rolled back",
        remedy="Check the log against its anchor; use another copy of the digest.",
        reason="digest.unrecorded",
    )


def _no_place() -> StoreUnavailable:
    return StoreUnavailable(
        "the digest cannot be written",
        why="its place is full, read-only or not there",
        remedy="Name a file in a directory that can be written to.",
        reason="digest.place",
    )
