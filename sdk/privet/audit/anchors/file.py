"""An anchor in a file on another volume: one JSON line a checkpoint, never changed.

A line counts once its end is written: what a crash cut off is passed over, and the next
line begins anew. The file may be made append-only by the system (``chattr +a``).
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.audit.anchors.base import Kept, Submission, ahead, forked, refused, unreachable
from privet.audit.checkpoint import unverified
from privet.clock import iso, micros
from privet.errors import IntegrityError, InvalidInput, PrivetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_BYTES = 1 << 30
LINE_BYTES = 65_536


class FileAnchor:
    """Checkpoints in a file that the log's keeper cannot change, or not alone.

    Args:
        path: the file; made where it does not exist, its directory is not.
        same_volume: keep it on the volume of the stores, where one copy rolls both back.

    Raises:
        InvalidInput: this is no path.
    """

    def __init__(self, path: str | os.PathLike[str], *, same_volume: bool = False) -> None:
        try:
            self._path = Path(path)
        except TypeError:
            self._path = Path()
        if "\0" in str(self._path) or not self._path.name:
            raise InvalidInput(
                "this anchor was refused", why="it names no file", reason="anchor.spec"
            )
        self._same_volume = same_volume
        self.name = f"file:{self._path}"

    def check_volume(self, device: int | None) -> None:
        """Refuse the volume of the stores.

        Args:
            device: the stores' ``st_dev``; None where a server keeps them.

        Raises:
            StoreUnavailable: the directory is not there.
            InvalidInput: it is the same volume, and nobody said so.
        """
        try:
            here = self._path.parent.stat().st_dev
        except OSError:
            raise unreachable("its directory is not there") from None
        if here == device and not self._same_volume:
            raise InvalidInput(
                "an anchor on the volume of the stores was refused",
                why="whoever puts back the one puts back the other, or the volume is not mounted",
                remedy="Give a file on another volume, or say `file+same-volume:PATH`.",
                reason="anchor.same-volume",
            )

    def add(self, submission: Submission) -> bytes:
        """Append the checkpoint; see ``Anchor.add``."""
        with self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND) as fd:
            fcntl.flock(fd, fcntl.LOCK_EX)  # several processes push
            data = _content(fd)
            last = _last_of(_lines(data), submission.checkpoint.origin)
            if last is not None and not _grew(last, submission):
                return b""
            entry = {"at": iso(submission.at), "checkpoint": submission.note.decode()}
            begin = "" if data.endswith(b"\n") or not data else "\n"
            line = f"{begin}{json.dumps(entry, ensure_ascii=False)}\n".encode()
            if os.write(fd, line) != len(line):
                raise unreachable("its volume is full")
            os.fsync(fd)
            if not data:
                _sync_directory(self._path.parent)
        return b""

    def kept(self) -> Sequence[Kept]:
        """Every checkpoint in the file; see ``Anchor.kept``."""
        if not self._path.parent.is_dir():
            raise unreachable("its directory is not there")
        if not os.path.lexists(self._path):
            return ()
        with self._opened(os.O_RDONLY) as fd:
            return _lines(_content(fd))

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        try:
            fd = os.open(self._path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise unreachable(f"opening its file failed with {type(error).__name__}") from None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise refused("it is no file", "Give the path of a file.")
            yield fd
        except OSError as error:
            raise unreachable(f"its file answered {type(error).__name__}") from None
        finally:
            os.close(fd)


def _grew(last: Kept, submission: Submission) -> bool:
    """Whether there is something new; raises where it did not grow from what is kept."""
    old = unverified(last.note)
    size = submission.checkpoint.size
    if old.size > size:
        raise ahead(size, old.size)
    if submission.root(old.size) != old.root:
        raise forked(old.size)
    return old.size < size


def _content(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    if size > MAX_BYTES:
        raise refused("its file is longer than 1 GiB", "Begin another file; keep this one.")
    data = b""
    while len(data) < size and (more := os.pread(fd, size - len(data), len(data))):
        data += more
    return data


def _lines(data: bytes) -> list[Kept]:
    """The checkpoints of all whole lines; those that a crash cut off are passed over."""
    lines = data.split(b"\n")[:-1]
    found = [_line(line) for line in lines]
    if found and found[-1] is None and lines[-1].endswith(b"}"):
        raise IntegrityError(
            "an anchor's file is damaged",
            why="its last line is no checkpoint",
            remedy="Keep it, and find out who wrote to it.",
            reason="anchor.damaged",
        )
    return [kept for kept in found if kept is not None]


def _line(line: bytes) -> Kept | None:
    try:
        fields: Any = json.loads(line) if len(line) <= LINE_BYTES else None
        note, at = fields["checkpoint"].encode(), micros(datetime.fromisoformat(fields["at"]))
        unverified(note)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, PrivetError):
        return None
    return Kept(note, at)


def _last_of(found: Sequence[Kept], origin: str) -> Kept | None:
    mine = (kept for kept in reversed(found) if unverified(kept.note).origin == origin)
    return next(mine, None)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
