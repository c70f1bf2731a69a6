"""Tests that take away what the database guards, to see it learnt again."""

from __future__ import annotations

from privet.db import Tx


def let_the_ledger_go(tx: Tx) -> None:
    """From here on rows of the ledger can be deleted in this home."""
    if tx.for_update:  # PostgreSQL
        tx.run("DROP TRIGGER IF EXISTS ledger_only_grows ON ledger")
    else:
        tx.run("DROP TRIGGER IF EXISTS ledger_no_delete")


GROUNDS = (
    "ledger",
    "ground",
    "ground_delta",
    "ground_set",
    "ground_end",
    "ground_epoch",
    "fence",
    "notice",
)
"""All that follows from what people said."""


def empty_the_ledger(tx: Tx) -> None:
    """Let nobody have said anything in this home."""
    let_the_ledger_go(tx)
    for table in GROUNDS:
        tx.run(f"DELETE FROM {table}")
    tx.run("DELETE FROM meta WHERE key IN ('applied_seq', 'ground_bases')")
