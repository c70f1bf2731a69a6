"""One declared field's values, checked and brought into the type they are sealed in.

Distinct values are checked once, however often they occur. A value that cannot be
taken marks its row with a reason code; the value itself goes nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from typing import Any

import numpy as np

from privet.errors import InvalidInput
from privet.policy import FieldSpec
from privet.types import check_text

NULL = np.iinfo(np.int64).min
_ALIKE = frozenset({"string", "integer"})
MAX_TEXT = 4096
MAX_EXACT = 2**53  # beyond it a float no longer says which integer it means


@dataclass(frozen=True, slots=True, repr=False)
class Column:
    """A field's values, ready to be sealed.

    Attributes:
        values: shape (R,); int64, float64, or object (str or None).
        bad: rows whose value cannot be taken, shape (R,), bool.
        missing: rows without a value, shape (R,), bool.
        extra: item ids that the catalogue does not know, for codes below zero.
    """

    values: np.ndarray
    bad: np.ndarray
    missing: np.ndarray
    extra: tuple[str, ...] = field(default=())


def typed(spec: FieldSpec, raw: Any, items: Mapping[str, int]) -> Column:
    """Check and convert the values of one field.

    Args:
        spec: the field as the data document declares it.
        raw: values as they came, any one-dimensional sequence or array.
        items: the catalogue's item ids and their codes.
    """
    array = _array(raw)
    missing = _missing(array)
    if spec.kind in {"int", "decimal", "seconds", "bool"}:
        return _numbers(spec, array, missing)
    codes, distinct = factorize(array, missing)
    if spec.kind == "item":
        return _items(codes, distinct, missing, items)
    convert = _text_of(spec)
    texts, good = _convert(distinct, convert)
    values = np.full(len(array), None, dtype=object)
    present = codes >= 0
    values[present] = texts[codes[present]]
    bad = np.zeros(len(array), bool)
    bad[present] = ~good[codes[present]]
    return Column(values, bad, missing)


def factorize(array: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (-1 where missing) and the distinct values, in order of first appearance."""
    if len(array) == 1:  # the point path must not wait for pandas
        return np.array([-1 if missing[0] else 0]), array[~missing]
    import pandas as pd

    if array.dtype != object or pd.api.types.infer_dtype(array, skipna=True) in _ALIKE:
        codes, distinct = pd.factorize(array)
        return np.where(missing, -1, codes), np.asarray(distinct)
    return _apart(array, missing)


def _apart(array: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct by type as well: Python holds 1, 1.0 and True for equal, an id does not."""
    seen: dict[object, int] = {}
    codes = np.full(len(array), -1)
    distinct: list[object] = []
    for i in np.flatnonzero(~missing):
        value = array[i]
        known = (type(value), value) if isinstance(value, Hashable) else (i,)
        code = seen.get(known)
        if code is None:
            code = seen[known] = len(distinct)
            distinct.append(value)
        codes[i] = code
    out = np.empty(len(distinct), dtype=object)
    out[:] = distinct
    return codes, out


def identifier(value: object) -> str:
    """An id as text: text that is exact, or an integer as its decimal digits.

    Raises:
        InvalidInput: neither.
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_):
        return str(int(value)) if -(2**63) <= value < 2**63 else _no_text()
    return check_text(value if isinstance(value, str) else _no_text(), "an id")


def _array(raw: Any) -> np.ndarray:
    array: np.ndarray = np.asarray(raw.to_numpy() if hasattr(raw, "to_numpy") else raw)
    if array.dtype.kind in "iufbO":
        return array
    if array.dtype.kind in "US":
        return array.astype(object)
    # As they are: converted, a time would become a number of nanoseconds.
    out = np.empty(len(array), dtype=object)
    out[:] = list(array)
    return out


def _missing(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind in "iub":
        return np.zeros(len(array), bool)
    if array.dtype.kind == "f":
        nan: np.ndarray = np.isnan(array)
        return nan
    return np.fromiter((is_missing(v) for v in array), bool, len(array))


def is_missing(value: object) -> bool:
    """Whether a value is one of the ways in which a frame says nothing."""
    return value is None or _is_nan(value)


def _is_nan(value: object) -> bool:
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - what NaN is
    return type(value).__name__ in {"NAType", "NaTType"}


def _numbers(spec: FieldSpec, array: np.ndarray, missing: np.ndarray) -> Column:
    if array.dtype.kind == "O":
        return _each_number(spec, array, missing)
    if array.dtype.kind == "b" and spec.kind != "bool":
        bad = np.ones(len(array), bool)
        null = np.nan if spec.kind == "seconds" else NULL
        return Column(np.full(len(array), null), bad, missing)
    if spec.kind == "seconds":
        values = array.astype(np.float64)
        bad = ~missing & (~np.isfinite(values) | (values < 0))
        return Column(np.where(bad, np.nan, values), bad, missing)
    if spec.kind == "bool":
        bad = ~missing & ~np.isin(array, (0, 1))
        return Column(
            np.where(missing | bad, NULL, np.nan_to_num(array)).astype(np.int64), bad, missing
        )
    scale = 10**spec.scale if spec.kind == "decimal" else 1
    if array.dtype.kind in "iub":
        whole = array.astype(np.int64)
        bad = np.abs(array.astype(np.float64)) > MAX_EXACT / scale
        return Column(np.where(bad, NULL, whole * scale), bad, missing)
    with np.errstate(invalid="ignore", over="ignore"):
        units = array.astype(np.float64) * scale
        nearest = np.rint(units)
        # What rounding can have done to the number as it came, and no more.
        slack = 2 * np.spacing(np.abs(array)).astype(np.float64) * scale
        off = np.abs(units - nearest) > np.minimum(np.maximum(slack, 1e-6), 0.25)
    bad = ~missing & (~np.isfinite(units) | off | (np.abs(units) > MAX_EXACT))
    safe = np.where(missing | bad, 0, nearest).astype(np.int64)
    return Column(np.where(missing | bad, NULL, safe), bad, missing)


def _each_number(spec: FieldSpec, array: np.ndarray, missing: np.ndarray) -> Column:
    real = spec.kind == "seconds"
    values = np.full(len(array), np.nan if real else NULL, np.float64 if real else np.int64)
    bad = np.zeros(len(array), bool)
    for i in np.flatnonzero(~missing):
        number = _number(spec, array[i])
        if number is None:
            bad[i] = True
        else:
            values[i] = number
    return Column(values, bad, missing)


def _number(spec: FieldSpec, value: object) -> float | int | None:
    truth = isinstance(value, bool | np.bool_)
    if truth or spec.kind == "bool":
        return int(bool(value)) if truth and spec.kind == "bool" else None
    if isinstance(value, float | np.floating):  # as a frame's column of floats
        column = _numbers(spec, np.array([value]), np.zeros(1, bool))
        return None if column.bad[0] else column.values[0].item()
    return _exact(spec, value) if isinstance(value, int | str | Decimal | np.integer) else None


def _exact(spec: FieldSpec, value: int | str | Decimal | np.integer) -> float | int | None:
    try:
        text = str(value)  # refuses integers of thousands of digits by itself
        exact = Decimal(text if len(text) <= 40 else "NaN")
        if not exact.is_finite():
            return None
        if spec.kind == "seconds":
            real = float(exact)  # 1e999 is finite only as a decimal
            return real if 0 <= real < math.inf else None
        units = exact.scaleb(spec.scale if spec.kind == "decimal" else 0)
    except (DecimalException, ValueError):
        return None
    fits = units == units.to_integral_value() and abs(units) <= MAX_EXACT
    return int(units) if fits else None


def _items(
    codes: np.ndarray, distinct: np.ndarray, missing: np.ndarray, items: Mapping[str, int]
) -> Column:
    texts, good = _convert(distinct, identifier)
    extra: list[str] = []
    of_distinct = np.full(len(distinct), NULL, np.int64)
    for i in np.flatnonzero(good):
        code = items.get(texts[i])
        if code is None:
            extra.append(texts[i])
            code = -len(extra)
        of_distinct[i] = code
    values = np.full(len(codes), NULL, np.int64)
    present = codes >= 0
    values[present] = of_distinct[codes[present]]
    bad = np.zeros(len(codes), bool)
    bad[present] = ~good[codes[present]]
    return Column(values, bad, missing, tuple(extra))


def _convert(
    distinct: np.ndarray, convert: Callable[[object], str]
) -> tuple[np.ndarray, np.ndarray]:
    texts = np.full(len(distinct), None, dtype=object)
    good = np.zeros(len(distinct), bool)
    for i, value in enumerate(distinct):
        try:
            texts[i] = convert(value)
            good[i] = True
        except InvalidInput:  # marks its rows; the caller gets their reason
            continue
    return texts, good


def _text_of(spec: FieldSpec) -> Callable[[object], str]:
    if spec.kind == "id":
        return identifier
    if spec.kind == "band":
        allowed = frozenset(spec.values)
        return lambda value: str(value) if str(value) in allowed else _no_text()
    return _free_text


def _free_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return _no_text()
    try:
        value.encode()
    except UnicodeEncodeError:
        return _no_text()
    return value


def _no_text() -> str:
    raise InvalidInput("a value is not of its field's type", reason="field.type")
