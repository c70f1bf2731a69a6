"""What stands until a person opts out, where a law of her place says so: pure.

Such a ground (Cal. Civ. Code 1798.120, 1798.121) is no ground anywhere else. So it depends on
two things: on what she said of the purpose, and on where she is, as her entries tell it
whatever purpose they are about. Nobody of an unknown place has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from privet.consent.project import OPT_OUT, State, fold

if TYPE_CHECKING:
    from privet.consent.entries import Entries

Places = Mapping[str, AbstractSet[str]]
"""Purpose to the places where it stands until a person opts out: ISO 3166 codes."""

ELSEWHERE: Final = "elsewhere"
_STANDING: Final = frozenset({"none", "active"})


def within(code: str, places: AbstractSet[str]) -> bool:
    """Whether a place is one of these or a part of one; an unknown one is not."""
    return code in places or code[:2] in places


def placed(places: AbstractSet[str], said: Entries, told: Entries) -> State:
    """Where such a ground stands.

    Args:
        places: where it stands until a person opts out.
        said: her entries of the purpose, ascending.
        told: her entries of any purpose that name a place, ascending.

    Returns:
        ``none`` where nothing was said, and no place was told.
    """
    state = fold(OPT_OUT, said)
    if state.status not in _STANDING or not (state.status == "active" or told):
        return state
    inside = bool(told) and within(told[-1][1].jurisdiction, places)
    if inside and state.status == "active":
        return state
    seq, since = state.seq, state.since
    for at, change in reversed(told):  # since when her place has been what it is for this
        if within(change.jurisdiction, places) is not inside:
            break
        seq, since = at, change.at
    status = "active" if inside else ELSEWHERE
    return replace(state, status=status, seq=seq, since=since, expires=None)


def placing(lives: Mapping[tuple[int, str], Entries]) -> dict[int, Entries]:
    """The entries of each subject that name a place, ascending, whatever they are about."""
    found: dict[int, Entries] = {}
    for (sno, _), life in lives.items():
        told = [(seq, change) for seq, change in life if change.jurisdiction]
        if told:
            found.setdefault(sno, []).extend(told)
    return {sno: sorted(told, key=lambda entry: entry[0]) for sno, told in found.items()}
