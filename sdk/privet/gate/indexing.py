"""Renewing the index of people, as the gate lets it be done: every id is opened on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from privet.errors import IntegrityError
from privet.gate.parts import Caller, Parts
from privet.gate.subject import ids_of
from privet.log import get_logger
from privet.types import ADMINISTRATION
from privet.vault import Renewing, by_subject, twice

_log = get_logger("index")
Progress = Callable[[int, int], None]
_HEARD = ("ledger", "head", "request", "fence")


def begin(parts: Parts) -> bool:
    """Let a second version of the index live; False where one does already."""
    return Renewing(parts.keys, parts.clock).begin()


def go_on(parts: Parts, caller: Caller, progress: Progress) -> bool:
    """Renew whoever lacks a tag of the second version, and let it take the first one's place.

    Args:
        parts: the open deployment.
        caller: on whose behalf.
        progress: is told how many people are renewed, and of how many.

    Returns:
        Whether one version is left: False where ids of some people cannot be opened, who
        are renewed when they come by.
    """
    renewing = Renewing(parts.keys, parts.clock)
    total, done = renewing.left(), 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress(done, max(done, total))

    lacking = renewing.renew(partial(_ids, parts, caller), told)
    # Of some an enrolment was broken off before anything was known of them.
    forsaken = {*lacking.partly, *lacking.unknown} - _heard(parts, lacking.unknown)
    if not renewing.complete(forsaken):
        _log.warning("index-incomplete", people=len(lacking.unknown))
        return False
    renewing.sweep()
    return True


def _ids(parts: Parts, caller: Caller, snos: Sequence[int]) -> dict[int, list[str | int]]:
    """The ids of some people; whose do not open are left out: one must not hold up the others."""
    how = partial(ids_of, parts, caller, purpose=ADMINISTRATION, action="administer", task="index")
    try:
        return twice(lambda: how(snos))
    except IntegrityError:
        if len(snos) == 1:
            return {}
    half = len(snos) // 2
    return _ids(parts, caller, snos[:half]) | _ids(parts, caller, snos[half:])


def _heard(parts: Parts, snos: Sequence[int]) -> set[int]:
    """Those of these people of whom anything is known."""
    found: set[int] = set()
    with parts.home.data.read() as tx:
        for table in _HEARD:
            rows = by_subject(tx, f"SELECT sno FROM {table}", sorted(snos), "sno")
            found.update(int(row[0]) for row in rows)
    return found
