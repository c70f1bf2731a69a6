"""Two to eight processes write one home at once, and some of them die while the others go on."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

from tests.siege.crash import holds
from tests.siege.crash.place import PEOPLE, Place
from tests.siege.crash.registry import Scenario
from tests.siege.crash.runner import Runner, in_child
from tests.siege.crash.statements import Statements

from privet.errors import PrivetError

ROUNDS = 4


def crowd(runner: Runner, size: int, deaths: int, seed: int) -> tuple[int, list[str]]:
    """Let so many processes write; how many died on the way, and what does not hold then."""
    chance = random.Random(seed)
    doomed = set(chance.sample(range(size), deaths))
    scenario = Scenario("crowd", _nothing, finish=_nothing)
    runner.fresh(scenario)
    ends = [chance.randint(20, 200) if n in doomed else 0 for n in range(size)]
    children = [
        _start(lambda n=n, end=end: _works(runner, scenario, n, end)) for n, end in enumerate(ends)
    ]
    wrong, dead = [], 0
    for child in children:
        _, status = os.waitpid(child, 0)
        dead += os.WIFSIGNALED(status)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            wrong.append(f"a process died of signal {os.WTERMSIG(status)}")
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status):
            wrong.append("a process met an error without a type")
    died, told = in_child(lambda: _looked(runner, scenario))
    if died or isinstance(told, Exception):
        return dead, [*wrong, f"the restart failed: {told or died}"]
    return dead, wrong + told


def _nothing(place: Place) -> None:
    return None


def _start(work: Callable[[], Any]) -> int:
    child = os.fork()
    if child:
        return child
    signal.alarm(120)
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def _works(runner: Runner, scenario: Scenario, number: int, end: int) -> None:
    """One worker: its own people come, look, withdraw, go; it may die at a statement."""
    place = runner.place(scenario, sync="FULL")
    place.watch()
    if end:
        Statements().arm(end)
    acts: list[Callable[[str], None]] = [
        place.agree,
        lambda who: place.view(who, "here"),
        place.withdraw,
        place.agree,
        place.erase,
    ]
    for turn in range(ROUNDS):
        who = f"worker-{number}-{turn}"
        for act in acts[: 2 + (number + turn) % 4]:
            _do(lambda act=act, who=who: act(who))
        _do(lambda turn=turn: place.view(PEOPLE[turn], f"by-{number}-{turn}"))
        _do(lambda: place.recommend(PEOPLE[0]))
    if number == 0:
        _do(lambda: place.erase(PEOPLE[3]))
    place.close()


def _do(act: Callable[[], None]) -> None:
    """One act; a typed refusal is an answer too."""
    try:
        act()
    except PrivetError:
        return


def _looked(runner: Runner, scenario: Scenario) -> list[str]:
    place = runner.place(scenario)
    traces = runner.traces(scenario)
    wrong = list(holds.unopened(place, traces))
    wrong += holds.opened(place, finished=False)
    done = place.shop.maintenance.run()
    assert -1 not in done.values(), f"maintenance could not be done: {done}"
    wrong += holds.opened(place, finished=True)
    for who in {about["who"] for _, about in place.told() if "who" in about}:
        heard = holds.Heard.of(place)
        if place.sno(who) is not None and "erase" not in heard.begun.get(who, set()):
            wrong += holds.views(place, heard, who)
    place.close()
    return wrong + list(holds.unopened(place, traces))
