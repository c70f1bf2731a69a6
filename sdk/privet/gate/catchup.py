"""The ledger in the data store follows the log, which is its redo log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, islice

from privet.audit.succession import NEW_KEY, NEW_ORIGIN
from privet.clock import DAY_US
from privet.consent import NOTICE, Change, Told, changes_of
from privet.db import Tx
from privet.gate import breakglass, duty
from privet.gate.parts import Parts

ANSWER_WITHIN_US = 30 * DAY_US  # Art. 12(3): one month
FOLD_AT = 500
AT_ONCE = 8192  # leaves of the log that one transaction applies


def fenced_among(tx: Tx, snos: set[int]) -> set[int]:
    """Those of these subjects whose erasure has begun."""
    rows = tx.all("SELECT sno FROM fence WHERE sno BETWEEN ? AND ?", (min(snos), max(snos)))
    return snos & {int(row[0]) for row in rows}


def come_abreast(parts: Parts) -> None:
    """Apply what a commit left behind that failed between the log and the ledger.

    Whoever tries again after such a failure is not to be recorded a second time.
    """
    with parts.home.data.read() as tx:
        position = parts.ledger.position(tx)
    if next(parts.log.redo(position), None) is not None:
        catch_up(parts)


def catch_up(parts: Parts, upto: int | None = None) -> int:
    """Apply the log's ledger leaves that the data store has not seen; the number applied.

    Leaves of other processes come first where they are older: the projection never
    has a gap, whoever crashed between the two commits. So many of them are applied in one
    transaction that memory stays bounded and others get their turn.
    """
    applied = 0
    while True:
        some = _catch_up_some(parts, upto)
        applied += some
        if some < AT_ONCE:
            return applied


def _catch_up_some(parts: Parts, upto: int | None) -> int:
    applied = 0
    with parts.home.data.write() as tx:
        # Before the position is read: whoever waited here finds the leaves applied.
        parts.ledger.lock(tx)
        leaves = islice(parts.log.redo(parts.ledger.position(tx), upto), AT_ONCE)
        first = list(islice(leaves, 2))
        if len(first) > 1:
            parts.ledger.hold(tx)
        pending: list[tuple[int, Change]] = []
        for seq, body in chain(first, leaves):
            applied += 1
            if body["kind"] == "ground":
                pending += [(seq, change) for change in changes_of(body["ground"])]
                continue
            _apply(tx, parts, pending)
            pending = []
            if body["kind"] == NOTICE:
                parts.ledger.tell(tx, Told.from_leaf(seq, body["notice"]))
            elif body["kind"] == breakglass.KIND:
                breakglass.apply(tx, parts, seq, body)
            elif body["kind"] not in {NEW_ORIGIN, NEW_KEY}:  # who signs the log is no state
                _replay_erasure(tx, parts, seq, body)
            parts.ledger.advance(tx, seq)
        _apply(tx, parts, pending)
        if applied >= FOLD_AT:  # many unfolded changes would slow every reader down
            parts.ledger.fold(tx)
    return applied


def _apply(tx: Tx, parts: Parts, changes: Sequence[tuple[int, Change]]) -> None:
    if not changes:
        return
    fenced = fenced_among(tx, {change.sno for _, change in changes})
    # What was on its way when the fence came would stand there for good after the erasure.
    parts.ledger.apply(tx, [(seq, change) for seq, change in changes if change.sno not in fenced])
    parts.ledger.advance(tx, changes[-1][0])


def _replay_erasure(tx: Tx, parts: Parts, seq: int, body: dict[str, object]) -> None:
    sno = int(str(body["sno"]))
    if body["kind"] == "erase.intent":
        request, at = str(body["request"]), int(str(body["ts"]))
        parts.ledger.fence(tx, sno, request, seq)
        row = tx.one("SELECT state, detail FROM request WHERE id = ?", (request,))
        known = {} if row is None else json.loads(row[1])
        # The register may be older than the log: maintenance takes it up from there.
        if row is None or str(row[0]) == "received":
            tx.run(
                "INSERT INTO request (id, kind, sno, received, due, state, held_until, detail, "
                "certificate) VALUES (?, 'erasure', ?, ?, ?, 'fenced', NULL, ?, NULL) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, detail = excluded.detail",
                (
                    request,
                    sno,
                    at,
                    at + ANSWER_WITHIN_US,
                    json.dumps({**known, "fenced": at}, sort_keys=True),
                ),
            )
    elif body["kind"] == "erase.forget":
        parts.ledger.forget(tx, sno)
        duty.forget(tx, sno)
