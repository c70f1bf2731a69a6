"""Housekeeping: each step finds its own work, may be repeated, and costs law nothing when late.

Retention, lapses and withdrawals are enforced at read; maintenance frees what is no
longer used: it may be overdue in disk or quality, never in law.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from privet.backup import making, renewal
from privet.backup.making import Backup
from privet.backup.manifest import Name
from privet.backup.renewal import Restore
from privet.errors import PrivetError
from privet.gate import (
    anchoring,
    erasing,
    forget,
    health,
    keylife,
    moving,
    register,
    removal,
    storecheck,
    upkeep,
    watching,
)
from privet.gate.anchoring import Pushed
from privet.gate.batches import Pace
from privet.gate.parts import Caller, Parts
from privet.gate.record import flush_counts
from privet.log import get_logger
from privet.types import check_path, check_type

_log = get_logger("maintenance")
CALLER = Caller("privet", frozenset({"privet"}))
Progress = Callable[[str, int, int], None]
"""Is told the step, how many people are done in it, and of how many."""
T = TypeVar("T")


def _unseen(*_: object) -> None:
    """Progress that nobody looks at."""


class Maintenance:
    """``deployment.maintenance``: run it from one line of cron."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(
        self, *, budget: timedelta = timedelta(minutes=5), progress: Progress = _unseen
    ) -> dict[str, int]:
        """Do what is due, the most urgent first, until it is done or the budget is spent.

        Whatever ends it in between, what was done stays, and the next run goes on.

        Args:
            budget: no step, and no batch of some thousand people within one, begins after it.
            progress: is told the step, how many people are done in it, and of how many.

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
                done[name] = step(Pace(partial(progress, name), deadline))
            except PrivetError as error:
                # One step that cannot be done must not keep the others from being done.
                _log.error("step-failed", step=name, reason=error.reason)
                done[name] = -1
        return done

    def overdue(self) -> dict[str, int]:
        """What waits: erasures, withdrawals, ended holds, people's cells, an epoch to end."""
        return health.waiting(self._parts)

    def rotate(self) -> int:
        """End the key epoch: from then on no backup of the keys store opens anything.

        All keys are wrapped anew and the index of people is renewed, while reads and writes
        go on. What an interruption leaves is gone on with here, or by ``run``.

        Returns:
            The new epoch's number.

        Raises:
            AuditUnavailable: it could not be recorded; nothing was changed.
            KeyUnavailable: the keyring did not give or destroy a secret; run it again.
        """
        return keylife.end_epoch(self._parts, CALLER)

    def check(
        self,
        *,
        digest: str | Path | None = None,
        against: str | Path | None = None,
        progress: Callable[[int, int], None] = _unseen,
    ) -> storecheck.StoreCheck:
        """Look at everything that is kept, once: is it whole, does it agree, is it kept too long?

        Every head and cell is opened under records of ``privet:administration``; nothing of a
        person is released. Writers and readers go on.

        Args:
            digest: a new file for a digest of all heads, to compare with later.
            against: an earlier one: it shows whoever was put back whole.
            progress: is told how much is done, and of how much.

        Raises:
            InvalidInput: a file is no digest, or is there already.
            IntegrityError: the earlier digest is not one that the log knows.
            AuditUnavailable: it could not be recorded; nothing was opened.
        """
        files = [
            None if place is None else check_path(place, "a digest", "digest.form")
            for place in (digest, against)
        ]
        return storecheck.check(self._parts, CALLER, progress, *files)

    def backup(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        data: str | os.PathLike[str] | None = None,
        keys: str | os.PathLike[str] | None = None,
        audit: str | os.PathLike[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Backup:
        """Copy the three stores, each into a directory of its own, while writes go on.

        The keyring is no part of it. ``privet.restore`` brings it back.

        Args:
            directory: ``data``, ``keys`` and ``audit`` are made in it.
            data: where this copy goes instead, such as on another volume.
            keys: likewise.
            audit: likewise.
            progress: is told the store, what is copied, and of how much.

        Raises:
            InvalidInput: a directory is missing, holds something, or is named twice.
            AuditUnavailable: it could not be recorded; nothing was copied.
            StoreUnavailable: a file cannot be written.
        """
        self._parts.check_current()
        named: dict[Name, str | os.PathLike[str] | None]
        named = {"data": data, "keys": keys, "audit": audit}
        return making.back_up(
            self._parts, CALLER, making.places(directory, named), progress or making.silent
        )

    def anchor(self) -> list[Pushed]:
        """Bring the newest checkpoint of the log to every anchor, and say what became of it.

        One that fails holds no other up; its ``error`` says why.
        """
        return anchoring.push(self._parts)

    def restores(self) -> list[Restore]:
        """Every restore that this deployment went through, oldest first, as its log tells."""
        return renewal.restores(self._parts)

    def examine(self) -> list[health.Finding]:
        """Look at the stores, the policy, the clock, the log and what waits; changes nothing."""
        return health.examine(self._parts)

    def _steps(self) -> dict[str, Callable[[Pace], int]]:
        parts = self._parts
        return {
            "erasures": lambda _: self._erasures(),
            "withdrawals": lambda _: self._withdrawals(),
            "holds": lambda _: erasing.release_holds(parts, CALLER),
            "runs": lambda _: removal.abandon(parts),
            "grounds": lambda _: upkeep.fold(parts),
            "retention": lambda pace: upkeep.sweep(parts, CALLER, pace),
            "moving": lambda pace: moving.move(parts, CALLER, pace),
            "separation": lambda pace: upkeep.separate(parts, CALLER, pace),
            "compaction": lambda pace: upkeep.compact(parts, CALLER, pace),
            "epochs": lambda pace: keylife.when_due(
                parts, CALLER, lambda _step, done, of: pace.progress(done, of)
            ),
            "counts": lambda _: self._counts(),
            "anchors": lambda _: anchoring.settle(parts),
            "logs": lambda _: upkeep.truncate(parts),
        }

    def _erasures(self) -> int:
        return _each(
            register.pending(self._parts),
            lambda receipt: erasing.resume(self._parts, CALLER, [receipt]),
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
