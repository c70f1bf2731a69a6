"""What else befalls: clocks that jump in mid operation, pages that come back torn or garbled."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.siege.crash import holds
from tests.siege.crash.place import GONE, ITEMS, PEOPLE, PURPOSE, QUIET, START, Clock, Place
from tests.siege.crash.registry import Scenario
from tests.siege.crash.runner import Died, Runner, in_child
from tests.siege.crash.statements import Statements

from privet.audit.selfcheck import check as check_log
from privet.clock import instant
from privet.errors import PrivetError


class JumpingClock(Clock):
    """Right until its n-th reading; then wrong by so much, once or for good."""

    def __init__(self, start: datetime, at: int, by: timedelta, *, lasting: bool) -> None:
        super().__init__(start)
        self._at, self._by, self._lasting = at, by, lasting
        self.readings = 0

    def now(self) -> datetime:
        self.readings += 1
        wrong = self.readings == self._at or (self._lasting and self.readings > self._at > 0)
        return self.instant + (self._by if wrong else timedelta())


def readings(runner: Runner, scenario: Scenario) -> int:
    """How often an act reads the clock."""
    return int(_acted(runner, scenario, 0, timedelta(), lasting=False)["readings"])


def jumped(
    runner: Runner, scenario: Scenario, at: int, by: timedelta, *, lasting: bool
) -> tuple[str, list[str]]:
    """Let the clock jump at one reading of an act; the refusal, and what does not hold then.

    The home is looked at by a clock that stands right, or at the log's newest record where
    that is ahead of it: until then privet lets nobody in.
    """
    told = _acted(runner, scenario, at, by, lasting=lasting)
    died, found = in_child(lambda: _after_jump(runner, scenario))
    if died or isinstance(found, Exception):
        found = [f"the restart failed: {found or died}"]
    return told["refused"], told["wrong"] + found


def _acted(
    runner: Runner, scenario: Scenario, at: int, by: timedelta, *, lasting: bool
) -> dict[str, Any]:
    runner.fresh(scenario)

    def work() -> dict[str, Any]:
        place = runner.place(scenario)
        place.clock = JumpingClock(place.clock.instant, at, by, lasting=lasting)
        place.watch()
        wrong, refused = [], ""
        try:
            scenario.act(place)
            place.close()
        except PrivetError as error:
            refused = str(error.reason)
        except Exception as error:
            wrong.append(f"an untyped error: {error!r}")
        return {"readings": place.clock.readings, "wrong": wrong, "refused": refused}

    died, told = in_child(work)
    if died or isinstance(told, Exception):
        raise Died(str(told or died))
    return dict(told)


def _after_jump(runner: Runner, scenario: Scenario) -> list[str]:
    place = runner.place(scenario)
    wrong = list(holds.unopened(place, runner.traces(scenario)))
    parts = place.shop._parts
    newest = instant(int(parts.log.leaves(parts.log.size() - 1, 1)[0][1]["ts"]))
    place.clock.instant = max(place.clock.instant, newest)
    wrong += holds.structure(place)
    for who, done in holds.Heard.of(place).done.items():
        if "erase" in done:
            wrong += holds.erased(place, who)
    place.close()
    return wrong


def damaged(runner: Runner, scenario: Scenario, at: int, seed: int) -> tuple[bool, list[str]]:
    """Kill an act at a statement and spoil the last page of one file; refused, what is wrong."""
    runner.fresh(scenario)

    def work() -> None:
        place = runner.place(scenario, sync="FULL")
        Statements().arm(at)
        scenario.act(place)

    in_child(work)
    _spoil(runner.place(scenario).root / "home", random.Random(seed))
    died, told = in_child(lambda: _after_damage(runner, scenario))
    if died or isinstance(told, Exception):
        return False, [f"the restart failed: {told or died}"]
    return told


def _spoil(home: Path, chance: random.Random) -> None:
    """Cut, zero or garble the last page of a store or of its write-ahead log."""
    files = [f for f in sorted(home.glob("*.db*")) if f.suffix in {".db", ".db-wal"}]
    file = chance.choice([f for f in files if f.stat().st_size])
    size = file.stat().st_size
    length = min(8192 + 24, size)
    how = chance.choice(["cut", "zero", "garble"])
    with file.open("r+b") as stream:
        if how == "cut":
            stream.truncate(size - length // 2)
        else:
            stream.seek(size - length)
            stream.write(bytes(length) if how == "zero" else os.urandom(length))


def _after_damage(runner: Runner, scenario: Scenario) -> tuple[bool, list[str]]:
    place = runner.place(scenario)
    wrong = list(holds.unopened(place, {}))
    try:
        parts = place.shop._parts
        check_log(place.stores[2], parts.log.vkey)
    except PrivetError:
        return True, wrong
    refused = False
    checks: list[Callable[[Place], Iterator[str]]] = [
        holds.ledger_is_of_the_log,
        holds.grounds_are_rebuilt,
        _nothing_untrue,
        _nobody_comes_back,
    ]
    for check in checks:
        try:
            wrong += check(place)
        except PrivetError:
            refused = True
    return refused, wrong


def _nothing_untrue(place: Place) -> Iterator[str]:
    """Whatever is still told of anybody is what she did; a value is right or it is refused."""
    for who in PEOPLE:
        if place.sno(who) is None:
            continue
        for row in place.life(who)["events"].get("view", ()):
            if row["item"] not in ITEMS or row["at"] > START.isoformat():
                yield f"{who} has an event that never was"


def _nobody_comes_back(place: Place) -> Iterator[str]:
    if place.sno(GONE) is not None:
        yield "the erased is known again"
    desk = place.as_("privacy-desk").consent
    if place.sno(QUIET) is not None and desk.state(QUIET)[PURPOSE].startswith("active"):
        yield "a withdrawal was lost"
