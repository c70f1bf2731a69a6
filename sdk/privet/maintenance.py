"""Housekeeping: each step finds its own work, may be repeated, and costs law nothing when late.

Retention, lapses and withdrawals are enforced at read; maintenance frees what is no
longer used: it may be overdue in disk or quality, never in law.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from privet.errors import PrivetError
from privet.gate import forget, health, moving, removal, upkeep, watching
from privet.gate.parts import Caller, Parts
from privet.gate.record import flush_counts
from privet.log import get_logger
from privet.types import check_type

_log = get_logger("maintenance")
CALLER = Caller("privet", frozenset({"privet"}))
T = TypeVar("T")


class Maintenance:
    """``deployment.maintenance``: run it from one line of cron."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(self, *, budget: timedelta = timedelta(minutes=5)) -> dict[str, int]:
        """Do what is due, the most urgent first, until it is done or the budget is spent.

        Returns:
            For each step how much it did; -1 where it could not be done.

        Raises:
            HandleInvalid: the deployment is closed, or was carried across a fork.
            AccessDenied: another policy was activated: its holds and periods are not these.
        """
        check_type(budget, timedelta, "the budget", "Give a timedelta.")
        self._parts.check_current()
        watching.look(self._parts)
        deadline = time.monotonic() + budget.total_seconds()
        done: dict[str, int] = {}
        for name, step in self._steps().items():
            if time.monotonic() > deadline:
                break
            try:
                self._parts.check_current()
                done[name] = step()
            except PrivetError as error:
                # One step that cannot be done must not keep the others from being done.
                _log.error("step-failed", step=name, reason=error.reason)
                done[name] = -1
        return done

    def overdue(self) -> dict[str, int]:
        """What waits: erasures, withdrawals, ended holds, people's cells, an epoch to end."""
        return health.waiting(self._parts)

    def rotate(self) -> int:
        """Begin a new key epoch: from then on no backup of the keys store opens anything.

        Returns:
            The new epoch's number.

        Raises:
            AuditUnavailable: it could not be recorded; nothing was changed.
            KeyUnavailable: the keyring did not give or destroy a secret; run it again.
        """
        return upkeep.rotate(self._parts, CALLER)

    def examine(self) -> list[health.Finding]:
        """Look at the stores, the policy, the clock, the log and what waits; changes nothing."""
        return health.examine(self._parts)

    def _steps(self) -> dict[str, Callable[[], int]]:
        parts = self._parts
        return {
            "erasures": self._erasures,
            "withdrawals": self._withdrawals,
            "holds": lambda: forget.release_holds(parts, CALLER),
            "runs": lambda: removal.abandon(parts),
            "grounds": lambda: upkeep.fold(parts),
            "retention": lambda: upkeep.sweep(parts, CALLER),
            "moving": lambda: moving.move(parts, CALLER),
            "separation": lambda: upkeep.separate(parts, CALLER),
            "compaction": lambda: upkeep.compact(parts, CALLER),
            "epochs": lambda: upkeep.rotate_when_due(parts, CALLER),
            "counts": self._counts,
            "logs": lambda: upkeep.truncate(parts),
        }

    def _erasures(self) -> int:
        return _each(
            forget.pending(self._parts),
            lambda receipt: forget.resume(self._parts, CALLER, receipt),
        )

    def _withdrawals(self) -> int:
        settled = _each(
            forget.unsettled(self._parts),
            lambda of: forget.settle(self._parts, CALLER, *of),
        )
        for key in [k for k in list(self._parts.cache) if k.startswith("quarantine:")]:
            self._parts.cache.pop(key, None)
        return settled

    def _counts(self) -> int:
        flush_counts(self._parts)
        return 1


def _each(waiting: Sequence[T], work: Callable[[T], object]) -> int:
    """Work on all that waits, also after one of them that cannot be done; that one is raised."""
    failure: PrivetError | None = None
    for item in waiting:
        try:
            work(item)
        except PrivetError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return len(waiting)
