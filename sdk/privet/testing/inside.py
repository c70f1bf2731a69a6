"""What a file holds beneath its own bytes: rows, members, compressed streams, pages."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

DEPTH = 4
MOST = 1 << 28
"""Bytes that one stream may grow to before it counts as unreadable."""

_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_MEMBER = re.compile(rb"PK\x03\x04")
_LOCAL = 30  # bytes of a zip member's header before its name
_SQLITE = b"SQLite format 3\0"
_PARQUET = b"PAR1"


class Unreadable(Exception):
    """Something could not be looked into to its end."""


def inside(data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """Everything that the bytes contain in another form, however deep, with a name for it."""
    for name, found in _layer(data):
        yield name, found
        if depth:
            yield from ((f"{name} > {n}", f) for n, f in inside(found, depth - 1))
        elif next(_layer(found), None) is not None:
            raise Unreadable


def rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """The values of a SQLite store with its write-ahead log, whole where pages cut them.

    Read from a copy: opening the store itself would make it checkpoint.
    """
    with tempfile.TemporaryDirectory(prefix="privet-scan-") as place:
        copy = Path(place) / "copy.db"
        for suffix in ("", "-wal", "-journal"):
            if path.with_name(path.name + suffix).exists():
                shutil.copyfile(path.with_name(path.name + suffix), f"{copy}{suffix}")
        database = sqlite3.connect(copy)
        database.text_factory = bytes
        try:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (raw,) in names.fetchall():
                table = raw.decode()
                quoted = table.replace('"', '""')
                for row in database.execute(f'SELECT * FROM "{quoted}"'):
                    yield table, b"\0".join(_value(v) for v in row)
        except sqlite3.Error:
            raise Unreadable from None
        finally:
            database.close()


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _value(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _layer(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(_PARQUET) and data.endswith(_PARQUET):
        yield from _parquet(data)
    if data.startswith(b"PK\x03\x04"):
        yield from _archive(data)
    for match in _MEMBER.finditer(data):
        yield from _member(data, match.start())
    for match in _STREAM.finditer(data):
        yield from _inflated(data, match.start(), 47, "zlib")  # 47: zlib or gzip, as its head says


def _archive(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.file_size > MOST:
                    raise Unreadable
                yield "zip", archive.read(entry)
    except (NotImplementedError, RuntimeError):  # enciphered, or an unknown compression
        raise Unreadable from None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return  # no archive, or a torn one: its members are tried one by one below


def _member(data: bytes, start: int) -> Iterator[tuple[str, bytes]]:
    head = data[start : start + _LOCAL]
    if len(head) == _LOCAL and int.from_bytes(head[8:10], "little") == zipfile.ZIP_DEFLATED:
        names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        yield from _inflated(data, start + _LOCAL + names, -15, "zip")


def _inflated(data: bytes, start: int, window: int, name: str) -> Iterator[tuple[str, bytes]]:
    """What comes out of a stream before it ends or turns out to be none."""
    stream = zlib.decompressobj(window)
    out = bytearray()
    rest = data[start : start + (1 << 12)]
    place = start + len(rest)
    try:
        while rest and not stream.eof:
            out += stream.decompress(rest, MOST + 1 - len(out))
            if len(out) > MOST:
                raise Unreadable
            rest = stream.unconsumed_tail or data[place : place + (1 << 16)]
            place += 0 if stream.unconsumed_tail else len(rest)
    except zlib.error:  # chance bytes that only look like a stream's head, or its torn end
        pass
    if len(out) > 2:
        yield name, bytes(out)


def _parquet(data: bytes) -> Iterator[tuple[str, bytes]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        for batch in file.iter_batches():
            for column in batch.columns:
                yield "parquet", b"\0".join(_cell(v) for v in column.to_pylist())
    except pa.ArrowException:
        raise Unreadable from None


def _cell(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
