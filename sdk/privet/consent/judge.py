"""Whether a change may enter the log: refuses late permissions, drops repeats. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.consent.project import FITTING, fold, stale
from privet.errors import InvalidInput, StaleAnswer

if TYPE_CHECKING:
    from privet.consent.change import Change
    from privet.consent.entries import Entries


def judge(basis: str, past: Entries, change: Change) -> Change | None:
    """The change, or None where nothing is to be done.

    Args:
        basis: what the purpose rests on.
        past: the entries of this ground so far, ascending.
        change: the change that asks to enter.

    Raises:
        InvalidInput: the kind does not fit the basis, or no objection is pending.
        StaleAnswer: a permission that has not seen the last refusal (Art. 7(3), 21(3)).
    """
    require_fit(basis, change.kind)
    event = (change.kind, change.event_id)
    if change.event_id and any(event == (other.kind, other.event_id) for _, other in past):
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
    if stale(state, change):
        raise StaleAnswer(
            "a permission was refused",
            why="it was given before, or without seeing, the person's last refusal",
        )
    return change


def require_fit(basis: str, kind: str) -> None:
    """Raise InvalidInput unless this kind of change means something under this basis."""
    if kind not in FITTING[basis]:
        raise InvalidInput(
            "a change of a ground was refused",
            why=f"its kind means nothing where the basis is {basis}",
            remedy="Consents are answered and withdrawn, contracts begin and end, and the "
            "purpose '*' is for enrolment and restriction.",
            reason="ground.kind",
        )
