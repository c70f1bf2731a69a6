"""How much memory housekeeping takes, and how long: sweeps, compaction, a look at the whole store.

python -m benchmarks.upkeep --people 5000 25000

Each task runs in a process of its own on a home with so many people; what it takes is told as
growth over the same process with the home open and nothing done. Flat is what it should be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import privet
from privet.testing import FakeClock

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CHUNK = 10_000
LOADS = 5  # small cells of each person, so that there is something to merge
TASKS = ("nothing", "check", "compaction", "retention")


def fill(place: Path, people: int) -> None:
    with opened(place, NOW, policy="pack:shop") as shop:
        operator = shop.principal("op", roles=["operator"])
        operator.admin.load_items([{"item": "kettle"}])
        desk = shop.principal("desk", roles=["privacy-desk"])
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        for first in range(0, people, CHUNK):
            names = [f"p{n}" for n in range(first, min(first + CHUNK, people))]
            said = {"subject": names, "purpose": "recommendations", "kind": "yes", "at": NOW}
            desk.consent.load(pd.DataFrame(said), notice="1", channel="crm", evidence="export")
            for load in range(LOADS):
                frame = views(names, load)
                web.load("view", frame, columns={name: name for name in frame})


def views(names: list[str], load: int) -> pd.DataFrame:
    at = NOW - timedelta(days=10 * load)
    keys = [f"{name}-{load}" for name in names]
    frame = pd.DataFrame({"subject": names, "at": at, "event_id": keys, "item": "kettle"})
    return frame.assign(dwell=np.arange(len(names)) % 60)


def opened(place: Path, now: datetime, **more: Any) -> privet.Deployment:
    return privet.open(
        place / "home", keyring=f"file:{place / 'ring'}", clock=FakeClock(now), sync="OFF", **more
    )


def run(place: Path, task: str, told: Any) -> None:
    """One task in a process of its own: seconds of its processor, and its peak in MiB."""
    later = NOW + timedelta(days=420 if task == "retention" else 0)
    with opened(place, later) as shop:
        began = time.process_time()
        if task == "check":
            shop.maintenance.check()
        elif task != "nothing":
            shop.maintenance.run(budget=timedelta(hours=1))
        spent = time.process_time() - began
    told.put((spent, peak_mib()))


def peak_mib() -> float:
    """The most memory that this process ever held; ``ru_maxrss`` would count its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[5_000, 25_000])
    spawn = multiprocessing.get_context("spawn")
    print(f"{'people':>8} {'task':<12} {'CPU s':>8} {'peak MiB':>9} {'growth MiB':>11}")
    for people in parser.parse_args().people:
        with tempfile.TemporaryDirectory() as where:
            fill(Path(where), people)
            bare = 0.0
            for task in TASKS:
                told = spawn.SimpleQueue()
                child = spawn.Process(target=run, args=(Path(where), task, told))
                child.start()
                spent, peak = told.get()
                child.join()
                bare = bare or peak
                print(f"{people:>8} {task:<12} {spent:>8.1f} {peak:>9.0f} {peak - bare:>11.0f}")


if __name__ == "__main__":
    main()
