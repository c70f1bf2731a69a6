"""Where a ground stands: a pure fold of its changes, in the order of the log.

Rules:

- Consent holds from a ``yes``, or a parent's ``authorised``, until a ``no``, a
  withdrawal, an objection or its expiry.
- A contract holds from ``begun`` until ``ended``.
- A legitimate interest, legal obligation or vital interest holds for everybody known, unless she
  objected: that suspends at once (Art. 18(1)(d), 21(1)); upheld, it is off until a new
  ``begun``; overruled, it is back as it was.
- What stands until the person opts out holds for everybody known in the places whose law
  says so (``consent.optout``), until she does; then from an ``opted-in`` on.
- An objection to a purpose that rests on consent, or on her not having opted out, ends it,
  whatever is decided about the objection: only a later ``yes`` or ``opted-in`` that saw
  the objection gives it again (Art. 21(2)-(3)).
- A permission never overtakes a refusal: a ``yes`` or ``begun`` given without having
  seen the person's last refusal has no effect, even when it is in the log.
- A permission that does not fit the basis has no effect; a refusal always has one, so
  that a policy which moves a purpose to another basis does not drown a withdrawal.
- A repeated event has no effect.
- What was said elsewhere and brought in revives nothing: a permission has no effect where
  a refusal of the same time or later is known, or an objection.
- Time is not in the fold. Expiry is compared when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from privet.consent.change import GIVING, Change
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


CONSENT: Final = "consent"
CONTRACT: Final = "contract"
INTEREST: Final = "legitimate-interest"
OBLIGATION: Final = "legal-obligation"
VITAL: Final = "vital-interests"
OPT_OUT: Final = "opt-out"
SUBJECT: Final = "subject"
"""Stands for the basis of purpose ``"*"``, which is none: whether the subject is known."""

PRESUMED: Final = frozenset({INTEREST, OBLIGATION, VITAL})
"""Bases that hold for everybody known until she objects."""

ABSOLUTE: Final = frozenset({CONSENT, OPT_OUT})
"""Bases that an objection ends whatever is decided about it."""

_OBJECTION = frozenset({"objected", "upheld", "overruled"})
_COURSE = frozenset({"begun", "ended"}) | _OBJECTION
FITTING: Final = {
    CONSENT: frozenset({"yes", "authorised", "no", "withdrawn"}) | _OBJECTION,
    CONTRACT: _COURSE,
    INTEREST: _COURSE,
    OBLIGATION: _COURSE,
    VITAL: _COURSE,
    OPT_OUT: frozenset({"opted-out", "opted-in", "authorised"}) | _OBJECTION,
    SUBJECT: frozenset({"known", "restricted", "lifted"}),
}
"""Which kinds of change may be recorded under which basis."""

_REFUSALS: Final = frozenset({"no", "withdrawn", "ended", "objected", "opted-out"})
_REFUSED: Final = {"no": "declined", "withdrawn": "withdrawn", "opted-out": "opted-out"}

_NEVER: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class State:
    """What the fold remembers of one ground.

    Attributes:
        status: ``none``, ``active``, ``declined``, ``withdrawn``, ``ended``,
            ``objected``, ``upheld``, ``opted-out``, ``elsewhere`` (her place is none where
            the ground holds); for purpose ``"*"`` ``known`` or ``restricted``.
        seq: position of the entry that brought the status; -1: none.
        since: instant of that entry.
        expires: instant from which an active ground no longer holds, or None.
        notice: the notice that the entry refers to.
        resumes: status and expiry that come back when an objection is overruled.
        refused: position of the last refusal.
        refused_at: the greatest instant of all refusals.
        objection: position of an objection that no later ``yes`` has answered.
        latest: the greatest instant of all changes that had an effect.
    """

    status: str = "none"
    seq: int = -1
    since: int = 0
    expires: int | None = None
    notice: str = ""
    resumes: tuple[str, int | None] = ("none", None)
    refused: int = -1
    refused_at: int = _NEVER
    objection: int = -1
    latest: int = _NEVER


NOTHING: Final = State()


def fold(basis: str, entries: Iterable[tuple[int, Change]]) -> State:
    """Where a ground stands after ``entries`` of one subject and purpose, ascending."""
    state = NOTHING
    told: set[tuple[str, str]] = set()
    for seq, change in entries:
        if change.event_id:
            event = (change.effect, change.event_id)
            if event in told:
                continue
            told.add(event)
        state = step(basis, state, seq, change)
    return state


@lru_cache(maxsize=1024)
def lone(basis: str, kind: str) -> tuple[str, bool]:
    """Where a ground stands after one change alone that claims to have seen nothing.

    Returns:
        Its status, and whether it has the expiry of the change.
    """
    state = fold(basis, [(0, Change(0, "", kind, 0, expires=0))])
    return state.status, state.expires is not None


def step(basis: str, state: State, seq: int, change: Change) -> State:
    """The state after one more change; the same object where it has no effect."""
    kind = change.effect
    refusal = kind in _REFUSALS and basis != SUBJECT
    fits = kind in FITTING[basis] or refusal
    # No leaf has seen its own position: such a claim is not believed.
    if not fits or change.seen >= seq or stale(state, change):
        return state
    after = _STEPS[kind](basis, state, seq, change)
    if after is state:
        return state
    refused_at = max(state.refused_at, change.at) if refusal else state.refused_at
    return replace(after, latest=max(state.latest, change.at), refused_at=refused_at)


def stale(state: State, change: Change) -> bool:
    """Whether ``change`` gives permission without having seen the last refusal."""
    kind = change.effect
    if kind not in GIVING and kind != "begun":
        return False
    if change.imported and (state.objection >= 0 or change.at <= state.refused_at):
        return True
    if kind in GIVING and change.seen < state.objection:
        return True
    if change.seen >= 0:
        return change.seen < state.refused
    return change.at < state.latest


def expiry(at_us: int, renew: Callable[[int], int] | None) -> int | None:
    """When a ground given at ``at_us`` lapses, in UTC microseconds; None: never by itself.

    Args:
        at_us: when it was given, UTC microseconds.
        renew: the renewal period as a function of an instant (``Period.after``), or None.

    Raises:
        InvalidInput: the period does not lead forward.
    """
    if renew is None:
        return None
    expires = renew(at_us)
    if expires <= at_us:
        raise InvalidInput(
            "a ground would lapse before it begins",
            why="the renewal period is not positive",
            remedy="Give the purpose a positive `renew` period.",
            reason="ground.renew",
        )
    return expires


def _set(state: State, seq: int, change: Change, status: str, expires: int | None = None) -> State:
    return replace(
        state, status=status, seq=seq, since=change.at, expires=expires, notice=change.notice
    )


def _given(basis: str, state: State, seq: int, change: Change) -> State:
    if basis not in ABSOLUTE and state.status == "objected":
        # Beginning anew does not end an objection that is still to be decided.
        return replace(state, resumes=("active", change.expires))
    return replace(_set(state, seq, change, "active", change.expires), objection=-1)


def _refused(basis: str, state: State, seq: int, change: Change) -> State:
    return replace(_set(state, seq, change, _REFUSED[change.effect]), refused=seq)


def _ended(basis: str, state: State, seq: int, change: Change) -> State:
    if state.status == "objected":
        return replace(state, resumes=("ended", None), refused=seq)
    return replace(_set(state, seq, change, "ended"), refused=seq)


def _objected(basis: str, state: State, seq: int, change: Change) -> State:
    marked = replace(state, refused=seq, objection=seq)
    if state.status == "upheld":
        return marked
    resumes = state.resumes if state.status == "objected" else (state.status, state.expires)
    return replace(_set(marked, seq, change, "objected"), resumes=resumes)


def _upheld(basis: str, state: State, seq: int, change: Change) -> State:
    return _set(state, seq, change, "upheld") if state.status == "objected" else state


def _overruled(basis: str, state: State, seq: int, change: Change) -> State:
    if state.status != "objected":
        return state
    if basis in ABSOLUTE:
        return _set(state, seq, change, "withdrawn")
    status, expires = state.resumes
    if status == "none":
        status = "active" if basis in PRESUMED else "ended"
    return _set(state, seq, change, status, expires)


def _known(basis: str, state: State, seq: int, change: Change) -> State:
    return _set(state, seq, change, "known") if state.status == "none" else state


def _restricted(basis: str, state: State, seq: int, change: Change) -> State:
    return _set(state, seq, change, "restricted")


def _lifted(basis: str, state: State, seq: int, change: Change) -> State:
    return _set(state, seq, change, "known")


_STEPS: Final[dict[str, Callable[[str, State, int, Change], State]]] = {
    "yes": _given,
    "authorised": _given,
    "begun": _given,
    "no": _refused,
    "withdrawn": _refused,
    "opted-out": _refused,
    "opted-in": _given,
    "ended": _ended,
    "objected": _objected,
    "upheld": _upheld,
    "overruled": _overruled,
    "known": _known,
    "restricted": _restricted,
    "lifted": _lifted,
}
