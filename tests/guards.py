"""Tests that take away what the database guards, to see it learnt again."""

from __future__ import annotations

from privet.db import Tx


def let_the_ledger_go(tx: Tx) -> None:
    """From here on rows of the ledger can be deleted in this home."""
    if tx.for_update:  # PostgreSQL
        tx.run("DROP TRIGGER IF EXISTS ledger_only_grows ON ledger")
    else:
        tx.run("DROP TRIGGER IF EXISTS ledger_no_delete")
