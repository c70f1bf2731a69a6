"""Before any door opens: what the newest log knows and the older stores do not is done again.

Grounds and fences are projected as at any opening. Beyond that a restore does at once what
maintenance would do later: erasures to their end, with keys, models, marks and all; what
withdrawals end; holds that have ended. And the policy that was activated last holds again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from privet.errors import IntegrityError, PolicyError, StoreUnavailable
from privet.gate import activation, catchup, erasing, forget, policies, recovery, register, removal
from privet.gate.parts import Caller, Parts
from privet.gate.policies import Activation

if TYPE_CHECKING:
    from privet.policy import Policy

TOGETHER = 100
"""Erasures that share their commits."""
Kind = Literal["same", "brought forward", "older"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was done again.

    Attributes:
        changes: records of grounds, notices, emergencies and erasures that were applied.
        erased: erasures that were carried out again.
        withdrawn: grounds whose end was carried out again.
        released: holds that had ended.
        policy: whether the one that was activated last was in the backup, was brought forward, or
            is lost, so that an older one holds.
    """

    changes: int
    erased: int
    withdrawn: int
    released: int
    policy: Kind


def replay(
    parts: Parts,
    caller: Caller,
    activated: Sequence[tuple[int, Mapping[str, Any]]],
    offered: Policy | None,
    *,
    accepts: bool,
) -> Replayed:
    """Apply to a restored home what its log knows.

    Args:
        parts: its parts, of the new timeline.
        caller: on whose behalf.
        activated: the log's records of activations, oldest first.
        offered: the policy that was activated last, where the home does not keep it.
        accepts: somebody accepts in words that something is lost.

    Raises:
        IntegrityError: the log ends before what the data store has applied (``log.behind``).
        PolicyError: the policy that was activated last is not here (``restore.policy``).
        StoreUnavailable: the keys store is older than the data (``keys.behind``), or a store is
            busy (``store.busy``).
    """
    with parts.home.data.read() as tx:
        position = parts.ledger.position(tx)
    if position >= parts.log.size():
        raise IntegrityError(
            "the audit log is behind the data store",
            why="it lacks records that the data store has applied",
            remedy="Give the log of the same backup, or a newer one.",
            reason="log.behind",
        )
    parts.log.check_redo(-1)
    changes = _catch_up(parts, caller, position)
    parts, kind = _policy(parts, caller, activated, offered, accepts=accepts)
    recovery.recover(parts)
    _end_runs(parts)
    erased = _erase(parts, caller)
    withdrawn = forget.unsettled(parts)
    for sno, purpose in withdrawn:
        forget.settle(parts, caller, sno, purpose)
    return Replayed(changes, erased, len(withdrawn), erasing.release_holds(parts, caller), kind)


def _catch_up(parts: Parts, caller: Caller, position: int) -> int:
    """Apply the log; where it says that somebody is forgotten, decide first what is held."""
    forgotten = [
        (seq, int(body["sno"]))
        for seq, body in parts.log.redo(position)
        if body["kind"] == "erase.forget"
    ]
    applied = 0
    for seq, sno in forgotten:
        applied += catchup.catch_up(parts, seq - 1)
        with parts.home.data.read() as tx:
            rows = tx.all("SELECT id FROM request WHERE sno = ? AND kind = 'erasure'", (sno,))
        for (receipt,) in rows:
            erasing.foresee(parts, caller, str(receipt))
    return applied + catchup.catch_up(parts)


def _erase(parts: Parts, caller: Caller) -> int:
    waiting = register.pending(parts)
    for start in range(0, len(waiting), TOGETHER):
        found = erasing.resume(parts, caller, waiting[start : start + TOGETHER])
        if any(one.state not in register.CONCLUDED for one in found):
            raise StoreUnavailable(
                "an erasure could not be carried out again",
                why="a write-ahead log is held by somebody who reads",
                remedy="Stop whatever reads these stores, and run the restore again.",
                reason="store.busy",
            )
    return len(waiting)


def _end_runs(parts: Parts) -> None:
    """Nothing that ran when the backup was taken runs now."""
    with parts.home.data.write() as tx:
        tx.run("UPDATE run SET lease = 0")
    removal.abandon(parts)


def _policy(
    parts: Parts,
    caller: Caller,
    activated: Sequence[tuple[int, Mapping[str, Any]]],
    offered: Policy | None,
    *,
    accepts: bool,
) -> tuple[Parts, Kind]:
    with parts.home.data.read() as tx:
        noted = policies.latest(tx)
    newer = [(seq, body) for seq, body in activated if noted is None or seq > noted.seq]
    if not newer:
        return parts, "same"
    last = str(newer[-1][1]["hash"])
    kept = policies.kept(parts, last)
    if kept is None and offered is not None and offered.hash == last:
        kept = offered
    if kept is None:
        if accepts:
            return parts, "older"
        raise PolicyError(
            "the policy that was activated last is not in this backup",
            why=f"the log names {last[:16]}, which was activated after the backup was taken",
            remedy="Give its documents with --policy, or accept in words that it is lost.",
            reason="restore.policy",
        )
    told = [_activation(seq, body, kept if body["hash"] == last else None) for seq, body in newer]
    return activation.bring_forward(parts, caller, kept, told), "brought forward"


def _activation(seq: int, body: Mapping[str, Any], policy: Policy | None) -> Activation:
    people = tuple(str(one["by"]) for one in body.get("approvals", ()))
    name, running = ("", "stop") if policy is None else (policy.name, policy.life.running)
    return Activation(
        seq,
        str(body["hash"]),
        int(body["ts"]),
        name,
        str(body["who"]),
        people,
        "finish" if running == "finish" else "stop",
    )
