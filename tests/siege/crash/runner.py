"""One fault: a copy of the prepared home, a child that meets it, a child that looks after it.

Run in a process that has imported everything and never holds a connection: it only copies
files and forks, so that a fault costs tens of milliseconds.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import shutil
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from tests.siege.crash import holds
from tests.siege.crash.disk import ERRORS, KILLS, Disk, Kind
from tests.siege.crash.place import Place, documents
from tests.siege.crash.registry import Scenario
from tests.siege.crash.statements import Statements, die

from privet.errors import PrivetError
from privet.gate import policies
from privet.policy import Policy, compile_documents

STATEMENT = "statement"
SERVER = "server"  # the database's server is killed at a statement, not the process
STATEMENTS = (STATEMENT, SERVER)
NOTHING = "nothing"
DISK = tuple(kind.name.lower() for kind in (*KILLS, *ERRORS))
UNREADABLE = Kind.UNREADABLE.name.lower()
PATIENCE_S = 60


@dataclass(frozen=True)
class Outcome:
    """What one fault led to.

    Attributes:
        fired: the chosen boundary was reached.
        killed: the process died there.
        refused: it went on, and was told by this typed error; else empty.
        wrong: sentences about what does not hold; none where all is well.
    """

    fired: bool
    killed: bool
    refused: str
    wrong: tuple[str, ...]


class Died(Exception):
    """A child that was not meant to die did."""


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Run in a forked child: the signal that ended it (0: none) and what it returned."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inward)
        _finish(outward, work)
    os.close(outward)
    with os.fdopen(inward, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    told = pickle.loads(data) if data else None
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), told


def _finish(outward: int, work: Callable[[], Any]) -> NoReturn:
    signal.alarm(PATIENCE_S)
    try:
        told = work()
    except BaseException:
        told = RuntimeError(traceback.format_exc(limit=-6))
    with os.fdopen(outward, "wb") as pipe:
        pipe.write(pickle.dumps(told))
    os._exit(0)


class Runner:
    """Faults of one scenario after the other, in a directory of its own."""

    database = "sqlite"
    sync: Literal["FULL", "OFF"] = "FULL"  # of whoever is to be killed

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = Disk()
        self.kinds = (STATEMENT, *(DISK if self.disk.loaded else ()))
        self.policy = root / "policy"
        documents(self.policy)
        documents(root / "narrow", narrow=True)
        self._slot = root / "slot"
        self._told = root / "told"
        self._prepared: dict[str, Path] = {}
        self._warm()
        self._clean: dict[str, Any] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._traces: dict[str, dict[str, list[bytes]]] = {}

    def _warm(self) -> None:
        """Import what is imported late, once and here, by living through it all.

        A policy of the same documents is compiled once: a third of a fault's time.
        """
        texts: dict[str, Policy] = {}

        def compiled(documents: Mapping[str, str]) -> Policy:
            key = json.dumps(dict(documents), sort_keys=True)
            if key not in texts:
                texts[key] = compile_documents(documents)
            return texts[key]

        policies.compile_documents = compiled
        self._empty(self.root / "warm")
        place = Place(self.root / "warm", self.policy, self._told, self._url("warm"))
        place.found()
        list(holds.opened(place, finished=True))
        holds.summary(place)
        place.close()
        gc.collect()
        gc.freeze()

    # --- one fault -------------------------------------------------------------------------

    def boundaries(self, scenario: Scenario, kind: str) -> int:
        """How many numbered boundaries an act has: counted in a run to which nothing happens."""
        counts = STATEMENT if kind in STATEMENTS else kind if kind == UNREADABLE else "writes"
        if (scenario.name, counts) not in self._counted:
            self.fresh(scenario)
            told = self._act(scenario, kind, 0)
            self._counted[scenario.name, counts] = int(told["number"])
        return self._counted[scenario.name, counts]

    def fault(self, scenario: Scenario, kind: str, at: int) -> Outcome:
        """Let one fault befall an act at one boundary, restart, and look."""
        clean = self.clean(scenario)
        self.fresh(scenario)
        told = self._act(scenario, kind, at)
        wrong = list(told["wrong"])
        wrong += self._looked(scenario, told, clean)
        return Outcome(told["fired"], told["killed"], told["refused"], tuple(wrong))

    def clean(self, scenario: Scenario) -> Any:
        """What the home is after the act where nothing befalls it."""
        if scenario.name not in self._clean:
            self.fresh(scenario)
            told = self._act(scenario, NOTHING, 0)
            wrong, state = self._restarted(scenario)
            wrong = [*told["wrong"], *wrong]
            assert not wrong, f"{scenario.name}, undisturbed: {wrong}"
            self._clean[scenario.name] = state
        return self._clean[scenario.name]

    # --- where homes are: ``server.py`` adds databases -------------------------------------

    def _url(self, name: str) -> str | None:
        """The database of a directory of this name, None where homes are directories."""
        return None

    def _empty(self, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()

    def _copy(self, source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)

    def _restart(self) -> None:
        """What has to be started again after a fault, beside the process itself."""

    def _strike(self, kind: str) -> Callable[[], None]:
        """What befalls at the chosen statement."""
        return die

    # --- steps -----------------------------------------------------------------------------

    def place(
        self, scenario: Scenario, *, later: bool = True, sync: Literal["FULL", "OFF"] = "OFF"
    ) -> Place:
        """The slot's home, as one process sees it."""
        place = Place(self._slot, self.policy, self._told, self._url("slot"), sync)
        if later:
            place.clock.advance(scenario.later)
        return place

    def fresh(self, scenario: Scenario) -> None:
        """Put the prepared home into the slot."""
        prepared = self._prepare(scenario)
        self._copy(prepared, self._slot)
        shutil.copyfile(prepared.with_suffix(".told"), self._told)

    def _prepare(self, scenario: Scenario) -> Path:
        key = scenario.name if scenario.prepare else "shop"
        if key not in self._prepared:
            if scenario.prepare:
                self.fresh(replace(scenario, prepare=None))
            else:
                self._empty(self._slot)
            died, told = in_child(lambda: self._made(scenario))
            assert not died, died
            assert not isinstance(told, Exception), told
            self._traces[key] = told
            self._prepared[key] = self.root / f"prepared-{len(self._prepared)}"
            self._copy(self._slot, self._prepared[key])
            # What was told of the shop's founding is known to every check.
            told = self._told if scenario.prepare else Path(os.devnull)
            shutil.copyfile(told, self._prepared[key].with_suffix(".told"))
            self._told.unlink(missing_ok=True)
        return self._prepared[key]

    def _made(self, scenario: Scenario) -> dict[str, list[bytes]]:
        place = self.place(scenario, later=False)
        if scenario.prepare:
            scenario.prepare(place)
        else:
            place.found()
        traces = place.traces()
        place.close()
        return traces

    def _act(self, scenario: Scenario, kind: str, at: int) -> dict[str, Any]:
        """Act in a child; whether the fault came, how it ended, and what was wrong about that."""

        def work() -> dict[str, Any]:
            return self._acting(scenario, kind, at)

        died, told = in_child(work)
        self._restart()
        if died == signal.SIGKILL:
            return {"fired": True, "killed": True, "refused": "", "wrong": (), "number": at}
        if died:
            wrong = (f"the child died of signal {died}",)
            return {"fired": True, "killed": True, "refused": "", "wrong": wrong, "number": at}
        if isinstance(told, Exception):
            raise Died(str(told))
        return told

    def _acting(self, scenario: Scenario, kind: str, at: int) -> dict[str, Any]:
        place = self.place(scenario, sync=self.sync)
        place.watch()
        statements = Statements()
        of_statements = kind in STATEMENTS
        if of_statements:
            statements.arm(at, self._strike(kind))
        if self.disk.loaded:
            befalls = Kind.COUNT
            if kind == UNREADABLE or (at and not of_statements and kind != NOTHING):
                befalls = Kind[kind.upper()]
            self.disk.arm(self._slot, befalls, at, seed=at)
        wrong, refused = [], ""
        try:
            scenario.act(place)
            place.close()
        except PrivetError as error:
            refused = f"{error.reason}: {error}"
        except Exception:
            wrong.append("an untyped error: " + traceback.format_exc(limit=-4))
        number, fired = statements.number, statements.fired
        if self.disk.loaded and not of_statements:
            number, fired = self.disk.number, self.disk.fired
        self.disk.disarm()
        if refused and not fired:
            wrong.append(f"refused though nothing befell it: {refused}")
        # Not closed: what follows a fault must not depend on a clean end of the process.
        return {
            "fired": fired,
            "killed": False,
            "refused": refused,
            "wrong": wrong,
            "number": number,
        }

    def _looked(self, scenario: Scenario, told: dict[str, Any], clean: Any) -> list[str]:
        wrong, state = self._restarted(scenario)
        if not wrong and state != clean:
            wrong.append(f"finished otherwise than undisturbed: {_differing(clean, state)}")
        return wrong

    def traces(self, scenario: Scenario) -> dict[str, list[bytes]]:
        """What must be gone of whom is erased, as it was when the home was prepared."""
        return self._traces[scenario.name if scenario.prepare else "shop"]

    def _restarted(self, scenario: Scenario) -> tuple[list[str], Any]:
        traces = self.traces(scenario)
        died, told = in_child(lambda: self._checked(scenario, traces))
        if died or isinstance(told, Exception):
            return [f"the restart failed: {told or died}"], None
        return told

    def _checked(self, scenario: Scenario, traces: dict[str, list[bytes]]) -> tuple[list[str], Any]:
        place = self.place(scenario)
        wrong = list(holds.unopened(place, traces))
        if scenario.opens:
            wrong += holds.opened(place, finished=False)
            wrong += scenario.check(place, False) if scenario.check else ()
        (scenario.finish or scenario.act)(place)
        self._maintained(place)
        wrong += holds.opened(place, finished=True)
        wrong += scenario.check(place, True) if scenario.check else ()
        state = holds.summary(place)
        place.close()
        wrong += holds.unopened(place, traces)
        return wrong, state

    @staticmethod
    def _maintained(place: Place) -> None:
        done = place.shop.maintenance.run()
        assert -1 not in done.values(), f"maintenance could not be done: {done}"


def _differing(a: Any, b: Any) -> str:
    return json.dumps({k: [a.get(k), b.get(k)] for k in {*a, *b} if a.get(k) != b.get(k)})[:600]
