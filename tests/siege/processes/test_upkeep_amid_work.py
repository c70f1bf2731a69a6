"""Compaction, sweeps and re-sealing while others read and write: no row torn, doubled or lost.

Every row says the same number in each of its fields, which lie in several cells: a read that
took them from different moments would show it. Writers count what was acknowledged to them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.corner import POLICY, Corner

import privet
from privet.gate import upkeep
from privet.gate.batches import Pace
from privet.maintenance import CALLER
from privet.testing import FakeClock

PEOPLE = [f"p{n}" for n in range(6)]
FIELDS = ("order", "item", "value")
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
APART = POLICY.replace(
    "  - {id: contracts",
    "  - {id: counts, role: ops, for: service, may: [read], fields: [purchase.value]}\n"
    "  - {id: contracts",
)
"""What its rows say lies in two cells, so that each could come from another moment."""


class Worker:
    """One that reads or writes until it is told to stop; what it saw wrong is kept."""

    def __init__(self, corner: Corner, number: int) -> None:
        self.access = corner.shop.principal("carl", roles=["shop"]).purpose("service")
        self.number, self.written = number, Counter[str]()
        self.wrong: list[object] = []
        self.looks = 0

    def write(self, stop: threading.Event) -> None:
        count = 0
        try:
            while not stop.is_set():
                who = PEOPLE[count % len(PEOPLE)]
                told = 1_000_000 * self.number + count
                receipt = self.access.record(
                    who, "purchase", order=f"o{told}", item=f"i{told}", value=told
                )
                self.written[who] += receipt.new
                count += 1
        except privet.PrivetError as error:
            self.wrong.append(error.reason)

    def read(self, stop: threading.Event) -> None:
        most: Counter[str] = Counter()
        try:
            while not stop.is_set():
                who = PEOPLE[self.looks % len(PEOPLE)]
                rows = self.access.events(who, "purchase", *FIELDS)
                self.wrong += torn(rows)
                if len(rows) < most[who]:
                    self.wrong.append(("lost", most[who], len(rows)))
                most[who] = len(rows)
                self.looks += 1
        except privet.PrivetError as error:
            self.wrong.append(error.reason)


def torn(rows: list[dict[str, Any]]) -> list[object]:
    """Rows whose fields do not agree, and rows that are there twice."""
    found: list[object] = [
        ("torn", row)
        for row in rows
        if {row.get("order"), row.get("item")} != {f"o{row['value']}", f"i{row['value']}"}
    ]
    twice = [order for order, n in Counter(row["order"] for row in rows).items() if n > 1]
    return found + [("twice", order) for order in twice]


def rows_of(corner: Corner) -> dict[str, list[dict[str, Any]]]:
    access = corner.shop.principal("carl", roles=["shop"]).purpose("service")
    return {who: access.events(who, "purchase", *FIELDS) for who in PEOPLE}


@pytest.fixture
def corner(where: str, tmp_path: Path) -> Iterator[Corner]:
    made = Corner(where, tmp_path / "keys", FakeClock(START), tmp_path / "documents")
    made.activate(made.write(APART))
    for who in PEOPLE:
        made.shop.principal("carl", roles=["shop"]).consent.begin(who, "service")
    yield made
    made.shop.close()


def _upkeep(where: str, keys: Path, rounds: int) -> None:
    """Another process does the same housekeeping at the same time."""
    with privet.open(where, keyring=f"file:{keys}", clock=FakeClock(START), sync="OFF") as shop:
        for _ in range(rounds):
            assert -1 not in shop.maintenance.run().values()


def test_upkeep_amid_reads_and_writes_tears_doubles_and_loses_nothing(corner: Corner) -> None:
    stop = threading.Event()
    workers = [Worker(corner, n) for n in range(4)]
    threads = [
        threading.Thread(target=w.write if n < 2 else w.read, args=(stop,))
        for n, w in enumerate(workers)
    ]
    other = multiprocessing.get_context("spawn").Process(
        target=_upkeep, args=(corner.where, corner.keys, 2)
    )
    other.start()
    for thread in threads:
        thread.start()
    merged = 0
    while other.is_alive() or sum(w.looks for w in workers) < 20:
        merged += corner.shop.maintenance.run()["compaction"]
    stop.set()
    for thread in threads:
        thread.join()
    other.join()
    assert other.exitcode == 0
    assert [wrong for worker in workers for wrong in worker.wrong] == []
    assert merged > 0
    acknowledged = workers[0].written + workers[1].written
    found = rows_of(corner)
    assert {who: len(rows) for who, rows in found.items()} == dict(acknowledged)
    assert [wrong for rows in found.values() for wrong in torn(rows)] == []
    assert corner.shop.maintenance.check().faults == ()


def test_a_sweep_amid_reads_and_writes_takes_what_is_past_and_no_more(corner: Corner) -> None:
    access = corner.shop.principal("carl", roles=["shop"]).purpose("service")
    for who in PEOPLE:
        for told in range(8):
            old = START - timedelta(days=700 + told)
            access.record(who, "purchase", order=f"o{told}", item=f"i{told}", value=told, at=old)
    corner.clock.set(START + timedelta(days=25))  # the older half is past two years
    stop = threading.Event()
    workers = [Worker(corner, n + 1) for n in range(2)]
    threads = [
        threading.Thread(target=w.write if n else w.read, args=(stop,))
        for n, w in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    dropped = corner.shop.maintenance.run()["retention"]
    stop.set()
    for thread in threads:
        thread.join()
    assert [wrong for worker in workers for wrong in worker.wrong] == []
    assert dropped > 0
    left = {who: sum(row["value"] < 8 for row in rows) for who, rows in rows_of(corner).items()}
    assert set(left.values()) == {min(left.values())}
    assert 0 < min(left.values()) < 8
    assert corner.shop.maintenance.check().faults == ()


def test_a_look_at_everything_amid_comings_and_goings_finds_nothing_broken(
    corner: Corner,
) -> None:
    stop, wrong = threading.Event(), []

    def come_and_go(mine: int) -> None:
        shop = corner.shop
        clerk = shop.principal("carl", roles=["shop"])
        desk = shop.principal("dora", roles=["desk"])
        try:
            for n in range(10_000):
                if stop.is_set():
                    return
                who = f"{mine}-{n}"
                clerk.consent.begin(who, "service")
                clerk.purpose("service").record(who, "purchase", order=who, item="i", value=1)
                if n % 2:
                    desk.rights.erase(who, request=who)
        except privet.PrivetError as error:
            wrong.append(error.reason)

    threads = [threading.Thread(target=come_and_go, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        told = corner.shop.maintenance.check()
        wrong += [(fault.code, fault.count) for fault in told.faults if fault.state == "fail"]
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert corner.shop.maintenance.check().faults == ()


def _killed(where: str, keys: Path, task: str) -> None:
    """Housekeeping that is killed after its first batches."""

    def tick(done: int, _of: int) -> None:
        if done >= 2:
            os.kill(os.getpid(), signal.SIGKILL)

    from privet.gate import batches

    batches.MANY = 1
    with privet.open(where, keyring=f"file:{keys}", clock=FakeClock(START), sync="OFF") as shop:
        if task == "compaction":
            upkeep.compact(shop._parts, CALLER, Pace(tick))
        else:
            upkeep.sweep(shop._parts, CALLER, Pace(tick))


@pytest.mark.parametrize("task", ["compaction", "retention"])
def test_upkeep_that_is_killed_in_the_middle_goes_on(corner: Corner, task: str) -> None:
    access = corner.shop.principal("carl", roles=["shop"]).purpose("service")
    for who in PEOPLE:
        for told in range(6):
            at = START - timedelta(days=60 * told)
            access.record(who, "purchase", order=f"o{told}", item=f"i{told}", value=told, at=at)
    if task == "retention":  # what was sealed for two years may stay for a hundred days
        corner.activate(corner.write(APART.replace("retention: 2y", "retention: 100d")))
    child = multiprocessing.get_context("spawn").Process(
        target=_killed, args=(corner.where, corner.keys, task)
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    told = corner.shop.maintenance.check()
    assert told.ok
    due = corner.shop.maintenance.overdue()["cells"]
    if task == "retention":
        due = sum(fault.count for fault in told.faults) // 4  # four rows of each person
    assert 0 < due < len(PEOPLE)
    assert corner.shop.maintenance.run()[task] > 0
    kept = 2 if task == "retention" else 6
    assert {len(rows) for rows in rows_of(corner).values()} == {kept}
    assert corner.shop.maintenance.overdue()["cells"] == 0
    assert corner.shop.maintenance.check().faults == ()


def test_re_sealing_amid_reads_and_writes_tears_and_loses_nothing(corner: Corner) -> None:
    corner.activate(corner.write(POLICY))
    stop = threading.Event()
    workers = [Worker(corner, n) for n in range(2)]
    threads = [
        threading.Thread(target=w.write if n else w.read, args=(stop,))
        for n, w in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    while sum(workers[1].written.values()) < 20 or workers[0].looks < 5:
        pass
    corner.admin.activate(corner.write(APART))
    stop.set()
    for thread in threads:
        thread.join()
    refused = {"policy.replaced", "layout.outdated"}  # from the moment at which it holds
    assert [w for worker in workers for w in worker.wrong if w not in refused] == []
    corner.again()
    found = rows_of(corner)
    assert {who: len(rows) for who, rows in found.items()} == dict(workers[1].written)
    assert [wrong for rows in found.values() for wrong in torn(rows)] == []
    assert corner.shop.maintenance.check().faults == ()
    assert {stored.fields for stored in corner.admin.stored() if stored.event == "purchase"} == {
        frozenset({"order", "item"}),
        frozenset({"value"}),
    }
