"""Retention that is shorter for people whom the law of one place protects: at the read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.gate.minimize import select
from privet.types import Events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyroaring import BitMap

    from privet.db import Tx
    from privet.gate.parts import Parts

Bounds = tuple[np.ndarray, np.ndarray]
"""Ordinals, ascending, and the instant before which nothing of each is released."""


def bounds(tx: Tx, parts: Parts, purposes: Iterable[str], snos: BitMap) -> Bounds | None:
    """From when on data of each of these people may be used for all of these purposes.

    Args:
        tx: the snapshot.
        parts: the open deployment.
        purposes: the purpose of a read and those whose data it reads.
        snos: the people.

    Returns:
        None where no place is stricter than what holds everywhere. Of a person whose
        jurisdiction is not known, the shortest retention of all places holds.
    """
    specs = [parts.policy.purposes[name] for name in purposes]
    if not any(rules.retention for spec in specs for rules in spec.jurisdictions):
        return None
    earliest: dict[int, int] = {}
    for code, who in parts.ledger.places(tx, snos).items():
        periods = [period for spec in specs for period in spec.retentions(code)]
        earliest |= dict.fromkeys(who, max(period.before(parts.now) for period in periods))
    ordered = sorted(earliest)
    return np.array(ordered, np.int64), np.array([earliest[s] for s in ordered], np.int64)


def retained(events: Events, earliest: Bounds) -> Events:
    """The rows that are not older than their own person's bound."""
    snos, instants = earliest
    if not len(events):
        return events
    own = instants[np.searchsorted(snos, events.subjects)]
    return select(events, events.at >= np.repeat(own, np.diff(events.starts)))
