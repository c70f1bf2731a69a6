"""Everything that the log has about one subject, with the proof of each record."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from privet.audit import proof
from privet.audit.pages import naming
from privet.audit.record import decode
from privet.audit.rows import names_others

if TYPE_CHECKING:
    from privet.audit.head import Head
    from privet.db import Tx


def shown(tx: Tx, head: Head, sno: int) -> list[dict[str, Any]]:
    """The records under a head that name a subject, ascending, each with its proof.

    Of a record that lists others only the index is told: its bytes would name them.

    Args:
        tx: a read of the audit store, of the head's own snapshot.
        head: the log's newest state.
        sno: the subject's ordinal.
    """
    return [_shown(tx, head, seq, sno) for seq in naming(tx, sno, 0, head.size)]


def _shown(tx: Tx, head: Head, seq: int, sno: int) -> dict[str, Any]:
    found = proof.inclusion(tx, head, seq)
    if names_others(decode(base64.b64decode(found["record"]))):
        return {"index": seq, "record": None, "hashes": None, "slice": None}
    return {
        "index": seq,
        "record": found["record"],
        "hashes": found["hashes"],
        "slice": proof.membership(tx, seq, sno),
    }
