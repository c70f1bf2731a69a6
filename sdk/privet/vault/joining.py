"""Joining: the columns of one event come together by subject and row number.

A row's number is in every cell that holds some of its fields, whatever the layout and the
domain, so that fields sealed apart (or at different times, under different policies) meet
again, and those that are gone are null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from privet.vault.codec import NULL, Column, Decoded, Ints, nulls_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, repr=False)
class Joined:
    """Rows of several layouts, one per event, ordered by subject, time and identity."""

    sno: Ints
    at: Ints
    row: Ints
    columns: dict[str, Column]
    extra: dict[str, tuple[str, ...]]


def join(parts: Sequence[Decoded], owners: Sequence[Ints]) -> Joined:
    """Bring the columns of one event together by subject and row identity."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Joined(none, none, none, {}, {})
    extra: dict[str, tuple[str, ...]] = {}
    named = _aligned_extra(parts, extra)
    sno, row, at, columns = owners[0], parts[0].row, parts[0].at, named[0]
    in_order = _in_order(sno, at, row)
    if len(parts) == 1:
        if in_order:
            return Joined(sno, at, row, columns, extra)
        if sno[0] == sno[-1]:
            # Cells of a few loads, packed at different times, interleave: runs that a stable
            # sort by time alone merges.
            order = np.argsort(at, kind="stable")
            if _in_order(sno, at[order], row[order]):
                columns = {name: values[order] for name, values in columns.items()}
                return Joined(sno, at[order], row[order], columns, extra)
    one_home = len({n for part in named for n in part}) == sum(map(len, named))
    aligned = all(
        np.array_equal(o, sno) and np.array_equal(p.row, row)
        for o, p in zip(owners[1:], parts[1:], strict=True)
    )
    if one_home and aligned and (in_order or _unique_rows(sno, row)):
        columns = {name: values for part in named for name, values in part.items()}
    else:
        sno, row, at, columns = _scattered(parts, owners, named)
        in_order = False
    if not in_order:
        order = np.lexsort((row, at, sno))
        sno, at, row = sno[order], at[order], row[order]
        columns = {name: values[order] for name, values in columns.items()}
    return Joined(sno, at, row, columns, extra)


def _scattered(
    parts: Sequence[Decoded], owners: Sequence[Ints], named: Sequence[Mapping[str, Column]]
) -> tuple[Ints, Ints, Ints, dict[str, Column]]:
    """One output row per (subject, row identity), each value put where it belongs."""
    sno, row = np.concatenate(owners), np.concatenate([p.row for p in parts])
    at = np.concatenate([p.at for p in parts])
    order = np.lexsort((row, sno))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(sno[order]) != 0) | (np.diff(row[order]) != 0)
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(fresh) - 1
    lead = order[fresh]
    columns: dict[str, Column] = {}
    start = 0
    for part in named:
        length = len(next(iter(part.values()))) if part else 0
        for name, values in part.items():
            here = place[start : start + length]
            known = ~nulls_in(values)
            out = columns.get(name)
            if out is None or out.dtype != values.dtype:
                out, usable = _common(out, values, len(lead))
                columns[name] = out
            else:
                usable = values
            out[here[known]] = usable[known]
        start += length
    return sno[lead], row[lead], at[lead], columns


def _common(out: Column | None, values: Column, length: int) -> tuple[Column, Column]:
    """An output column that holds both what is there and ``values``."""
    if out is None:
        return np.full(length, _null_for(values.dtype), values.dtype), values
    return _as_texts(out), _as_texts(values)


def _as_texts(ids: Column) -> Column:
    """Ids kept as numbers, written as the texts they are."""
    if ids.dtype == object:
        return ids
    out = np.empty(len(ids), object)
    out[:] = [None if v == NULL else str(v) for v in ids.tolist()]
    return out


def _aligned_extra(
    parts: Sequence[Decoded], extra: dict[str, tuple[str, ...]]
) -> list[dict[str, Column]]:
    """Columns whose negative item codes all count into the one ``extra`` of their name."""
    named = []
    for part in parts:
        columns = dict(part.columns)
        for name, ids in part.extra.items():
            before = extra.get(name, ())
            if before:
                values = columns[name].copy()
                values[(values < 0) & (values != NULL)] -= len(before)
                columns[name] = values
            extra[name] = before + ids
        named.append(columns)
    return named


def latest(
    joined: Joined, snos: Ints, keep: npt.NDArray[np.bool_]
) -> tuple[Ints, dict[str, Column]]:
    """One row per subject: of each field the value said last; null where there is none."""
    place = np.searchsorted(snos, joined.sno)
    at = np.full(len(snos), NULL)
    at[place[keep]] = joined.at[keep]
    columns = {}
    for name, values in joined.columns.items():
        known = keep & ~nulls_in(values)
        out = np.full(len(snos), _null_for(values.dtype), values.dtype)
        out[place[known]] = values[known]  # rows ascend in time: the last one stays
        columns[name] = out
    return at, columns


def _null_for(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "O":
        return None
    return np.nan if dtype == np.float64 else NULL


def _in_order(sno: Ints, at: Ints, row: Ints) -> bool:
    """Whether rows ascend in time and identity within ascending subjects: the usual case."""
    if not len(sno):
        return True
    later = (at[1:] >= at[:-1]) & (row[1:] > row[:-1])
    if sno[0] == sno[-1]:  # one subject's rows stand together
        return bool(later.all()) and bool((sno == sno[0]).all())
    step = np.diff(sno)
    return bool(((step > 0) | ((step == 0) & later)).all())


def _unique_rows(sno: Ints, row: Ints) -> bool:
    """Whether no (subject, row) occurs twice."""
    order = np.lexsort((row, sno))
    return not ((np.diff(sno[order]) == 0) & (np.diff(row[order]) == 0)).any()
