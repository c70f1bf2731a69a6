"""Values that belong under other keys under a new policy: noted with it, then moved.

Where a law begins or ceases to hold a field, its values have another fate, and so another
domain. Until they are moved a read looks into both, and an erasure moves hers first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from pyroaring import BitMap

from privet.db import Tx
from privet.errors import StoreUnavailable
from privet.gate.batches import UNHURRIED, Pace
from privet.gate.parts import MOVING, Caller, Parts
from privet.gate.record import housekeeping
from privet.policy import apart

if TYPE_CHECKING:
    from privet.policy import Policy

FROM = "moving:from"
Move = tuple[str, frozenset[str], str, str]
"""Event, bare fields, the domain that they are in, and the one that they belong to."""


def moves(before: Policy, after: Policy) -> list[Move]:
    """What belongs to another domain under ``after``."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for purpose in before.purposes.keys() & after.purposes.keys():
        for name in before.fields.keys() & after.fields.keys():
            event, _, bare = name.partition(".")
            one, to = (policy.domain_of(purpose, event, bare) for policy in (before, after))
            if one != to:
                found.setdefault((event, one, to), set()).add(bare)
                found.setdefault((event, apart(one), apart(to)), set()).add(bare)
    return [(e, frozenset(names), one, to) for (e, one, to), names in sorted(found.items())]


def note(tx: Tx, found: Iterable[Move]) -> None:
    """Note what is to be moved; everybody is looked through from the beginning."""
    told = [[event, sorted(names), one, other] for event, names, one, other in found]
    if told:
        _put(tx, MOVING, json.dumps(told).encode())
        tx.run("DELETE FROM meta WHERE key = ?", (FROM,))


def noted(tx: Tx) -> list[Move]:
    """What is still to be moved."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (MOVING,))
    return [] if row is None else parse(bytes(row[0]))


def parse(told: bytes) -> list[Move]:
    """The moves that a mark in the store tells."""
    return [(e, frozenset(names), one, other) for e, names, one, other in json.loads(told)]


def also(
    marks: Mapping[str, bytes], event: str, bare: Iterable[str], domains: Collection[str]
) -> frozenset[str]:
    """Domains in which values of these fields may still lie that belong to one of ``domains``."""
    asked = frozenset(bare)
    return frozenset(
        one
        for e, names, one, other in parse(marks[MOVING])
        if e == event and names & asked and other in domains
    )


def people(tx: Tx, parts: Parts) -> BitMap:
    """Who is still to be looked through."""
    found = noted(tx)
    return _people(tx, parts, found) if found else BitMap()


def move(parts: Parts, caller: Caller, pace: Pace = UNHURRIED) -> int:
    """Move what is noted; how many cells. Broken off, it goes on behind the last batch."""
    with parts.home.data.read() as tx:
        found, due = noted(tx), people(tx, parts)
    moved = done = 0
    for batch in pace.batches(due):
        moved += sum(_move(parts, caller, found, batch))
        done += len(batch)
        with parts.home.data.write() as tx:
            _went_on(tx, found, batch[-1])
    if found and done == len(due):
        with parts.home.data.write() as tx:
            if not people(tx, parts):  # nobody was written under the older policy meanwhile
                _went_on(tx, found, None)
    return moved


def move_hers(parts: Parts, caller: Caller, sno: int) -> None:
    """Move what is noted of one person: before keys of hers are destroyed."""
    with parts.home.data.read() as tx:
        found = noted(tx)
    if found:
        sum(_move(parts, caller, found, BitMap([sno])))


def check_none(tx: Tx) -> None:
    """Refuse to activate another policy while values are still to be moved for this one.

    Raises:
        StoreUnavailable: reason ``policy.busy``.
    """
    if noted(tx):
        raise StoreUnavailable(
            "the policy before is still being activated",
            why="values of it are not all under the keys that they belong to",
            remedy="Run `privet maintain`; then activate this one.",
            reason="policy.busy",
        )


def _move(parts: Parts, caller: Caller, found: list[Move], snos: BitMap) -> list[int]:
    warrant = housekeeping(parts, caller, "moving", snos)
    return [parts.vault.move(warrant, sno, found) for sno in snos]


def _people(tx: Tx, parts: Parts, found: Iterable[Move]) -> BitMap:
    row = tx.one("SELECT value FROM meta WHERE key = ?", (FROM,))
    held = BitMap().union(*(parts.vault.holders(tx, dom) for dom in {m[2] for m in found}))
    held.remove_range(0, (0 if row is None else int(bytes(row[0]))) + 1)
    return held


def _went_on(tx: Tx, found: list[Move], last: int | None) -> None:
    if noted(tx) != found:
        return
    if last is None:
        tx.run("DELETE FROM meta WHERE key IN (?, ?)", (MOVING, FROM))
    else:
        _put(tx, FROM, b"%d" % last)


def _put(tx: Tx, key: str, value: bytes) -> None:
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
