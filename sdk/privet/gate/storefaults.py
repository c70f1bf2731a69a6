"""What a look at the whole store can find: each fault by its code, in words, with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

State = Literal["fail", "warn"]
_RESTORE: Final = "Stop writing; find the cause, and restore the stores from one trusted backup."
_LEARN: Final = (
    "Find out who wrote to the data store; then have it learnt again from the log: restore the "
    "data store from a backup, the log replays what came since."
)
_MAINTAIN: Final = "Run `privet maintain`."


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, and how often it was found; no personal data.

    Attributes:
        code: such as ``"cell.missing"``; listed in ``docs/guide/store.md``.
        count: how often.
        state: ``"fail"``: a promise is broken; ``"warn"``: housekeeping is due.
        what: what was found, in words.
        remedy: what to do.
    """

    code: str
    count: int
    state: State
    what: str
    remedy: str


_KINDS: Final[Mapping[str, tuple[State, str, str]]] = {
    "head.sealed": ("fail", "heads do not open under their key", _RESTORE),
    "cell.missing": ("fail", "cells that a head lists are not there", _RESTORE),
    "cell.orphan": ("fail", "cells are in no head's list", _RESTORE),
    "cell.count": ("fail", "cells say another number of rows than their head", _RESTORE),
    "cell.layout": ("fail", "cells are of a layout that this home does not have", _RESTORE),
    "cell.sealed": ("fail", "cells do not open where they stand", _RESTORE),
    "cell.form": ("fail", "cells open, but do not have the form of cells", _RESTORE),
    "key.closed": ("fail", "keys do not open, or are not the ones committed to", _RESTORE),
    "key.missing": (
        "fail",
        "heads have no key, and neither an erasure nor a withdrawal is why",
        "Run `privet maintain` and look again; where it stays, restore the keys store.",
    ),
    "key.erasing": (
        "warn",
        "heads have no key: an erasure or a withdrawal was broken off before its end",
        _MAINTAIN,
    ),
    "key.unused": (
        "warn",
        "keys seal nothing: what was to be sealed never came",
        "Nothing is lost, and nothing need be done: the next writing uses them.",
    ),
    "contribution.keyless": (
        "fail",
        "what people added to models has no key of theirs",
        _MAINTAIN,
    ),
    "contribution.sealed": ("fail", "what people added to models does not open", _RESTORE),
    "member.keyless": ("fail", "placements in segments have no key of their person", _MAINTAIN),
    "member.sealed": ("fail", "placements in segments do not open", _RESTORE),
    "model.keyless": ("fail", "versions of models have no key", _MAINTAIN),
    "model.sealed": ("fail", "versions of models do not open, or have another digest", _RESTORE),
    "model.pages": ("fail", "pages belong to no version of a model", _RESTORE),
    "model.key": ("warn", "keys of models belong to no version", _MAINTAIN),
    "ref.dataless": (
        "warn",
        "ids lead to people of whom nothing is sealed",
        "They enrolled and nothing came; erase them where they should not be known.",
    ),
    "ref.missing": ("fail", "people are sealed to whom no id leads", _RESTORE),
    "ledger.mac": ("fail", "entries of the ledger were changed outside privet", _LEARN),
    "ledger.differs": ("fail", "entries of the ledger are not what the log says", _LEARN),
    "ledger.foreign": ("fail", "entries of the ledger are not in the log", _LEARN),
    "ledger.missing": ("fail", "entries of the log are not in the ledger", _LEARN),
    "fence.missing": ("fail", "erasures that the log knows fence nobody", _LEARN),
    "grounds.mac": ("fail", "people's grounds or entries were changed outside privet", _LEARN),
    "grounds.differ": ("fail", "people's grounds are not what their entries say", _LEARN),
    "bitmaps.mac": ("fail", "bitmaps of grounds were changed outside privet", _LEARN),
    "bitmaps.differ": ("fail", "bitmaps of grounds are not what the grounds say", _LEARN),
    "retention.due": ("warn", "rows are past their retention; no read releases them", _MAINTAIN),
    "retention.late": (
        "warn",
        "rows are past a retention that was shortened since they were sealed",
        _MAINTAIN,
    ),
    "retention.purpose": (
        "warn",
        "rows were collected for purposes that the policy does not have any more",
        "Nothing reads them. Take the purpose back into the policy, or erase them.",
    ),
    "rollback.head": (
        "fail",
        "people's data is older than it was at the earlier look, or another of the same age",
        _RESTORE,
    ),
    "rollback.gone": (
        "fail",
        "people's data of the earlier look is gone, and neither log nor ledger says why",
        _RESTORE,
    ),
}

CODES: Final = frozenset(_KINDS)


def told(counts: Mapping[str, int]) -> tuple[Fault, ...]:
    """Counts by code as faults, the broken promises first."""
    found = [Fault(code, counts[code], *_KINDS[code]) for code in _ordered(counts)]
    return tuple(sorted(found, key=lambda fault: fault.state != "fail"))


def _ordered(counts: Mapping[str, int]) -> Iterable[str]:
    return (code for code in _KINDS if counts.get(code))
