"""The documents that a process was opened with: whether they are still what it read.

What holds is what is active in the home, not a file. But whoever edits the file that an
application was opened with may think that the edit holds. So it is said, in a record and in the
process's own log, and the policy may ask that nothing is done for its purposes until the
file is put back, or is activated. People's rights and administration go on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from privet.errors import AccessDenied
from privet.gate.parts import Caller, Parts
from privet.gate.record import entry
from privet.log import get_logger
from privet.policy.load import Watch
from privet.types import ADMINISTRATION, BUILT_IN_PURPOSES

EVERY_S: Final = 1.0
"""Between two looks: a change is noticed at the first read or write after so many seconds."""
_log = get_logger("policy")
_OWN = Caller("privet", frozenset({"privet"}))
_KEY: Final = "watching"


@dataclass(slots=True)
class State:
    """What one process knows of its documents.

    Attributes:
        watch: compares them with what was read.
        looked: when they were looked at, on the monotonic clock, seconds.
        changed: whether they were changed then.
    """

    watch: Watch
    looked: float = field(default_factory=time.monotonic)
    changed: bool = False


def begin(parts: Parts, watch: Watch | None) -> None:
    """Watch the documents that a deployment was opened with."""
    if watch is not None:
        parts.cache[_KEY] = State(watch)


def check(parts: Parts, purpose: str) -> None:
    """Look at the documents now and then; refuse for a purpose where the policy says so.

    Raises:
        AccessDenied: they are not what was read, and the policy refuses (``policy.file-changed``).
        AuditUnavailable: the change could not be recorded.
    """
    state: State | None = parts.cache.get(_KEY)
    if state is None:
        return
    if time.monotonic() - state.looked >= EVERY_S:
        _look(parts, state)
    refuses = state.changed and parts.policy.life.changed_file == "refuse"
    if refuses and purpose not in BUILT_IN_PURPOSES:
        raise AccessDenied(
            "this process was opened with a document that was changed since",
            why="it was edited, swapped, removed or led elsewhere, and what it says does not hold",
            remedy="Activate it (`privet policy activate`) and open again, or put it back.",
            reason="policy.file-changed",
        )


def look(parts: Parts) -> None:
    """Look at the documents now; a change is recorded where it is new."""
    state: State | None = parts.cache.get(_KEY)
    if state is not None:
        _look(parts, state)


def differs(parts: Parts) -> bool:
    """The same without a record: for who only looks."""
    state: State | None = parts.cache.get(_KEY)
    return state is not None and not state.watch.same()


def _look(parts: Parts, state: State) -> None:
    state.looked = time.monotonic()
    was, is_now = state.changed, not state.watch.same()
    if is_now and not was:
        told = entry(
            parts,
            _OWN,
            "admin",
            purpose=ADMINISTRATION,
            action="administer",
            subject="policy-file",
            task="changed",
        )
        parts.log.append([told])
        _log.warning("policy-file-changed", policy=parts.policy.hash[:16])
    state.changed = is_now
