"""All faults there are, numbered: what the long form runs whole and every run a sample of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.siege.crash.crowd import crowd
from tests.siege.crash.registry import Scenario, everything
from tests.siege.crash.runner import DISK, SERVER, STATEMENT, Outcome, Runner
from tests.siege.crash.weather import damaged, jumped, readings

CLOCK, DAMAGE, CROWD = "clock", "damage", "crowd"
KINDS = (STATEMENT, SERVER, *DISK, CLOCK, DAMAGE, CROWD)
TOGETHER = "several processes"
CROWDS = 200
JUMPS = [(timedelta(days=days), lasting) for days in (3650, -3650) for lasting in (False, True)]
"""Ten years ahead or back, at one reading or from there on."""

Numbered = tuple[int, Callable[[int], Outcome]]


def run(
    runner: Runner,
    names: list[str] | None = None,
    kinds: list[str] | None = None,
    every: int = 1,
    sample: int = 0,
    part: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, Any]]:
    """Each fault and what came of it.

    Args:
        runner: where.
        names: of scenarios; all of them and the crowds where None.
        kinds: of faults; all that the runner can do where None.
        every: take each so manieth.
        sample: percent; then one boundary, drawn by their names, of so many of the pairs of
            scenario and kind, and of every scenario at least one.
        part: i of n: those whose turn is ≡ i mod n.
    """
    turn = 0
    for name in names or [*everything(), TOGETHER]:
        for number, (kind, (last, befall)) in enumerate(_kinds(runner, name, kinds)):
            # Kinds begin at different places: together they meet many boundaries.
            chosen = range(1 + number % every, last + 1, every)
            for at in _drawn(name, kind, last, sample) if sample else chosen:
                turn += 1
                if turn % part[1] == part[0]:
                    yield _line(name, kind, at, last, befall(at))


def _drawn(name: str, kind: str, last: int, percent: int) -> list[int]:
    """At most one boundary, the same in every run."""
    chance = random.Random(f"{name}/{kind}")
    taken = chance.random() * 100 < percent or kind in {STATEMENT, CROWD}
    return [chance.randint(1, last)] if taken and last else []


def _line(name: str, kind: str, at: int, last: int, done: Outcome) -> dict[str, Any]:
    return {
        "scenario": name,
        "kind": kind,
        "at": at,
        "of": last,
        "fired": done.fired,
        "end": "killed" if done.killed else "refused" if done.refused else "done",
        "wrong": list(done.wrong),
    }


def _kinds(runner: Runner, name: str, kinds: list[str] | None) -> Iterator[tuple[str, Numbered]]:
    """The kinds of faults of one scenario, each with how many there are and how one is done."""
    if name == TOGETHER:
        if CROWD in (kinds or KINDS):
            yield CROWD, (CROWDS, lambda at: _crowd(runner, at))
        return
    scenario = everything()[name]
    if runner.database not in scenario.databases:
        return
    runner.clean(scenario)
    for kind in kinds or (*runner.kinds, CLOCK, DAMAGE):
        if kind in runner.kinds:
            yield kind, _plain(runner, scenario, kind)
        elif kind == CLOCK and scenario.opens:
            count = readings(runner, scenario) * len(JUMPS)
            yield kind, (count, lambda at: _jump(runner, scenario, at))
        elif kind == DAMAGE and scenario.opens and runner.database == "sqlite":
            count = runner.boundaries(scenario, STATEMENT)
            yield kind, (count, lambda at: _damage(runner, scenario, at))


def _plain(runner: Runner, scenario: Scenario, kind: str) -> Numbered:
    last = runner.boundaries(scenario, kind)
    return last, lambda at: runner.fault(scenario, kind, at)


def _jump(runner: Runner, scenario: Scenario, at: int) -> Outcome:
    reading, which = divmod(at - 1, len(JUMPS))
    by, lasting = JUMPS[which]
    refused, wrong = jumped(runner, scenario, reading + 1, by, lasting=lasting)
    return Outcome(fired=True, killed=False, refused=refused, wrong=tuple(wrong))


def _damage(runner: Runner, scenario: Scenario, at: int) -> Outcome:
    refused, wrong = damaged(runner, scenario, at, seed=at)
    said = "refused" if refused else ""
    return Outcome(fired=True, killed=not refused, refused=said, wrong=tuple(wrong))


def _crowd(runner: Runner, at: int) -> Outcome:
    size = 2 + at % 7
    dead, wrong = crowd(runner, size, deaths=1 + at % (size // 2), seed=at)
    return Outcome(fired=dead > 0, killed=dead > 0, refused="", wrong=tuple(wrong))
