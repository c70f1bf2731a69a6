"""The highest ordinal that any of the stores has ever heard of.

A newcomer who got the number of somebody known would inherit her history, and her erasure. So
what a restore gives out begins above all that is known, and above what may not be known: people
who came after the newest copy was taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.audit import sets
from privet.db.schema import METADATA

if TYPE_CHECKING:
    from privet.db import Home, Store

ROOM = 2**16
"""Ordinals that are passed over: for those who came after the last copy of anything."""

PAGE = 64


def highest(home: Home) -> int:
    """The highest ordinal in the three stores; 0 where nobody was ever enrolled."""
    with home.keys.read() as tx:
        row = tx.one("SELECT value FROM meta WHERE key = 'next_sno'")
    given = int(bytes(row[0])) - 1 if row else 0
    return max(given, _column(home.data, "data"), _column(home.keys, "keys"), _in_log(home.audit))


def _column(store: Store, name: str) -> int:
    named = [t.name for t in METADATA[name].sorted_tables if "sno" in t.columns]
    with store.read() as tx:
        found = [tx.one(f"SELECT COALESCE(MAX(sno), 0) FROM {table}") for table in named]
    return max((int(row[0]) for row in found if row), default=0)


def _in_log(audit: Store) -> int:
    with audit.read() as tx:
        single = tx.one("SELECT COALESCE(MAX(sno), 0) FROM single")
        chunk = tx.one("SELECT MAX(chunk) FROM set_chunk")
    listed = int(single[0]) if single else 0
    if chunk is None or chunk[0] is None:
        return listed
    return max(listed, _in_chunk(audit, int(chunk[0])))


def _in_chunk(audit: Store, chunk: int) -> int:
    """The highest ordinal in the bitmaps of one chunk, a few of them in memory at a time."""
    most, after = 0, -1
    while True:
        with audit.read() as tx:
            rows = tx.all(
                "SELECT seq, bits FROM set_chunk WHERE chunk = ? AND seq > ? ORDER BY seq LIMIT ?",
                (chunk, after, PAGE),
            )
        for seq, bits in rows:
            most = max(most, *sets.marked({chunk: bytes(bits)}), 0)
            after = int(seq)
        if len(rows) < PAGE:
            return most
