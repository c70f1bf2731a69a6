"""Fetching rows of many subjects: one statement for one, a range or a list of ordinals."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroaring import BitMap

    from privet.db import Store, Tx
    from privet.db.store import Row

_LIST = 512
# A range reads the rows between as well: worth it where at least every fourth is asked for.
_DENSE = 4
_PAGE = 10_000


def by_subject(
    tx: Tx | Store,
    select: str,
    snos: Sequence[int],
    order: str = "sno, dom",
    **among: Sequence[int],
) -> list[Row]:
    """Rows whose ``sno`` is one of ``snos``, ordered.

    Args:
        tx: the caller's transaction; or the store, where one subject is one statement.
        select: the statement up to its WHERE; its first column is ``sno``.
        snos: ascending ordinals without repeats.
        order: columns to order by, beginning with ``sno``.
        among: further columns, each with the values it may have.
    """
    if not snos or not all(among.values()):
        return []
    params = [value for values in among.values() for value in values]
    tail = _tail(order, tuple((column, len(values)) for column, values in among.items()))
    if len(snos) == 1:
        return tx.all(f"{select} WHERE sno = ?{tail}", (snos[0], *params))
    span = snos[-1] - snos[0] + 1
    if span <= _DENSE * len(snos):
        bounds = (snos[0], snos[-1], *params)
        rows = tx.all(f"{select} WHERE sno BETWEEN ? AND ?{tail}", bounds)
        if span == len(snos):
            return rows
        asked = frozenset(snos)
        return [row for row in rows if row[0] in asked]
    found: list[Row] = []
    for start in range(0, len(snos), _LIST):
        part = list(snos[start : start + _LIST])
        part += part[-1:] * (_LIST - len(part))  # one statement text, prepared once
        marks = ", ".join("?" * _LIST)
        found += tx.all(f"{select} WHERE sno IN ({marks}){tail}", (*part, *params))
    return found


def ordinals(tx: Tx, sql: str, params: Sequence[object] = ()) -> BitMap:
    """The first column of all rows as a set: of many millions, no more than a page is held."""
    from pyroaring import BitMap

    first = tx.one(sql, params)
    found = BitMap([] if first is None else [int(first[0])])
    while page := tx.driver.fetchmany(_PAGE):
        found.update([int(row[0]) for row in page])
    return found


@lru_cache(maxsize=256)
def _tail(order: str, among: tuple[tuple[str, int], ...]) -> str:
    rest = "".join(f" AND {column} IN ({', '.join('?' * count)})" for column, count in among)
    return f"{rest} ORDER BY {order}"
