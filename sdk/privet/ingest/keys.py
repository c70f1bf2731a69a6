"""The app's own key of an event, as bytes: recorded twice is recorded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from privet.ingest.columns import factorize


def row_keys(columns: Sequence[Any]) -> list[bytes]:
    """One unambiguous byte string per row, from the values of its unique fields.

    Integers and their decimal text are one key, so that a file and a form agree.

    Args:
        columns: arrays of equal length: int64, or object arrays of str.
    """
    encoded = [_encoded(np.asarray(column)) for column in columns]
    return [b"".join(parts) for parts in zip(*encoded, strict=True)]


def _encoded(column: np.ndarray) -> np.ndarray:
    codes, distinct = factorize(column, np.zeros(len(column), bool))
    out = np.empty(len(distinct), dtype=object)
    for i, value in enumerate(distinct):
        text = str(value).encode()
        out[i] = len(text).to_bytes(2, "big") + text
    keyed: np.ndarray = out[codes]
    return keyed
