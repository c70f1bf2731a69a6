"""The app's own key of an event, as bytes: recorded twice is recorded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privet.ingest.columns import Column, factorize
from privet.policy import FieldSpec


def key_values(spec: FieldSpec, column: Column, good: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """One unique field's checked values, the same whichever way they came in.

    An item counts by its id: the catalogue may come to know it between two loads.

    Args:
        spec: the field.
        column: its values.
        good: the rows that are kept, shape (R,), bool.
        ids: the catalogue's item ids by code.
    """
    values: np.ndarray = column.values[good]
    if spec.kind != "item":
        return values
    out = np.empty(len(values), dtype=object)
    out[:] = [ids[c] if c >= 0 else column.extra[-c - 1] for c in values.tolist()]
    return out


def row_keys(columns: Sequence[np.ndarray]) -> list[bytes]:
    """One unambiguous byte string per row, from the values of its unique fields.

    Args:
        columns: arrays of equal length: int64, or object arrays of str.
    """
    encoded = [_encoded(column) for column in columns]
    return [b"".join(parts) for parts in zip(*encoded, strict=True)]


def _encoded(column: np.ndarray) -> np.ndarray:
    codes, distinct = factorize(column, np.zeros(len(column), bool))
    out = np.empty(len(distinct), dtype=object)
    for i, value in enumerate(distinct):
        text = str(value).encode()
        out[i] = len(text).to_bytes(2, "big") + text
    keyed: np.ndarray = out[codes]
    return keyed
