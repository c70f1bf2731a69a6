"""What one ground says of one subject at one instant, and why it does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from privet.consent.optout import ELSEWHERE
from privet.consent.project import OPT_OUT, PRESUMED

MISSING: Final = "ground.missing"
LAPSED: Final = "ground.lapsed"
WITHDRAWN: Final = "ground.withdrawn"
OBJECTED: Final = "ground.objected"
OPTED_OUT: Final = "ground.opted-out"
PLACE: Final = "ground.place"
RESTRICTED: Final = "ground.restricted"
FENCED: Final = "subject.fenced"

_WHY: Final = {
    "declined": MISSING,
    "ended": MISSING,
    "withdrawn": WITHDRAWN,
    "objected": OBJECTED,
    "upheld": OBJECTED,
    "opted-out": OPTED_OUT,
    ELSEWHERE: PLACE,
}

_OBJECTED: Final = frozenset({"objected", "upheld"})
_OF_KNOWN: Final = PRESUMED | {OPT_OUT}
_WITHOUT_ENTRY: Final[dict[str, str | None]] = {OPT_OUT: PLACE} | dict.fromkeys(PRESUMED)


class Row(NamedTuple):
    """Where one purpose of one person stands, by a row of ``ground`` whose MAC was checked."""

    status: str
    seq: int
    since: int
    expires: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one purpose stands for one subject.

    Attributes:
        active: whether the purpose may be pursued now: its ground holds, and she is
            neither restricted nor fenced.
        status: the ground by itself: ``active``, ``lapsed``, ``declined``,
            ``withdrawn``, ``ended``, ``objected``, ``upheld``, ``opted-out``, ``elsewhere``
            (it holds only in places of which hers is none, or is not known) or ``none``.
        since: when that status began (UTC microseconds), None without any entry.
        expires: when an active ground lapses or lapsed (UTC microseconds), or None.
        seq: position of the entry that decided it, -1 without any entry.
        notice: code of the notice which that entry refers to.
        restricted: whether processing of all her data is restricted (Art. 18).
        objected: whether an objection keeps this purpose off (Art. 21).
    """

    active: bool
    status: str
    since: int | None
    expires: int | None
    seq: int
    notice: str
    restricted: bool
    objected: bool


def reason(basis: str, row: Row | None, known: bool, now: int) -> str | None:
    """Why a ground does not hold at ``now`` (UTC microseconds); None where it does."""
    if basis in _OF_KNOWN and not known:
        return MISSING
    if row is None:
        return _WITHOUT_ENTRY.get(basis, MISSING)
    if row.status == "active":
        return LAPSED if row.expires is not None and row.expires <= now else None
    return _WHY[row.status]


def describe(basis: str, row: Row | None, subject: Row | None, fenced: bool, now: int) -> Standing:
    """The standing of one purpose, from its row and the subject's own; without the notice."""
    why = reason(basis, row, subject is not None, now)
    restricted = subject is not None and subject.status == "restricted"
    # A presumed ground has no entry of its own: it holds since she is known.
    decided = row or (subject if why is None else None)
    status = "lapsed" if why == LAPSED else "active" if why is None else "none"
    if row is not None and row.status != "active":
        status = row.status
    elif why == PLACE:
        status = ELSEWHERE
    return Standing(
        active=why is None and not restricted and not fenced,
        status=status,
        since=decided.since if decided else None,
        expires=row.expires if row else None,
        seq=decided.seq if decided else -1,
        notice="",
        restricted=restricted,
        objected=status in _OBJECTED,
    )
