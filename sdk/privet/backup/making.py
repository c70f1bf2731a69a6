"""Taking a backup while writes go on: data, then keys, then the log, each at one instant.

The order is what makes three instants fit together. Every change is a record of the log before it
is an effect in ``data`` (``gate.catchup``), and a key is there before what it seals. So a log
copied last explains whatever is in the two others, and a restore replays from it what they lack;
the other way round a copy would hold effects that no record explains. The snapshots of data and
keys are of one instant, since a key may change with what it seals.

A snapshot is held for as long as its store is copied. Nobody waits for it; write-ahead logs cannot
be emptied meanwhile, so that an erasure in that time stays pending until maintenance ends it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from privet.audit import head as heads
from privet.audit.checkpoint import Verifier, unverified
from privet.backup.manifest import Manifest, Name, sealed
from privet.db.copying import copy_out, sync
from privet.db.migrate import REVISION
from privet.errors import IntegrityError, InvalidInput, StoreUnavailable
from privet.gate.parts import Caller, Parts
from privet.gate.record import entry, flush_counts
from privet.types import ADMINISTRATION, check_path

if TYPE_CHECKING:
    from privet.db import Store, Tx

MANIFEST = "manifest"
DRAFT = ".draft"
ORDER: tuple[Name, ...] = ("data", "keys", "audit")
Progress = Callable[[str, int, int], None]
"""Called with the store's name, what is copied, and of how much: pages or rows."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made.

    Attributes:
        backup: its random number, 32 hex digits; a record of the log names it.
        size: records in its log.
        bytes: length of its three files.
        directories: of ``data``, ``keys`` and ``audit``.
    """

    backup: str
    size: int
    bytes: int
    directories: Mapping[Name, Path]


def silent(_store: str, _done: int, _of: int) -> None:
    """Tell nobody how far it is."""


def places(
    directory: str | os.PathLike[str] | None, named: Mapping[Name, str | os.PathLike[str] | None]
) -> dict[Name, Path]:
    """Where each copy goes, or lies: where it is named, else under its name in a directory.

    Raises:
        InvalidInput: a place is not named (``backup.place``) or is none (``backup.path``).
    """
    found: dict[Name, Path] = {}
    for name in ORDER:
        place = named.get(name)
        if place is not None:
            found[name] = check_path(place, f"the place of {name}", "backup.path").expanduser()
        elif directory is not None:
            found[name] = check_path(directory, "the backup", "backup.path").expanduser() / name
        else:
            raise InvalidInput(
                "a part of a backup has no place",
                why=f"where {name} lies is not said",
                remedy="Name the backup's directory, or data, keys and audit each.",
                reason="backup.place",
            )
    return found


def back_up(
    parts: Parts, caller: Caller, directories: Mapping[Name, Path], progress: Progress
) -> Backup:
    """Copy the three stores, each into a directory of its own.

    Args:
        parts: the open deployment.
        caller: on whose behalf.
        directories: of ``data``, ``keys`` and ``audit``: new, empty, or with what a backup left
            that was cut off.
        progress: told now and then.

    Raises:
        InvalidInput: two of them are one (``backup.together``), or one holds something
            (``backup.exists``).
        AuditUnavailable: it could not be recorded that a backup is taken; none was.
        StoreUnavailable: a file cannot be written (``backup.unwritable``).
    """
    _check_apart(directories)
    for name in ORDER:
        _claim(directories[name], name)
    number = os.urandom(16).hex()
    flush_counts(parts)
    told = entry(
        parts, caller, "admin", purpose=ADMINISTRATION, action="administer",
        subject="backup", backup=number,
    )  # fmt: skip
    parts.log.append([told])
    with ExitStack() as snapshots:
        data, keys = _one_instant(parts, snapshots)
        common = _common(parts, number, keys)
        first = replace(common, store="data", position=parts.ledger.position(data))
        second = replace(common, store="keys", position=_next(keys))
        made = [
            _copy(data, parts.home.data, first, directories["data"], progress),
            _copy(keys, parts.home.keys, second, directories["keys"], progress),
        ]
    with parts.home.audit.read() as audit:
        head = heads.read(audit)
        if head is None:  # this backup's own record is in it
            raise IntegrityError(
                "the audit log is broken", why="it is empty", reason="audit.broken"
            )
        parts.home.audit.settle()  # no copy holds a record that a crash of the server takes back
        last = _at(head.note, replace(common, store="audit", at=parts.now))
        made.append(_copy(audit, parts.home.audit, last, directories["audit"], progress))
    _publish(parts, made, directories)
    return Backup(number, last.size, sum(m.bytes for m in made), dict(directories))


def _one_instant(parts: Parts, snapshots: ExitStack) -> tuple[Tx, Tx]:
    """Snapshots of data and keys of one instant: no key is changed while they are taken.

    The key that a cell was sealed under is destroyed once the cell is sealed anew: between the
    two snapshots that would leave a cell that nothing opens.
    """
    with parts.home.keys.write() as still:
        if parts.home.keys.dialect == "postgresql":  # on SQLite one writer is all there is
            still.run("LOCK TABLE subject_key, model_key, secret IN SHARE MODE")
        data = snapshots.enter_context(parts.home.data.read())
        data.one("SELECT 1 FROM meta")  # what pins it
        keys = snapshots.enter_context(parts.home.keys.read())
        keys.one("SELECT 1 FROM meta")
    return data, keys


def _common(parts: Parts, number: str, keys: Tx) -> Manifest:
    """What all three say, with the newest checkpoint after both snapshots were taken."""
    row = keys.one("SELECT value FROM meta WHERE key = 'timeline'")
    blank = Manifest(
        backup=number,
        store="data",
        deployment=parts.home.deployment.hex(),
        revision=REVISION,
        timeline=int(bytes(row[0])) if row else 1,
        at=parts.now,
        size=0,
        root="",
        checkpoint="",
        position=0,
        file="",
        bytes=0,
        sha256="",
    )
    return _at(parts.log.checkpoint(), blank)


def _at(note: bytes, manifest: Manifest) -> Manifest:
    checkpoint = unverified(note)  # whose it is, a restore asks
    size, root = checkpoint.size, checkpoint.root.hex()
    return replace(manifest, size=size, root=root, checkpoint=note.decode(), position=size)


def _next(keys: Tx) -> int:
    row = keys.one("SELECT value FROM meta WHERE key = 'next_sno'")
    return int(bytes(row[0])) if row else 1


def _copy(
    tx: Tx, store: Store, manifest: Manifest, directory: Path, progress: Progress
) -> Manifest:
    """Copy one store; it counts once its manifest is there, which comes last."""
    draft = directory / f"{store.name}.db{DRAFT}"
    copy_out(tx, store, draft, lambda done, of: progress(store.name, done, of))
    try:
        with draft.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            length = os.fstat(file.fileno()).st_size
        made = replace(manifest, file=f"{store.name}.db", bytes=length, sha256=digest)
        draft.replace(directory / made.file)
    except OSError as error:
        raise _unwritable(type(error).__name__) from None
    return made


def _publish(parts: Parts, made: Sequence[Manifest], directories: Mapping[Name, Path]) -> None:
    """Write the manifests aside and put them in place one right after the other."""
    origin = Verifier.parse(parts.log.vkey).name
    try:
        for manifest in made:
            _draft(directories[manifest.store], sealed(manifest, parts.signer, origin))
        for manifest in made:
            place = directories[manifest.store]
            (place / f"{MANIFEST}{DRAFT}").replace(place / MANIFEST)
            sync(place)
    except OSError as error:
        raise _unwritable(type(error).__name__) from None


def _draft(directory: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(directory / f"{MANIFEST}{DRAFT}", flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _check_apart(directories: Mapping[Name, Path]) -> None:
    places = {os.path.realpath(directories[name]) for name in ORDER}
    if len(places) < len(ORDER):
        raise InvalidInput(
            "two stores were to be kept in one directory",
            why="keys and data must be able to lie apart: a copy of both opens with the keyring",
            remedy="Name three directories, best on three volumes.",
            reason="backup.together",
        )


def _claim(directory: Path, name: Name) -> None:
    """Make the directory, or clear what a backup left there that was cut off."""
    left = {f"{name}.db{DRAFT}", f"{MANIFEST}{DRAFT}", f"{name}.db"}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {path.name for path in directory.iterdir()}
        if MANIFEST in found or not found <= left | {f"{name}.db{DRAFT}-journal"}:
            raise InvalidInput(
                "the directory of a backup was refused",
                why=f"the one for {name} holds a backup already, or something else",
                remedy="Name a new or empty directory, such as one with today's date.",
                reason="backup.exists",
            )
        for file in found:
            (directory / file).unlink()
    except OSError as error:
        raise _unwritable(type(error).__name__) from None


def _unwritable(kind: str) -> StoreUnavailable:
    return StoreUnavailable(
        "the backup could not be written",
        why=f"the file system answered {kind}",
        remedy="Give a directory with room that you may write to, and begin again.",
        reason="backup.unwritable",
    )
