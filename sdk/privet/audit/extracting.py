"""Chosen records of the log as a table; taken up where an interrupted export left it.

The export is told to the byte in ``docs/reference/audit-export.md``. It proves less than the
whole log does: of each line that it stands in the log (its index, its leaf, an inclusion
proof), and never that no other record was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from privet.audit import head as heads
from privet.audit import pages, shards, treestore
from privet.audit.checkpoint import Checkpoint, Verifier
from privet.audit.exportdir import CHECKPOINT, MANIFEST, Directory, unwritable
from privet.audit.record import decode, encode
from privet.audit.signing import before
from privet.audit.tables import Form, table
from privet.errors import InvalidInput, PrivetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from privet.audit.pages import Stored
    from privet.audit.selection import Selection
    from privet.audit.tables import Table
    from privet.db import Store

FORMAT = "privet-audit-records"
VERSION = 1
VKEY = "log.vkey"
PROGRESS = "progress.json"
STEP_BYTES = 8 * 2**20  # bodies that are written, and noted as written, at once
STEP_RECORDS = 16_384


@dataclass(frozen=True, slots=True)
class Extract:
    """What an export of chosen records wrote.

    Attributes:
        directory: where.
        file: the table's file, or the directory of its parts.
        size: records under the checkpoint that it was taken at.
        root: the Merkle root over them, hex.
        records: how many were chosen.
    """

    directory: Path
    file: Path
    size: int
    root: str
    records: int


@dataclass(frozen=True, slots=True)
class _Place:
    """How far it came: the next index, the place in the table, records so far, the checkpoint."""

    next: int
    place: int
    records: int
    note: bytes


def extract(
    store: Store,
    vkey: str,
    directory: Path,
    form: Form,
    selection: Selection,
    progress: Callable[[int, int], None],
) -> Extract:
    """Write the records that are meant, as of the newest checkpoint, to a directory.

    Holds at most ``STEP_BYTES`` of bodies and one page in memory.

    Args:
        store: the audit store.
        vkey: the log's verifier key.
        directory: new, empty, or an export of the same choice, finished or not.
        form: of the table.
        selection: which records.
        progress: told how many records were looked at, of how many.

    Raises:
        InvalidInput: nothing is recorded yet, or the directory holds something else.
        IntegrityError: a record is not the one that its leaf names, or the log went back
            behind an earlier export.
        StoreUnavailable: the store cannot be read or the directory cannot be written.
        MissingExtra: Parquet, and pyarrow is not installed.
    """
    try:
        return _Work(store, Verifier.parse(vkey), directory, form, selection).run(progress)
    except OSError as error:
        raise unwritable(error) from None


class _Work:
    def __init__(
        self, store: Store, verifier: Verifier, directory: Path, form: Form, selection: Selection
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._target = Directory(directory, FORMAT, verifier, partial(before, store, verifier))
        self._form: Form = form
        self._selection = selection
        self._alone = selection.subject is not None

    def run(self, progress: Callable[[int, int], None]) -> Extract:
        newest = heads.newest(self._store, self._verifier)
        earlier = self._target.claim(self._manifest(newest[1], 0, {}))
        self._check_same()
        if earlier is not None:
            treestore.check_grown(self._store, earlier, newest[1])
        draft = self._target.path / f"records.{self._form}.draft"
        made = table(self._form, draft, alone=self._alone)
        at, head = self._resumed(draft, newest)
        made.begin(at.place)
        try:
            records = self._fill(made, at, head, progress)
        finally:
            made.close()
        self._finish(made, draft, head, at.note, records)
        file = self._target.path / made.name
        return Extract(self._target.path, file, head.size, head.root.hex(), records)

    def _fill(
        self, made: Table, at: _Place, head: Checkpoint, progress: Callable[[int, int], None]
    ) -> int:
        records = at.records
        end, found = self._found(at.next, head.size)
        for chosen, done in _steps(found, end):
            place = made.add(chosen)
            records += len(chosen)
            self._note(_Place(done, place, records, at.note))
            progress(done, end)
        return records

    def _found(self, start: int, size: int) -> tuple[int, Iterator[tuple[list[Stored], int]]]:
        """Where it ends, and page by page what is meant, with the index that comes next."""
        asked = self._selection
        if asked.since is not None:
            start = max(start, pages.first_since(self._store, asked.since, size))
        end = size if asked.until is None else pages.first_since(self._store, asked.until, size)
        if asked.subject is None:
            read = pages.pages(self._store, start, end)
        else:
            read = pages.pages_about(self._store, asked.subject, start, end)
        return end, ((self._meant(page), page[-1].seq + 1) for page in read)

    def _meant(self, page: list[Stored]) -> list[Stored]:
        asked = self._selection
        found = page
        if not asked.all:
            found = [s for s in page if asked.may(s.body) and asked.meant(decode(s.body))]
        for stored in found:
            stored.check()
        return found

    def _resumed(self, draft: Path, newest: tuple[bytes, Checkpoint]) -> tuple[_Place, Checkpoint]:
        """Where an interrupted export goes on, under the checkpoint that it began with."""
        anew = _Place(0, 0, 0, newest[0])
        try:
            told = decode((self._target.path / PROGRESS).read_bytes())
            at = _Place(told["next"], told["place"], told["records"], told["note"].encode())
            whole = draft.is_dir() or draft.stat().st_size >= at.place
            begun = self._verifier.open(at.note)
        except (OSError, KeyError, AttributeError, PrivetError):  # none was begun
            return anew, newest[1]
        if not whole:  # the machine went down before it was on the disk
            return anew, newest[1]
        treestore.check_grown(self._store, begun, newest[1])
        return at, begun

    def _note(self, at: _Place) -> None:
        told = {
            "next": at.next, "place": at.place, "records": at.records, "note": at.note.decode()
        }  # fmt: skip
        self._target.write(PROGRESS, encode(told) + b"\n")

    def _finish(
        self, made: Table, draft: Path, head: Checkpoint, note: bytes, records: int
    ) -> None:
        path = self._target.path / made.name
        if draft.is_dir():
            _drop(path)
        draft.replace(path)
        hashes = {f.relative_to(self._target.path).as_posix(): _digest(f) for f in _files(path)}
        self._target.write(VKEY, f"{self._verifier.vkey}\n".encode())
        self._target.write(MANIFEST, self._manifest(head, records, hashes))
        self._target.write(CHECKPOINT, note)
        (self._target.path / PROGRESS).unlink(missing_ok=True)

    def _manifest(self, head: Checkpoint, records: int, files: dict[str, str]) -> bytes:
        fields: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "origin": head.origin,
            "vkey": self._verifier.vkey,
            "size": head.size,
            "root": head.root.hex(),
            "form": self._form,
            "selection": self._selection.asked,
            "records": records,
            "files": files,
        }
        with self._store.read() as tx:
            gone = shards.dropped(tx)
        if gone:  # of records in these ranges nothing can be chosen any more
            fields["gone"] = gone
        return encode(fields) + b"\n"

    def _check_same(self) -> None:
        held = decode((self._target.path / MANIFEST).read_bytes())
        if (held.get("form"), held.get("selection")) == (self._form, self._selection.asked):
            return
        raise InvalidInput(
            "the export directory was refused",
            why="it holds an export of other records, or in another form",
            remedy="Give a new directory, or ask for the same again.",
            reason="export.foreign",
        )


def _steps(
    found: Iterable[tuple[list[Stored], int]], end: int
) -> Iterator[tuple[list[Stored], int]]:
    """Pages put together until they are worth a write; the last step ends at ``end``."""
    held: list[Stored] = []
    weight = 0
    for page, after in found:
        held += page
        weight += sum(len(stored.body) for stored in page)
        if weight >= STEP_BYTES or len(held) >= STEP_RECORDS:
            yield held, after
            held, weight = [], 0
    yield held, end


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _drop(path: Path) -> None:
    """Remove the parts of an earlier export of the same choice."""
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
