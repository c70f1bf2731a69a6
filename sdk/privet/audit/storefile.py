"""Whether the audit store is still the file it was: a commit into a deleted file is no commit.

Only ``os.stat`` looks at it. Opening the file, and closing it again, would drop the
locks that SQLite holds in this process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from privet.errors import AuditUnavailable

if TYPE_CHECKING:
    from pathlib import Path


class StoreFile:
    """The identity of an SQLite store's file and of its write-ahead log.

    The audit store only grows and is never vacuumed, so its file never shrinks; its
    write-ahead log stays the same file as long as this process holds a connection.

    Args:
        path: the store's file, or None where a server keeps the store.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # Made once: every commit looks, and making a path costs as much as looking.
        self._wal_path = None if path is None else path.with_name(path.name + "-wal")
        self._seen = None if path is None else _identity(path)
        self._size = 0
        self._wal: tuple[int, int] | None = None

    def check(self) -> None:
        """Compare with what was there before.

        Raises:
            AuditUnavailable: replaced, deleted or cut short.
        """
        if self._path is None:
            return
        stat = _stat(self._path)
        if (stat.st_dev, stat.st_ino) != self._seen:
            raise _replaced("its file is not the one that was opened")
        if stat.st_size < self._size:
            raise _replaced("its file was cut short")
        self._size = stat.st_size

    def check_committed(self) -> None:
        """As ``check``, right after a commit: the write-ahead log counts as well.

        Raises:
            AuditUnavailable: the commit went into a file that is no longer in its place.
        """
        if self._wal_path is None:
            return
        self.check()
        wal = _identity(self._wal_path)
        if self._wal not in {None, wal}:
            raise _replaced("its write-ahead log was taken away")
        self._wal = wal


def _identity(path: Path) -> tuple[int, int]:
    stat = _stat(path)
    return stat.st_dev, stat.st_ino


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError:
        raise _replaced("one of its files is gone") from None


def _replaced(why: str) -> AuditUnavailable:
    return AuditUnavailable(
        "the audit store changed beneath this process",
        why=why,
        remedy="Stop the workers, find out what replaced it, and open the deployment again.",
        reason="audit.replaced",
    )
