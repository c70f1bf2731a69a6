"""Items that turned out to be sensitive after they were sealed: noted, then moved apart.

The reads hide such rows at once, by the catalogue of now. Moving them takes them from the
purposes that read amounts and no items as well, and under keys that no other purpose asks for.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import BitMap

from privet.db import Tx

NOTED, FROM = "separating", "separating:from"


def note(tx: Tx, codes: Iterable[int]) -> None:
    """Note items whose rows are to be moved; everybody is looked through from the beginning."""
    found = BitMap(codes)
    if not found:
        return
    _put(tx, NOTED, (found | noted(tx)).serialize())
    tx.run("DELETE FROM meta WHERE key = ?", (FROM,))


def noted(tx: Tx) -> BitMap:
    """Codes of the items whose rows are still to be moved."""
    held = _get(tx, NOTED)
    return BitMap() if held is None else BitMap.deserialize(held)


def since(tx: Tx) -> int:
    """The last subject who was looked through; 0 before the first."""
    return int(_get(tx, FROM) or b"0")


def went_on(tx: Tx, codes: BitMap, last: int | None) -> None:
    """Remember how far it is, or that it is done, unless more items were noted meanwhile."""
    if noted(tx) != codes:
        return
    if last is None:
        tx.run("DELETE FROM meta WHERE key IN (?, ?)", (NOTED, FROM))
    else:
        _put(tx, FROM, b"%d" % last)


def _get(tx: Tx, key: str) -> bytes | None:
    row = tx.one("SELECT value FROM meta WHERE key = ?", (key,))
    return None if row is None else bytes(row[0])


def _put(tx: Tx, key: str, value: bytes) -> None:
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
