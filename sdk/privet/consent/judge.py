"""Whether a change may enter the log: refuses late permissions, drops repeats. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from privet.consent.change import effect
from privet.consent.project import CONSENT, FITTING, fold, stale
from privet.errors import InvalidInput, StaleAnswer

if TYPE_CHECKING:
    from privet.consent.change import Change
    from privet.consent.entries import Entries
    from privet.consent.project import State


def judge(basis: str, past: Entries, change: Change) -> Change | None:
    """The change as it is to be recorded, or None where nothing is to be done.

    A yes of who had said yes already is a renewal. What was brought in from elsewhere and
    comes too late is recorded all the same, and has no effect.

    Args:
        basis: what the purpose rests on.
        past: the entries of this ground so far, ascending.
        change: the change that asks to enter.

    Raises:
        InvalidInput: the kind does not fit the basis, or no objection is pending.
        StaleAnswer: a permission that has not seen the last refusal (Art. 7(3), 21(3)).
    """
    require_fit(basis, change.kind)
    event = (change.effect, change.event_id)
    if change.event_id and any(event == (other.effect, other.event_id) for _, other in past):
        return None
    state = fold(basis, past)
    if change.kind == "known" and state.status != "none":
        return None
    if change.kind in {"upheld", "overruled"} and state.status != "objected":
        raise InvalidInput(
            "there is no objection to decide",
            remedy="Look at the subject's standing first.",
            reason="ground.no-objection",
        )
    if stale(state, change) and not change.imported:
        raise StaleAnswer(
            "a permission was refused",
            why="it was given before, or without seeing, the person's last refusal",
        )
    if change.kind == "yes" and _agreed(basis, state, past):
        return replace(change, kind="renewed")
    return change


def _agreed(basis: str, state: State, past: Entries) -> bool:
    """Whether she said yes herself before and never took it back, lapsed or not."""
    if basis != CONSENT or state.status != "active":
        return False
    return any(seq == state.seq and change.effect == "yes" for seq, change in past)


def require_fit(basis: str, kind: str) -> None:
    """Raise InvalidInput unless this kind of change means something under this basis."""
    if effect(kind) not in FITTING[basis]:
        raise InvalidInput(
            "a change of a ground was refused",
            why=f"its kind means nothing where the basis is {basis}",
            remedy="Consents are answered and withdrawn, contracts begin and end, and the "
            "purpose '*' is for enrolment and restriction.",
            reason="ground.kind",
        )
