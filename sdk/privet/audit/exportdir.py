"""The directory that an export fills: claimed once, each file replaced whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from privet.audit.record import decode
from privet.errors import InvalidInput, PrivetError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from privet.audit.checkpoint import Checkpoint, Verifier

MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint"


class Directory:
    """An export directory of one log.

    Args:
        path: where; made when it does not exist, for its owner alone.
        format_name: what ``format`` its manifest names.
        verifier: the log's key.
        before: gives the keys that signed the log before, asked where an export is of one.
    """

    def __init__(
        self, path: Path, format_name: str, verifier: Verifier, before: Callable[[], list[Verifier]]
    ) -> None:
        self.path = path
        self._root = os.fspath(path)
        self._format = format_name
        self._verifier = verifier
        self._before = before

    def claim(self, manifest: bytes) -> Checkpoint | None:
        """Take the directory for this log; the checkpoint of the export it holds, if any.

        Raises:
            InvalidInput: something else is in it.
            IntegrityError: its checkpoint is not signed by this log.
        """
        if "\0" in str(self.path):
            raise InvalidInput("a directory's name holds a NUL", reason="export.path")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An export that was stopped at its very first write left a draft and nothing else.
        if {file.name for file in self.path.iterdir()} <= {_draft(self.path / MANIFEST).name}:
            self.write(MANIFEST, manifest)
        signer = self._signer()
        if signer is None:
            raise InvalidInput(
                "the export directory was refused",
                why="it holds something other than an export of this log",
                remedy="Give a new or empty directory, or the last export of this deployment.",
                reason="export.foreign",
            )
        note = self.path / CHECKPOINT
        return signer.open(note.read_bytes()) if note.exists() else None

    def write(self, name: str, data: bytes) -> None:
        """Put a file in place whole, so that a reader sees the old one or the new one."""
        target = self.path / name
        # What says whose directory it is, and what is in it, must outlive a power failure whole:
        # a torn manifest would be nobody's for good. Torn tiles the next export writes anew.
        durable = name in {MANIFEST, CHECKPOINT}
        try:
            _replace(target, data, durable=durable)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data, durable=durable)

    def add(self, name: str, data: bytes) -> None:
        """Write a file that no finished export has yet; one that is there is replaced whole.

        A checkpoint calls for it only afterwards, so that nobody reads it half: its making needs
        no draft, which would double the work of an export of thousands of files.
        """
        try:
            _create(f"{self._root}/{name}", data)
        except FileExistsError:
            self.write(name, data)
        except FileNotFoundError:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            self.write(name, data)

    def drop_partials(self, keep: Collection[str]) -> None:
        """Remove partial tiles and bundles of earlier sizes of the log."""
        for folder in list((self.path / "tile").rglob("*.p")):
            for file in list(folder.iterdir()):
                if file.relative_to(self.path).as_posix() not in keep:
                    file.unlink()
            if next(folder.iterdir(), None) is None:
                folder.rmdir()

    def _signer(self) -> Verifier | None:
        """The key of the log that the export here was made with; None where it is none of ours."""
        try:
            manifest = decode((self.path / MANIFEST).read_bytes())
        except (OSError, PrivetError):  # no manifest, or no manifest of ours: either way foreign
            return None
        found: tuple[Any, Any] = (manifest.get("format"), manifest.get("vkey"))
        if found == (self._format, self._verifier.vkey):
            return self._verifier
        earlier = self._before() if found[0] == self._format else []
        return next((one for one in earlier if one.vkey == found[1]), None)


class Lines:
    """A file of lines written as they come and put in place when all of them are.

    What was written before an interruption stays in the draft, to be gone on with.

    Args:
        target: what the file is called in the end.
        place: how many bytes of the draft are kept.
    """

    def __init__(self, target: Path, place: int) -> None:
        self._target = target
        self._draft = _draft(target)
        self.place = place

    def __enter__(self) -> Self:
        self._file = self._draft.open("r+b" if self.place else "wb")
        self._file.truncate(self.place)
        self._file.seek(self.place)
        return self

    def add(self, lines: bytes) -> None:
        """Write lines, each with its end."""
        self._file.write(lines)
        self.place += len(lines)

    def flush(self) -> None:
        """Hand to the file system what was written so far."""
        self._file.flush()

    def finish(self) -> None:
        """Put the file in place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.replace(self._target)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _create(target: str, data: bytes) -> None:
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        written = os.write(file, data)
        while written < len(data):
            written += os.write(file, data[written:])
    finally:
        os.close(file)


def _draft(target: Path) -> Path:
    return target.with_name(f"{target.name}.draft")


def _replace(target: Path, data: bytes, *, durable: bool) -> None:
    draft = _draft(target)
    with draft.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(target)


def unwritable(error: OSError) -> StoreUnavailable:
    """The refusal of a directory that the file system did not let be written."""
    return StoreUnavailable(
        "the export could not be written",
        why=f"the file system answered {type(error).__name__}",
        remedy="Give a directory with room that you may write to, and export again.",
        reason="export.unwritable",
    )
