"""Before any door opens: what one store has forgotten is put right from what the others know.

A store that was put back to an older copy must bring nobody back: the log replays
grounds and erasures into the data store (``catchup.catch_up``); here keys that came
back after an erasure are destroyed again, models that nothing opens are taken away, and
a keys store that would give somebody's number to somebody else is refused.
"""

from __future__ import annotations

import json

from privet.errors import StoreUnavailable
from privet.gate import removal
from privet.gate.held import kept_out_until
from privet.gate.parts import IDENTITY, Parts


def recover(parts: Parts) -> None:
    """Put right what a restored or interrupted home may have left.

    Raises:
        StoreUnavailable: the keys store is older than the last enrolment (``keys.behind``).
    """
    _check_numbers(parts)
    removal.drop_unopenable(parts)
    _destroy_again(parts)


def _check_numbers(parts: Parts) -> None:
    with parts.home.data.read() as tx:
        highest = max(
            int(row[0])
            for table in ("ledger", "fence")  # of the erased only the fence is left
            for row in tx.all(f"SELECT COALESCE(MAX(sno), 0) FROM {table}")
        )
    if highest > parts.subjects.high_water():
        raise StoreUnavailable(
            "the keys store is behind the data store",
            why="it was rolled back: its next newcomer would get the number of somebody known",
            remedy="Restore all three stores from one backup.",
            reason="keys.behind",
        )


def _destroy_again(parts: Parts) -> None:
    """Destroy keys and links of people whose erasure is concluded."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT f.sno, r.id, r.state, r.detail FROM fence f JOIN request r ON r.id = f.request "
            "WHERE r.state IN ('done', 'held')"
        )
    concluded = {int(sno): (str(receipt), str(state), str(d)) for sno, receipt, state, d in rows}
    keyed = parts.vault.keyed_domains(sorted(concluded))
    linked = parts.subjects.linked(sorted(concluded))
    for sno, (receipt, state, detail) in concluded.items():
        held = {*json.loads(detail).get("holds", {}), IDENTITY} if state == "held" else set()
        back = keyed.get(sno, set()) - held
        if back or sno in linked:
            until = json.loads(detail).get("suppressed", kept_out_until(parts))
            parts.subjects.suppress(sno, until, receipt)
            parts.vault.shred(sno, sorted(back) if held else None)
            parts.subjects.drop_refs(sno, held=bool(held))
