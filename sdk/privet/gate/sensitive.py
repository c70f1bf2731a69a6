"""Items that reveal what not every purpose may use: told apart at the write, left out at the read.

GDPR Art. 9; CJEU C-184/20 and C-21/23. Such rows are sealed under keys of their own, which
a purpose without a ground of Art. 9(2) never asks for. The filter at the read is for rows
that were sealed before the catalogue or the policy said what their item reveals.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from privet.gate import catalogue
from privet.gate.minimize import select
from privet.gate.parts import Parts
from privet.policy import Policy
from privet.types import BUILT_IN_PURPOSES, Action, Events


@lru_cache(maxsize=256)
def item_fields(policy: Policy, event: str) -> frozenset[str]:
    """Bare names of an event's fields that hold items; none in a profile."""
    names = (f for f in policy.fields.values() if f.event == event and f.kind == "item")
    return frozenset() if event == "profile" else frozenset(f.bare for f in names)


def revealing(hidden: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Which rows have a hidden item.

    Args:
        hidden: by item code, shape (I,), bool.
        codes: item codes; those of no known item, and newer ones, count as not hidden.

    Returns:
        shape (R,), bool.
    """
    if len(codes) and codes.min() >= 0 and codes.max() < len(hidden):
        return np.asarray(hidden[codes])
    found = np.zeros(len(codes), np.bool_)
    known = (codes >= 0) & (codes < len(hidden))
    found[known] = hidden[codes[known]]
    return found


def unseen(
    parts: Parts, purpose: str, action: Action, marks: Mapping[str, bytes]
) -> np.ndarray | None:
    """The items that this read leaves out, shape (I,), bool; None where it leaves out none."""
    allowed = _left_out_but(parts.policy, purpose, action)
    if allowed is None:
        return None
    items = catalogue.items(parts, marks)
    return items.hidden_for(allowed) if allowed else items.hidden


@lru_cache(maxsize=256)
def _left_out_but(policy: Policy, purpose: str, action: Action) -> frozenset[str] | None:
    """What a read may use of all that is kept apart; None where it leaves out nothing."""
    if purpose in BUILT_IN_PURPOSES or policy.reads_its_own(purpose, action):
        return None
    allowed = policy.purposes[purpose].allowed
    return None if allowed.issuperset(policy.items.kept_apart) else allowed


def without(events: Events, names: frozenset[str], hidden: np.ndarray) -> Events:
    """The rows none of whose items is hidden."""
    for name in sorted(names & events.columns.keys()):
        gone = revealing(hidden, events.columns[name])
        if gone.any():
            events = select(events, ~gone)
    return events
