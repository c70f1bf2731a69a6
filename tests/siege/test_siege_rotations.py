"""Every kind of key is begun anew under readers and writers; nobody sees anything of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import privet
from privet.errors import PrivetError

PURPOSE = "recommendations"
PEOPLE = [f"p{n}" for n in range(8)]


def opened(where: str, ring: Path) -> privet.Deployment:
    return privet.open(where, policy="pack:shop", keyring=f"file:{ring}", sync="OFF")


def write(where: str, ring: str, rounds: int) -> None:
    """What another process does: events, each exactly once, and people who come anew."""
    with opened(where, Path(ring)) as shop:
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for n in range(rounds):
            for name in PEOPLE:
                assert web.record(name, "view", event_id=f"w{n}", item="kettle").new
                assert not web.record(name, "view", event_id=f"w{n}", item="kettle").new
            shop.subject(f"new{n}", proof="t").consent.answer(
                {PURPOSE: True}, notice="1", how="web"
            )
            assert web.record(f"new{n}", "view", event_id="1", item="kettle").new


def test_rotations_are_seen_by_nobody(where: str, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    shop = opened(where, ring)
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    for name in PEOPLE:
        shop.subject(name, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for name in PEOPLE:
        web.record(name, "view", event_id="first", item="kettle")
    code = (
        "import importlib.util as util, sys; spec = util.spec_from_file_location('m', sys.argv[1]);"
        "m = util.module_from_spec(spec); spec.loader.exec_module(m);"
        "m.write(sys.argv[2], sys.argv[3], 4)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, __file__, where, str(ring)])
    wrong: list[str] = []

    def read() -> None:
        with opened(where, ring) as mine:
            reader = mine.principal("web", roles=["storefront"]).purpose(PURPOSE)
            while child.poll() is None:
                for name in PEOPLE:
                    try:
                        if reader.record(name, "view", event_id="first", item="kettle").new:
                            wrong.append("what was sealed before was not found")
                    except PrivetError as error:
                        wrong.append(error.reason)

    thread = threading.Thread(target=read)
    thread.start()
    keys, rounds = shop.principal("ops", roles=["operator"]).keys, 0
    try:
        while child.poll() is None:
            keys.rotate("kek")
            keys.rotate("index")
            keys.rotate("signing")
            keys.rotate_subject(PEOPLE[rounds % len(PEOPLE)])
            keys.end_epoch()
            rounds += 1
    finally:
        thread.join()
    assert child.returncode == 0
    assert rounds
    # Somebody else's write between read and write is tried again so many times, then refused.
    assert set(wrong) <= {"store.contended"}
    assert shop.maintenance.check().ok
    assert len(list(ring.glob("*.key"))) == 1
    assert None not in shop._parts.subjects.find([*PEOPLE, *(f"new{n}" for n in range(4))])
    assert [e.state for e in keys.status().epochs].count("active") == 1
    shop.close()


@pytest.mark.parametrize("what", ["kek", "index", "signing"])
def test_two_who_rotate_at_once_end_with_one_of_each(where: str, tmp_path: Path, what: str) -> None:
    ring = tmp_path / "ring"
    first, second = opened(where, ring), opened(where, ring)
    for name in PEOPLE:
        first.subject(name, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
    wrong: list[str] = []

    def rotate(shop: privet.Deployment) -> None:
        for _ in range(3):
            try:
                shop.principal("ops", roles=["operator"]).keys.rotate(what)  # type: ignore[arg-type]
            except PrivetError as error:
                if error.reason != "store.busy":  # another one is rotating
                    wrong.append(f"{error.reason}: {error}")

    threads = [threading.Thread(target=rotate, args=(shop,)) for shop in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert -1 not in first.maintenance.run().values()
    status = first.principal("ops", roles=["operator"]).keys.status()
    assert not status.under_way
    assert len(list(ring.glob("*.key"))) == 1
    assert second._parts.subjects.find(PEOPLE) == list(range(1, len(PEOPLE) + 1))
    assert first.maintenance.check().ok
    for shop in (first, second):
        shop.close()
