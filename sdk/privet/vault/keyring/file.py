"""One file per epoch, readable by its owner alone, in a directory that backups leave out."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from privet.clock import Clock, SystemClock, micros
from privet.crypto import KEY_BYTES, random_key
from privet.vault.keyring import passphrase as sealing_file
from privet.vault.keyring import refusals
from privet.vault.keyring.protocol import Destruction
from privet.vault.keyring.sealing import seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

    from privet.vault.keyring.sources import Source

_MAGIC: Final = b"privet-epoch-v1 "
_LENGTH: Final = len(_MAGIC) + 44 + 1
_REF: Final = frozenset("0123456789abcdef")


class FileKeyring:
    """Epoch secrets as 0600 files in a 0700 directory.

    Refuses a file that others may read, that belongs to someone else, that is a link, or
    that does not have the exact form written here.

    Args:
        directory: made on the first ``create``; keep it out of backups of the home.
        clock: states the moment of a destruction.
        passphrase: gives the passphrase under which new secrets are sealed (Argon2id,
            RFC 9106); asked anew for each call, kept nowhere. Secrets that were made
            without one open as before.
    """

    name: str = "file"

    def __init__(
        self, directory: Path, clock: Clock | None = None, *, passphrase: Source | None = None
    ) -> None:
        self._directory = directory
        self._clock = clock or SystemClock()
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return "FileKeyring(<place hidden>)"

    def create(self) -> str:
        """Write a new secret durably; its reference is the file's random name."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise refusals.missing("its directory cannot be made") from None
        self._check_directory()
        ref = secrets.token_hex(16)
        content = self._content(ref)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(self._path(ref), flags, 0o600)
            try:
                os.fchmod(fd, 0o600)
                os.write(fd, content)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError:
            raise refusals.missing("its file cannot be written") from None
        self._sync_directory()
        return ref

    def wrap(self, ref: str, key: bytes, ad: bytes) -> bytes:
        """``key`` under the secret ``ref`` by AES-256-GCM, bound to ``ad``."""
        return seal(self._read(ref), key, ad)

    def unwrap(self, ref: str, wrapped: bytes, ad: bytes) -> bytes:
        """The key again.

        Raises:
            KeyUnavailable: reasons ``key.missing``, ``key.readable``, ``key.malformed``,
                ``keyring.passphrase``, and ``key.foreign`` where the secret is not the one
                that wrapped it.
        """
        return unseal(self._read(ref), wrapped, ad)

    def destroy(self, ref: str) -> Destruction:
        """Overwrite the file, make that durable, remove it; safe to repeat."""
        path = self._path(ref)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return Destruction(micros(self._clock.now()), "file: the epoch's file is gone")
        except OSError:
            raise refusals.missing("its file cannot be opened for destruction") from None
        try:
            os.pwrite(fd, os.urandom(max(os.fstat(fd).st_size, _LENGTH)), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        path.unlink(missing_ok=True)  # another process may destroy it at the same time
        self._sync_directory()
        return Destruction(
            micros(self._clock.now()),
            "file: overwritten once, synced, unlinked; copies of the file made by others, "
            "snapshots of the disk and worn flash cells are beyond this statement",
        )

    def destroys_within(self) -> int | None:
        """No time: at once."""
        return 0

    def _content(self, ref: str) -> bytes:
        if self._passphrase is not None:
            return sealing_file.sealed(random_key(), ref, self._passphrase)
        return _MAGIC + base64.b64encode(random_key()) + b"\n"

    def _path(self, ref: str) -> Path:
        if len(ref) != 32 or not _REF.issuperset(ref):
            raise refusals.malformed("its reference is not one this keyring gives")
        return self._directory / f"{ref}.key"

    def _check_directory(self) -> None:
        try:
            found = self._directory.lstat()
        except OSError:
            raise refusals.missing("its directory is not there") from None
        if not stat.S_ISDIR(found.st_mode):
            raise refusals.malformed("its directory is a link or a file")
        _check_private(found, "directory")

    def _read(self, ref: str) -> bytes:
        self._check_directory()
        path = self._path(ref)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise refusals.missing("its file is not in the keyring") from None
        except OSError:
            if path.is_symlink():
                raise refusals.malformed("its file is a link") from None
            raise refusals.missing("its file cannot be opened") from None
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise refusals.malformed("its file is not a regular file")
            _check_private(found, "file")
            content = os.read(fd, sealing_file.LENGTH)
        finally:
            os.close(fd)
        if content.startswith(sealing_file.MAGIC):
            return sealing_file.opened(content, ref, self._passphrase)
        return _parse(content)

    def _sync_directory(self) -> None:
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _parse(content: bytes) -> bytes:
    if len(content) != _LENGTH or not content.startswith(_MAGIC) or content[-1:] != b"\n":
        raise refusals.malformed("its file does not have the form of an epoch's file")
    try:
        secret = base64.b64decode(content[len(_MAGIC) : -1], validate=True)
    except binascii.Error:
        raise refusals.malformed("its file does not have the form of an epoch's file") from None
    if len(secret) != KEY_BYTES:
        raise refusals.malformed("its secret does not have 32 bytes")
    return secret


def _check_private(found: os.stat_result, what: str) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise refusals.readable(
            f"a {what} of the keyring",
            "Give it to privet's user alone (chmod go-rwx), then rotate the epoch.",
        )
