"""Tables from files: CSV and parquet, with nothing guessed about their values.

In CSV every value is text as it stands, so that `007` stays an id; an empty cell is no
value. Times without a zone are refused unless the caller says which zone they are in.
No message repeats a value of a file.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    import pandas as pd

KINDS = (".csv", ".parquet")
_ZONED = r"(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def read_table(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """Some columns of a file; the others are never looked at.

    Args:
        path: a ``.csv`` (UTF-8, comma, one header line) or ``.parquet`` file.
        columns: the columns wanted; each must be there once.

    Raises:
        InvalidInput: another kind of file, a malformed one, or a column that is missing.
        MissingExtra: parquet without the extra ``parquet``.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise InvalidInput(
            "this kind of file is not read",
            remedy=f"Give one of: {', '.join(KINDS)}.",
            reason="file.kind",
        )
    try:
        return _csv(path, columns) if kind == ".csv" else _parquet(path, columns)
    except (InvalidInput, MissingExtra):
        raise
    except Exception:  # readers put values into their messages
        raise InvalidInput(
            "the file cannot be read",
            why="it is missing, damaged, not UTF-8, or its rows differ in length",
            remedy="Check the file; nothing of it was stored.",
            reason="file.malformed",
        ) from None


def column_names(path: Path) -> list[str]:
    """The names of a file's columns, in order.

    Raises:
        InvalidInput, MissingExtra: as ``read_table``.
    """
    return [str(name) for name in read_table(path, ()).attrs["columns"]]


def instants(raw: pd.Series, zone: str | None) -> pd.Series:
    """A column of times as aware instants; what is no time becomes missing.

    Args:
        raw: texts in ISO 8601, or times as a file's own type has them.
        zone: IANA name of the zone of times that name none; None refuses them. An hour
            that the zone's clocks show twice, or never, is missing: nobody knows which.

    Raises:
        InvalidInput: times without a zone and no ``zone``, or an unknown one.
    """
    import pandas as pd

    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        return raw
    if pd.api.types.is_datetime64_dtype(raw.dtype):
        return _localized(raw, zone)
    texts = raw.where(raw.isna(), raw.astype(str)).astype(object)
    zoned = texts.astype(str).str.contains(_ZONED, regex=True)
    there = texts.notna()
    aware = pd.to_datetime(texts.where(zoned & there), format="ISO8601", utc=True, errors="coerce")
    bare = pd.to_datetime(texts.where(~zoned & there), format="ISO8601", errors="coerce")
    if not bare.notna().any():
        return aware
    return aware.fillna(_localized(bare, zone).dt.tz_convert("UTC"))


def booleans(raw: pd.Series) -> pd.Series:
    """A text column of true/false or 1/0 as booleans; other values stay, to be refused."""
    return raw.map(lambda v: _BOOLS.get(v.strip().lower(), v) if isinstance(v, str) else v)


def identifiers(raw: pd.Series) -> pd.Series:
    """A column of ids as text: whole numbers as their digits, the rest as it stands."""
    import pandas as pd

    values = [
        str(v) if _whole(v) else None if missing else v
        for v, missing in zip(raw, raw.isna(), strict=True)
    ]
    return pd.Series(values, index=raw.index, dtype=object)


def write_refusals(path: Path, rows: Iterable[int], reasons: Iterable[str]) -> None:
    """Write row numbers with reasons as CSV; 1 is the first row under the header.

    Raises:
        InvalidInput: the file exists already or cannot be made.
    """
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            path.chmod(0o600)
            out = csv.writer(file)
            out.writerow(("row", "reason"))
            out.writerows(
                (row + 1, cell(reason)) for row, reason in zip(rows, reasons, strict=True)
            )
    except OSError:
        raise InvalidInput(
            "the refused rows cannot be written there",
            why="the file exists already, or its directory does not or cannot be written",
            remedy="Name a new file in a directory of yours.",
            reason="export.path",
        ) from None


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv(path: Path, columns: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    # pandas would cut rows that are too long, and guess at types.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows, [])
        _check(header, columns)
        places = [header.index(column) for column in columns]
        taken = [_cells(row, places, len(header)) for row in rows if row]
    frame = pd.DataFrame(taken, columns=list(columns), dtype=object)
    frame.attrs["columns"] = header
    return frame


def _cells(row: list[str], places: list[int], width: int) -> list[str | None]:
    if len(row) != width:
        raise ValueError("a row is longer or shorter than the header")
    return [row[place] or None for place in places]


def _parquet(path: Path, columns: Collection[str]) -> pd.DataFrame:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("reading parquet files", "parquet") from None
    names = list(pq.read_schema(path).names)
    _check(names, columns)
    table = pq.read_table(path, columns=list(columns), partitioning=None)
    # Whole numbers with gaps stay whole numbers: as floats, ids would change.
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True, ignore_metadata=True)
    frame.attrs["columns"] = names
    return frame


def _check(names: list[str], columns: Collection[str]) -> None:
    if any(names.count(column) != 1 for column in columns):
        raise InvalidInput(
            "a mapped column is not in the file, or twice",
            remedy="Map columns that the file's header names once.",
            reason="load.columns",
        )


def _localized(raw: pd.Series, zone: str | None) -> pd.Series:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if zone is None:
        raise InvalidInput(
            "times without a zone were refused",
            why="a naive time means different instants in different places",
            remedy="Say which zone they are in: --zone UTC.",
            reason="time.naive",
        )
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            "this time zone is unknown",
            remedy="Give an IANA name such as UTC or Europe/Berlin.",
            reason="time.zone",
        ) from None
    aware: pd.Series = raw.dt.tz_localize(known, ambiguous="NaT", nonexistent="NaT")
    return aware


def _whole(value: Any) -> bool:
    import numpy as np

    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
