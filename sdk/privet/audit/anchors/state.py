"""What the audit store remembers of each anchor: how far it is, and when it last failed.

It only spares questions. Who rolls the store back rolls this back as well; the truth is
what the anchor itself holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.audit.head import LOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.db import Tx

WITNESS = "witness:"


@dataclass(frozen=True, slots=True)
class State:
    """How one anchor stands.

    Attributes:
        name: the anchor's.
        size: records under the checkpoint that it took last; 0 for none.
        ts: when it took it, UTC microseconds.
        note: that checkpoint, with the anchor's own signatures.
        failures: attempts that failed since.
        failed_at: when the last attempt failed, UTC microseconds; 0 for never.
        reason: why it failed; empty once it succeeded.
    """

    name: str
    size: int = 0
    ts: int = 0
    note: bytes = b""
    failures: int = 0
    failed_at: int = 0
    reason: str = ""

    @property
    def tried(self) -> int:
        """When it was last tried, UTC microseconds."""
        return max(self.ts, self.failed_at)


def read(tx: Tx) -> dict[str, State]:
    """Every anchor that was ever tried, by name."""
    rows = tx.all("SELECT name, size, ts, note, failures, failed_at, reason FROM anchor")
    return {
        str(name): State(
            str(name), int(size), int(ts), bytes(note), int(failures), int(at), str(reason)
        )
        for name, size, ts, note, failures, at, reason in rows
    }


def succeeded(tx: Tx, name: str, size: int, ts: int, note: bytes) -> None:
    """Note that an anchor took a checkpoint; a smaller one of a slower process changes nothing."""
    _begin(tx, name)
    tx.run(
        "UPDATE anchor SET size = ?, ts = ?, note = ?, failures = 0, failed_at = 0, reason = '' "
        "WHERE name = ? AND size <= ?",
        (size, ts, note, name, size),
    )


def failed(tx: Tx, name: str, ts: int, reason: str) -> None:
    """Count an attempt that failed."""
    _begin(tx, name)
    tx.run(
        "UPDATE anchor SET failures = failures + 1, failed_at = ?, reason = ? WHERE name = ?",
        (ts, reason, name),
    )


def since(tx: Tx, names: Sequence[str]) -> int | None:
    """The time of the oldest record that not every one of these anchors has; None: all have all."""
    known = read(tx)
    size = min((known.get(name, State(name)).size for name in names), default=None)
    if size is None:
        return None
    row = tx.one("SELECT ts FROM record WHERE log = ? AND seq = ?", (LOG, size))
    return None if row is None else int(row[0])


def cosigned(tx: Tx) -> list[tuple[str, bytes]]:
    """The newest checkpoint that each witness cosigned, by its file in an export.

    Returns:
        ``witness/<key id, 8 hex digits>`` and the checkpoint with the witness's lines.
    """
    states = sorted(read(tx).values(), key=lambda state: state.name)
    return [
        (f"witness/{state.name.rpartition('+')[2]}", state.note)
        for state in states
        if state.name.startswith(WITNESS) and state.note
    ]


def _begin(tx: Tx, name: str) -> None:
    tx.run(
        "INSERT INTO anchor (name, size, ts, note, failures, failed_at, reason) "
        "VALUES (?, 0, 0, ?, 0, 0, '') ON CONFLICT (name) DO NOTHING",
        (name, b""),
    )
