"""Tables of records in the forms that others read: JSON lines, CSV, Parquet.

Each is written on and on and can be taken up where an interrupted one was left: a text file is
cut back to what was noted, a Parquet file (whose footer comes last) is one of several parts.
"""

from __future__ import annotations

import csv
import io
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from privet.audit.cells import known, safe
from privet.audit.rows import COLUMNS, NUMBERS, line, row
from privet.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from privet.audit.pages import Stored
    from privet.audit.rows import Row

Form = Literal["jsonl", "csv", "parquet"]


class Table(Protocol):
    """A table that grows by pages of records."""

    name: str
    """What it is called in the export once it is whole."""

    def begin(self, place: int) -> None:
        """Go on where ``place`` says, 0 for a new one; what lies behind it is dropped."""
        ...

    def add(self, records: Sequence[Stored]) -> int:
        """Append records; the place behind them, once they are in the file."""
        ...

    def close(self) -> None:
        """Let go of the file; it stays as it is."""
        ...


class Text:
    """One file of lines; a place is its length in bytes.

    Args:
        draft: where it is written.
        name: what it is called once it is whole.
        head: what comes before the first record.
        lines: records as they are written.
    """

    def __init__(
        self, draft: Path, name: str, head: bytes, lines: Callable[[Sequence[Stored]], bytes]
    ) -> None:
        self.name = name
        self._draft = draft
        self._head = head
        self._lines = lines
        self._file: Any = None

    def begin(self, place: int) -> None:
        """Cut the draft back to ``place`` bytes."""
        self._file = self._draft.open("r+b" if place else "wb")
        self._file.truncate(place)
        self._file.seek(place)
        if not place:
            self._file.write(self._head)

    def add(self, records: Sequence[Stored]) -> int:
        """Append one line a record."""
        self._file.write(self._lines(records))
        self._file.flush()
        return int(self._file.tell())

    def close(self) -> None:
        """Make the draft durable and let go of it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _json_lines(records: Sequence[Stored], *, alone: bool) -> bytes:
    return b"".join([line(stored, alone=alone) for stored in records])


def _csv_lines(records: Sequence[Stored], *, alone: bool) -> bytes:
    rows = []
    for stored in records:
        index, ts, time, *told, leaf, body = row(stored, alone=alone)
        cells = [c if isinstance(c, int) else known(c) for c in told]
        rows.append([index, ts, time, *cells, leaf, safe(str(body))])
    return _csv(rows)


def _csv(rows: Sequence[Sequence[int | str]]) -> bytes:
    """RFC 4180, every cell quoted."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


class Parquet:
    """A directory of Parquet files, read as one table; a place is how many are whole."""

    name = "records.parquet"

    def __init__(self, draft: Path, *, alone: bool) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtra("writing parquet files", "parquet") from None
        self._pa, self._pq = pa, pq
        self._draft = draft
        self._alone = alone
        kinds = {"time": pa.timestamp("us", tz="UTC")} | dict.fromkeys(NUMBERS, pa.int64())
        self._schema = pa.schema([(n, kinds.get(n, pa.string())) for n in COLUMNS])
        self._parts = 0

    def begin(self, place: int) -> None:
        """Drop every part from ``place`` on."""
        self._draft.mkdir(mode=0o700, exist_ok=True)
        for file in self._draft.iterdir():
            if file.suffix != ".parquet" or int(file.stem) >= place:
                file.unlink()
        self._parts = place

    def add(self, records: Sequence[Stored]) -> int:
        """Write one part."""
        if records:
            self._write([row(stored, alone=self._alone) for stored in records])
        return self._parts

    def close(self) -> None:
        """Leave an empty table its columns."""
        if not self._parts:
            self._write([])

    def _write(self, rows: Sequence[Row]) -> None:
        columns: dict[str, Any] = {
            name: [cells[i] for cells in rows] for i, name in enumerate(COLUMNS)
        }
        columns["time"] = columns["ts"]
        arrays = [self._pa.array(columns[f.name], f.type) for f in self._schema]
        target = self._draft / f"{self._parts:06d}.parquet"
        draft = target.with_suffix(".draft")
        self._pq.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema), draft)
        draft.replace(target)
        self._parts += 1


def table(form: Form, draft: Path, *, alone: bool) -> Table:
    """A table of a form; ``alone`` as of ``rows.row``.

    Raises:
        MissingExtra: Parquet, and pyarrow is not installed.
    """
    if form == "parquet":
        return Parquet(draft, alone=alone)
    if form == "csv":
        return Text(draft, "records.csv", _csv([COLUMNS]), partial(_csv_lines, alone=alone))
    return Text(draft, "records.jsonl", b"", partial(_json_lines, alone=alone))
