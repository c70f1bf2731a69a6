"""Housekeeping of the stores, as the gate lets maintenance do it."""

from __future__ import annotations

import numpy as np
from pyroaring import BitMap

from privet.db import Tx
from privet.gate import catalogue, kept, moving, resealing, separation, shortening
from privet.gate.batches import UNHURRIED, Pace
from privet.gate.parts import Caller, Parts
from privet.gate.record import housekeeping
from privet.gate.sensitive import item_fields
from privet.policy import APART, apart


def fold(parts: Parts) -> int:
    """Fold changes of grounds into the bitmaps."""
    with parts.home.data.write() as tx:
        return parts.ledger.fold(tx)


def sweep(parts: Parts, caller: Caller, pace: Pace = UNHURRIED) -> int:
    """Delete events past the retention of their domain; only those cells are opened.

    Some thousand people at a time, each batch under a record of its own: whatever ends it,
    what was swept stays so and the rest is found again.
    """
    dropped = shortening.sweep(parts, caller, pace)
    due = parts.vault.lapsed(parts.now)
    for batch in pace.batches(due):
        warrant = housekeeping(parts, caller, "retention", batch)
        with parts.home.data.read() as tx:
            groups = kept.bounds(tx, parts, batch)
        for by_domain, who in groups:
            dropped += parts.vault.sweep(warrant, parts.now, by_domain, who)
    return dropped


def compact(parts: Parts, caller: Caller, pace: Pace = UNHURRIED) -> int:
    """Pack small cells of those who have many; also re-seals an outdated layout."""
    due = parts.vault.scattered()
    fewer = 0
    for batch in pace.batches(due):
        with parts.home.data.read() as tx:
            if resealing.under_way(tx, parts.now):  # for a policy to come: it would be undone here
                return fewer
        warrant = housekeeping(parts, caller, "compaction", batch)
        fewer += sum(parts.vault.compact(warrant, sno) for sno in batch)
    return fewer


def separate(parts: Parts, caller: Caller, pace: Pace = UNHURRIED) -> int:
    """Move rows of items that turned out to be sensitive to the domain beside theirs.

    Only those who have such a row are written. Broken off, it goes on behind the last batch of
    people that was looked through. Returns the number of rows moved.
    """
    with parts.home.data.read() as tx:
        codes = separation.noted(tx)
        due = _unseparated(tx, parts) if codes else BitMap()
    if not codes:
        return 0
    hidden = catalogue.items(parts).hidden
    mask = np.isin(np.arange(len(hidden)), list(codes)) & hidden
    events = {f.event for f in parts.policy.fields.values() if f.kind == "item"}
    fields = {event: item_fields(parts.policy, event) for event in sorted(events)}
    beside = {domain: apart(domain) for domain in _shared(parts)}
    moved = 0
    for batch in pace.batches(due):
        warrant = housekeeping(parts, caller, "separation", batch)
        moved += sum(parts.vault.separate(warrant, sno, beside, fields, mask) for sno in batch)
        with parts.home.data.write() as tx:
            separation.went_on(tx, codes, batch[-1])
    with parts.home.data.write() as tx:
        if not _unseparated(tx, parts):  # nobody came while it went on, and all were reached
            separation.went_on(tx, codes, None)
    return moved


def _shared(parts: Parts) -> list[str]:
    """Domains that hold what is not kept apart."""
    return [d.name for d in parts.policy.domains if not d.name.endswith(APART)]


def _unseparated(tx: Tx, parts: Parts) -> BitMap:
    held = BitMap().union(*(parts.vault.holders(tx, domain) for domain in _shared(parts)))
    held.remove_range(0, separation.since(tx) + 1)
    return held


def overdue(parts: Parts) -> int:
    """How many subjects have cells past retention or scattered."""
    found = parts.vault.overdue(parts.now)
    with parts.home.data.read() as tx:
        mixed = _unseparated(tx, parts) if separation.noted(tx) else BitMap()
        mixed |= moving.people(tx, parts) | shortening.people(tx, parts)
    return len(found.lapsed | found.crowded | found.outdated | mixed)


def truncate(parts: Parts) -> int:
    """Empty the write-ahead logs; the number of stores where it could be done."""
    stores = (parts.home.data, parts.home.keys, parts.home.audit)
    return sum(store.truncate_log() for store in stores)
