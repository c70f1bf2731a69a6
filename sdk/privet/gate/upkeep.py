"""Housekeeping of the stores, as the gate lets maintenance do it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pyroaring import BitMap

from privet.clock import DAY_US
from privet.db import Tx
from privet.gate import catalogue, moving, resealing, separation
from privet.gate.held import held_periods
from privet.gate.parts import Caller, Parts
from privet.gate.record import entry
from privet.gate.sensitive import item_fields
from privet.policy import APART, HELD, apart, fates
from privet.types import ADMINISTRATION, Warrant

MANY = 1000
EPOCH_US = 30 * DAY_US


def fold(parts: Parts) -> int:
    """Fold changes of grounds into the bitmaps."""
    with parts.home.data.write() as tx:
        return parts.ledger.fold(tx)


def cutoffs(parts: Parts, jurisdiction: str = "") -> dict[str, int]:
    """Domain to the instant before which its events are past retention.

    Args:
        parts: the open deployment.
        jurisdiction: whose law protects the people; of an unknown one the shortest hold holds.
    """
    found: dict[str, int] = {}
    for name, spec in parts.policy.purposes.items():
        retention = spec.retention.before(parts.now)
        found |= dict.fromkeys(fates(name), retention)
        holds = spec.holds(jurisdiction)
        if holds:  # what is still used goes no sooner than what nothing holds
            ended = max(hold.period.before(parts.now) for hold in holds)
            found |= dict.fromkeys(fates(name + HELD), min(ended, retention))
    return found


def sweep(parts: Parts, caller: Caller) -> int:
    """Delete events past the retention of their domain; only those cells are opened."""
    due = parts.vault.overdue(parts.now).lapsed
    if not due:
        return 0
    warrant = _authorised(parts, caller, "retention", due)
    with parts.home.data.read() as tx:
        erased = held_periods(tx)
        groups = [(cutoffs(parts), BitMap(due))]
        if any(
            rules.held for spec in parts.policy.purposes.values() for rules in spec.jurisdictions
        ):
            places = parts.ledger.places(tx, BitMap(due) - BitMap(erased))
            groups = [(cutoffs(parts, code), who) for code, who in places.items()]
    for sno in set(due).intersection(erased):  # as was decided when she was erased
        kept = {domain: period.before(parts.now) for domain, period in erased[sno].items()}
        groups = [(bounds, who - BitMap([sno])) for bounds, who in groups]
        groups.append((cutoffs(parts) | kept, BitMap([sno])))
    return sum(
        parts.vault.sweep(warrant, parts.now, bounds, frozenset(who)) for bounds, who in groups
    )


def compact(parts: Parts, caller: Caller) -> int:
    """Pack small cells of those who have many; also re-seals an outdated layout."""
    with parts.home.data.read() as tx:
        if resealing.under_way(tx, parts.now):  # for a policy to come: it would be undone here
            return 0
    found = parts.vault.overdue(parts.now)
    due = sorted({*found.crowded, *found.outdated})[:MANY]
    if not due:
        return 0
    warrant = _authorised(parts, caller, "compaction", due)
    return sum(parts.vault.compact(warrant, sno) for sno in due)


def separate(parts: Parts, caller: Caller) -> int:
    """Move rows of items that turned out to be sensitive to the domain beside theirs.

    Some thousand people are looked through in one go; only those who have such a row are
    written. Returns the number of rows moved.
    """
    with parts.home.data.read() as tx:
        codes = separation.noted(tx)
        people = _unseparated(tx, parts)[:MANY] if codes else []
    if not codes:
        return 0
    moved = 0
    if people:
        hidden = catalogue.items(parts).hidden
        mask = np.isin(np.arange(len(hidden)), list(codes)) & hidden
        events = {f.event for f in parts.policy.fields.values() if f.kind == "item"}
        fields = {event: item_fields(parts.policy, event) for event in sorted(events)}
        warrant = _authorised(parts, caller, "separation", people)
        beside = {domain: apart(domain) for domain in _shared(parts)}
        moved = sum(parts.vault.separate(warrant, sno, beside, fields, mask) for sno in people)
    with parts.home.data.write() as tx:
        separation.went_on(tx, codes, people[-1] if len(people) == MANY else None)
    return moved


def _shared(parts: Parts) -> list[str]:
    """Domains that hold what is not kept apart."""
    return [d.name for d in parts.policy.domains if not d.name.endswith(APART)]


def _unseparated(tx: Tx, parts: Parts) -> list[int]:
    held = BitMap().union(*(parts.vault.holders(tx, domain) for domain in _shared(parts)))
    return [sno for sno in held if sno > separation.since(tx)]


def _authorised(parts: Parts, caller: Caller, task: str, due: Iterable[int]) -> Warrant:
    """The warrant for one task of housekeeping on these subjects."""
    return parts.log.authorise(
        entry(
            parts,
            caller,
            "access",
            purpose=ADMINISTRATION,
            action="administer",
            subjects=due,
            task=task,
        )
    )


def epoch_ends(parts: Parts) -> int:
    """When maintenance ends the active key epoch, UTC microseconds.

    From then on no copy of the keys store made before opens anything: the date that an
    erasure certificate names.
    """
    return parts.keys.epoch_began() + EPOCH_US


def rotate_when_due(parts: Parts, caller: Caller) -> int:
    """End the key epoch where it has lasted its time; 1 if it was ended."""
    if not epoch_is_over(parts):
        return 0
    rotate(parts, caller)
    return 1


def epoch_is_over(parts: Parts) -> bool:
    """Whether the active key epoch has lasted its time: certificates name that date."""
    return parts.now >= epoch_ends(parts)


def rotate(parts: Parts, caller: Caller) -> int:
    """Begin a new key epoch and have the old one's secret destroyed; the new number.

    Recorded first: from the destruction on no backup of the keys store opens anything,
    which must not happen without a trace.
    """
    parts.log.append(
        [
            entry(
                parts,
                caller,
                "admin",
                purpose=ADMINISTRATION,
                action="administer",
                subject="keys",
                task="rotation",
            )
        ]
    )
    return parts.keys.rotate()


def overdue(parts: Parts) -> int:
    """How many subjects have cells past retention or scattered."""
    found = parts.vault.overdue(parts.now)
    with parts.home.data.read() as tx:
        mixed = _unseparated(tx, parts) if separation.noted(tx) else []
        mixed += moving.people(tx, parts)
    return len({*found.lapsed, *found.crowded, *found.outdated, *mixed})


def truncate(parts: Parts) -> int:
    """Empty the write-ahead logs; the number of stores where it could be done."""
    stores = (parts.home.data, parts.home.keys, parts.home.audit)
    return sum(store.truncate_log() for store in stores)
