"""The rows that a refusal locks and a publication shares (``ground_epoch``).

Whatever outlives a read is published while its purpose's row is held ``FOR SHARE``;
every change of a ground holds it ``FOR UPDATE``. So a result is either published before
a withdrawal is acknowledged, or computed without the person: no isolation level of
PostgreSQL gives this by itself. Rows are locked in the order of their names, by sharers
as well, so that no two wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from privet.db import Tx


AGES: Final = "#ages"
"""The row that moves when an age is told: what depends on ages is published while it is shared."""


def hold(tx: Tx, purposes: Iterable[str]) -> None:
    """Make the rows that are missing, then lock all of them until the transaction ends."""
    wanted = sorted(set(purposes))
    _make(tx, wanted)
    if tx.for_update:
        # One by one: a database's own collation may sort names in another order.
        for purpose in wanted:
            tx.one(f"SELECT 1 FROM ground_epoch WHERE purpose = ?{tx.for_update}", (purpose,))


def bump(tx: Tx, purposes: Iterable[str]) -> None:
    """Count one change on each row; the caller holds them."""
    tx.many(
        "UPDATE ground_epoch SET epoch = epoch + 1 WHERE purpose = ?",
        [(purpose,) for purpose in sorted(set(purposes))],
    )


def value(tx: Tx, purpose: str) -> int:
    """How many changes this purpose has seen."""
    row = tx.one("SELECT epoch FROM ground_epoch WHERE purpose = ?", (purpose,))
    return int(row[0]) if row else 0


def share(tx: Tx, purpose: str) -> int:
    """The same, holding every change of this purpose back until the transaction ends."""
    # A row that is not there cannot be locked: an objection would slip past.
    _make(tx, [purpose])
    row = tx.one(f"SELECT epoch FROM ground_epoch WHERE purpose = ?{tx.for_share}", (purpose,))
    return int(row[0]) if row else 0


def names(tx: Tx) -> list[str]:
    """Every purpose that has a row."""
    return [purpose for (purpose,) in tx.all("SELECT purpose FROM ground_epoch")]


def _make(tx: Tx, purposes: list[str]) -> None:
    tx.many(
        "INSERT INTO ground_epoch (purpose, epoch) VALUES (?, 0) ON CONFLICT (purpose) DO NOTHING",
        [(purpose,) for purpose in purposes],
    )
