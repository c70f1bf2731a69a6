"""The end of old records: a range of the log is closed, exported, and its bodies dropped.

Their ground is accountability (GDPR Art. 5(2)), their limit storage limitation (Art. 5(1)(e)): the
policy says how long the log keeps its records, and without such a word none is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from privet.audit import exported, shards
from privet.audit.shards import Shard
from privet.clock import iso
from privet.errors import AccessDenied, InvalidInput
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.types import ADMINISTRATION


def listed(parts: Parts, caller: Caller) -> list[Shard]:
    """All shards, the oldest first; not personal.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    with parts.home.audit.read() as tx:
        return shards.listed(tx)


def seal(parts: Parts, caller: Caller, before: int) -> Shard:
    """Close what is older than an instant, in whole tiles.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
        InvalidInput: too little is old enough (``shard.empty``).
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    first, upto = shards.proposed(parts.home.audit, before)
    _record(parts, caller, "sealed", first, upto)
    with parts.home.audit.write() as tx:
        return shards.seal(tx, first, upto, parts.now)


def drop(
    parts: Parts,
    caller: Caller,
    number: int,
    export: Path,
    progress: Callable[[int, int], None],
) -> Shard:
    """Let the bodies of a shard go, once an export that has them all is verified.

    Broken off, it is gone on with when it is asked for again.

    Args:
        parts: the open deployment.
        caller: who asks.
        number: of the shard.
        export: a directory with an export of the log, as tiles.
        progress: told how many records were gone through, of how many.

    Raises:
        AccessDenied: no permit for ``privet:administration``, or the policy keeps the records
            for longer (``shard.kept``).
        InvalidInput: there is no such shard, or its bodies went already (``shard.gone``).
        IntegrityError: the export is broken, of another log, or lacks a body (``shard.export``).
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    store = parts.home.audit
    with store.read() as tx:
        shard = shards.one(tx, number)
    if shard.state == "dropped":
        raise InvalidInput(
            "nothing was dropped", why="the shard's bodies are gone already", reason="shard.gone"
        )
    if shard.state == "sealed":
        _check_age(parts, shard)
        exported.check(store, export, parts.log.vkey, shard.first, shard.upto)
        _record(parts, caller, "dropped", shard.first, shard.upto)
    shards.drop(store, shard, progress)
    with store.read() as tx:
        return shards.one(tx, number)


def complete_from(parts: Parts) -> int | None:
    """Since when the log has every record, UTC microseconds; None: since it began."""
    with parts.home.audit.read() as tx:
        gone = [s for s in shards.listed(tx) if s.state != "sealed"]
    return max((shard.newest for shard in gone), default=None)


def _check_age(parts: Parts, shard: Shard) -> None:
    kept = parts.policy.after_erasure.kept
    refused = partial(AccessDenied, "nothing was dropped", reason="shard.kept")
    if kept is None:
        raise refused(
            why="the policy does not say how long the log keeps its records",
            remedy="Say it under `after_erasure: kept` of the policy.",
        )
    until = kept.after(shard.newest)
    if until > parts.now:
        raise refused(
            why=f"the policy keeps these records for {kept}, until {iso(until)}",
            remedy="Wait until then.",
        )


def _record(parts: Parts, caller: Caller, what: str, first: int, upto: int) -> None:
    made = entry(
        parts,
        caller,
        shards.KIND,
        purpose=ADMINISTRATION,
        action="administer",
        subject=what,
        first=first,
        upto=upto,
    )
    parts.log.append([made])
