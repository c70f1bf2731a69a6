"""Terms: how long an epoch lasts, and what is promised with its end.

They lie in the keys store, so that every process names the same date. A date that was
named is kept: a longer term holds from the next epoch on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from privet.clock import DAY_US

if TYPE_CHECKING:
    from privet.db import Tx

TERMS: Final = "key_terms"
EVERY_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Terms:
    """How long an epoch lasts.

    Attributes:
        every_days: from the end of one epoch to the end of the next.
        backup_days: how long whoever runs this keeps copies of the keyring; a copy of a
            secret outlives the secret by so long.
        due: when the epoch, and the index with it, is to end, UTC microseconds.
    """

    every_days: int
    backup_days: int
    due: int

    def begun(self, now: int) -> Terms:
        """The terms of an epoch that begins now."""
        return Terms(self.every_days, self.backup_days, now + self.every_days * DAY_US)

    def changed(self, now: int, every_days: int | None, backup_days: int | None) -> Terms:
        """Other terms; what ends sooner by them does, what would end later does not."""
        every = self.every_days if every_days is None else every_days
        kept = self.backup_days if backup_days is None else backup_days
        return Terms(every, kept, min(self.due, now + every * DAY_US))


def read(tx: Tx, began: int) -> Terms:
    """The terms in force.

    Args:
        tx: any transaction on the keys store.
        began: when the active epoch began: of a store without terms its end counts from there.
    """
    row = tx.one("SELECT value FROM meta WHERE key = ?", (TERMS,))
    if row is None:
        return Terms(EVERY_DAYS, 0, began + EVERY_DAYS * DAY_US)
    told = json.loads(bytes(row[0]))
    return Terms(int(told["every"]), int(told["backups"]), int(told["due"]))


def write(tx: Tx, terms: Terms) -> None:
    """Write the terms in force."""
    told = {"backups": terms.backup_days, "due": terms.due, "every": terms.every_days}
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (TERMS, json.dumps(told, sort_keys=True).encode()),
    )
