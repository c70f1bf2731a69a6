"""Accidents that were seen to happen, each with the rule that prevents it."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.clock import SystemClock
from privet.db import open_stores
from privet.db.home import locate
from privet.db.store import Store
from privet.vault import Keys, Vault

PURPOSE = "recommendations"


# --- process locks ---------------------------------------------------------------------------

LIFE = """
import sys
from pathlib import Path
opened = []
def hook(event, args):
    if event == "open" and isinstance(args[0], (str, bytes, Path)):
        name = args[0].decode() if isinstance(args[0], bytes) else str(args[0])
        if ".db" in name and name.endswith((".db", "-wal", "-shm")):
            opened.append(name)
sys.addaudithook(hook)
import privet
from privet.recommend import Popularity
where, policy, out = sys.argv[1:]
with privet.open(where, policy=policy, sync="OFF") as shop:
    shop.principal("o", roles=["operator"]).admin.load_items([{"item": "a", "title": "a"}])
    me = shop.subject("ada", proof="t")
    me.consent.answer({"recommendations": True}, notice="n", how="web")
    web = shop.principal("w", roles=["storefront"]).purpose("recommendations")
    web.record("ada", "view", event_id="1", item="a")
    desk = shop.principal("n", roles=["trainer"]).purpose("recommendations")
    desk.models.serve(desk.models.train("p", Popularity(event="view", least=1)))
    web.recommend("ada")
    me.rights.export(out + "/mine.json")
    me.rights.erase()
    shop.maintenance.run()
    shop.principal("a", roles=["auditor"]).audit.export(out + "/log")
print(opened)
"""


def test_no_store_file_is_opened_but_by_the_database(tmp_path: Path, shop_policy: Path) -> None:
    """Closing any descriptor of a file drops all of a process's locks on it."""
    script = tmp_path / "life.py"
    script.write_text(LIFE)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "home", shop_policy, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_scan_of_a_store_file_lets_a_second_writer_in(stall: Any) -> None:
    """The accident itself, with SQLite's own locks alone."""
    stall.stocked(1)
    stall.close()
    database = str(Path(stall.where) / "data.db")
    first = sqlite3.connect(database, isolation_level=None)
    first.execute("BEGIN IMMEDIATE")
    second = textwrap.dedent(f"""
        import sqlite3
        c = sqlite3.connect({database!r}, isolation_level=None, timeout=0)
        try:
            c.execute("BEGIN IMMEDIATE")
            print("in")
        except sqlite3.OperationalError:
            print("out")
    """)

    def other() -> str:
        found = subprocess.run([sys.executable, "-c", second], capture_output=True, text=True)
        return found.stdout.strip()

    assert other() == "out"
    with open(f"{database}-shm", "rb") as file:  # what a careless scan does
        file.read()
    assert other() == "in"
    first.close()


# --- checkpoints under readers ---------------------------------------------------------------


def test_an_erasure_stays_pending_while_a_reader_holds_the_log_back(stall: Any) -> None:
    shop, other = stall.stocked(), stall.open()
    with other._parts.home.data.read() as tx:
        tx.one("SELECT 1 FROM head")
        began = time.monotonic()
        pending = shop.subject("p1", proof="t").rights.erase()
        took = time.monotonic() - began
        assert pending.state == "pending"
        assert not pending.certificate
        assert shop.maintenance.overdue()["erasures"] == 1
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        assert not web.recommend("p1", model="pairs").personal
    assert took < 3, "a checkpoint that waits for readers makes every writer wait"
    shop.maintenance.run()
    assert shop.maintenance.overdue()["erasures"] == 0
    for store in ("data", "keys", "audit"):
        wal = Path(stall.where) / f"{store}.db-wal"
        assert not wal.exists() or wal.stat().st_size == 0 or store == "audit"


def test_a_writer_hardly_waits_for_a_checkpoint_that_readers_hold_back(stall: Any) -> None:
    shop, other = stall.stocked(1), stall.open()
    store = other._parts.home.data
    with shop._parts.home.data.read() as tx:
        tx.one("SELECT 1 FROM head")
        with store.write() as writing:
            writing.run("UPDATE meta SET value = value")
        began = time.monotonic()
        assert not store.truncate_log()
        assert time.monotonic() - began < 1
    assert store.truncate_log()


def test_without_the_answer_of_the_checkpoint_deleted_bytes_stay(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = stall.stocked(), stall.open()
    with other._parts.home.keys.read() as tx:
        (wrapped,) = tx.all("SELECT wrapped FROM subject_key WHERE sno = 2 LIMIT 1")[0]
        monkeypatch.setattr(Store, "truncate_log", lambda self: True)
        monkeypatch.setattr(Store, "vacuum", lambda self: None)
        assert shop.subject("p1", proof="t").rights.erase().state == "done"
        files = Path(stall.where).glob("keys.db*")
        assert any(bytes(wrapped) in _bytes_by_child(f) for f in files)


def _bytes_by_child(path: Path) -> bytes:
    return subprocess.run(["cat", path], capture_output=True, check=True).stdout


# --- twins -----------------------------------------------------------------------------------


def _enrol(where: str, keyring: str, start: Any, found: Any) -> None:
    shop = privet.open(where, keyring=keyring, sync="OFF")
    start.wait()
    for n in range(25):
        shop.subject(f"twin-{n}", proof="t").consent.answer(
            {PURPOSE: True}, notice="n", how="web", event_id="e"
        )
    found.put(shop._parts.subjects.find([f"twin-{n}" for n in range(25)]))
    shop.close()


def test_processes_that_enrol_one_person_at_once_make_one_subject(market: Any) -> None:
    market.clock = SystemClock()  # as the workers have
    market.open()
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_enrol, args=(market.where, f"file:{market.keyring}", start, found))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    answers = [found.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert answers.count(answers[0]) == 3
    assert sorted(answers[0]) == list(range(1, 26))
    shop = market.open()
    assert shop._parts.subjects.high_water() == 25
    for n in (0, 24):
        person = shop.subject(f"twin-{n}", proof="t")
        assert person.rights.access()["ids"] == [f"twin-{n}"]
        given = [g for g in person.rights.access()["grounds"] if g["purpose"] == PURPOSE]
        assert len(given) >= 1


def test_without_the_counters_lock_twins_are_made(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule taken away: tags looked up before the lock, never again under it."""
    from privet.vault import subjects

    shop = stall.open()
    real = subjects.lookup

    def blind(tx: Any, column: str, table: str, tags: Any) -> Any:
        return {} if table == "subject_ref" else real(tx, column, table, tags)

    monkeypatch.setattr(subjects, "lookup", blind)
    first, second = (shop._parts.subjects.enrol(["ada"])[1] for _ in range(2))
    assert first != second


# --- forks -----------------------------------------------------------------------------------


def test_a_handle_carried_across_a_fork_is_refused_and_the_parents_goes_on(market: Any) -> None:
    shop = market.stocked(1)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answers = []
        for attempt in (
            lambda: web.recommend("p0"),
            lambda: web.record("p0", "view", event_id="f", item="item-0"),
            lambda: shop.subject("p0", proof="t").consent.withdraw(PURPOSE),
            shop.maintenance.run,
            shop.close,
        ):
            try:
                attempt()
                answers.append("done")
            except privet.HandleInvalid as error:
                answers.append(error.reason)
            except BaseException as error:
                answers.append(type(error).__name__)
        os.write(writing, ",".join(answers).encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 1000).decode().split(",")
    assert set(said) == {"handle.forked"}, said
    assert web.recommend("p0", model="pairs").personal


def test_a_child_that_ends_does_not_let_go_of_its_parents_lock(stall: Any) -> None:
    shop = stall.stocked(1)
    with shop._parts.home.data.write() as tx:
        tx.run("UPDATE meta SET value = value WHERE key = 'schema'")
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        script = (
            "import fcntl, os, sys\n"
            "fd = os.open(sys.argv[1], os.O_RDWR)\n"
            "try:\n fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n print('free')\n"
            "except BlockingIOError:\n print('held')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, Path(stall.where) / "data.lock"],
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == "held"


def test_a_child_that_lives_does_not_keep_its_parents_lock(stall: Any) -> None:
    """flock belongs to the open file, which a child shares: the child lets go of its copy."""
    shop = stall.stocked(1)
    reading, writing = os.pipe()
    with shop._parts.home.data.write() as tx:
        tx.run("UPDATE meta SET value = value WHERE key = 'schema'")
        child = os.fork()
        if child == 0:
            os.read(reading, 1)
            os._exit(0)
    other = open_stores(locate(stall.where), "OFF")
    with other.data.write() as tx:
        tx.run("UPDATE meta SET value = value WHERE key = 'schema'")
    other.close()
    os.write(writing, b"x")
    os.waitpid(child, 0)


# --- the delayed 'yes' -----------------------------------------------------------------------


def test_a_yes_that_was_given_before_the_last_withdrawal_is_refused(market: Any) -> None:
    shop = market.stocked(1)
    person = shop.subject("p0", proof="t")
    (asked,) = person.consent.ask([PURPOSE])
    person.consent.withdraw(PURPOSE)
    with pytest.raises(privet.StaleAnswer) as caught:
        person.consent.answer({PURPOSE: True}, notice="n", how="web", seen=asked["seen"])
    assert caught.value.code == "ground.stale"
    assert person.consent.state()[PURPOSE] == "withdrawn"
    (again,) = person.consent.ask([PURPOSE])
    person.consent.answer({PURPOSE: True}, notice="n", how="web", seen=again["seen"])
    assert person.consent.state()[PURPOSE] == "active"


def test_a_late_yes_that_slipped_past_the_check_has_no_effect(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes at once: it was checked before, and recorded after, the withdrawal."""
    shop, other = market.stocked(1), market.open()
    person = shop.subject("p0", proof="t")
    (asked,) = person.consent.ask([PURPOSE])
    real, left = shop._parts.log.append, []

    def overtaken(entries: Any) -> Any:
        if not left and entries[0].redo:
            left.append(True)
            other.subject("p0", proof="t").consent.withdraw(PURPOSE)
        return real(entries)

    monkeypatch.setattr(shop._parts.log, "append", overtaken)
    person.consent.answer({PURPOSE: True}, notice="n", how="web", seen=asked["seen"])
    assert left
    assert person.consent.state()[PURPOSE] == "withdrawn"
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert not web.recommend("p0", model="pairs").personal


# --- keys are read after the data ------------------------------------------------------------


def test_whoever_is_erased_between_the_rows_and_the_keys_is_not_released(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = market.stocked(), market.open()
    real, left = Vault.open, []

    def overtaken(self: Any, warrant: Any, fetched: Any) -> Any:
        if not left and "item" in fetched.plan.fields:
            left.append(True)
            other.subject("p1", proof="t").rights.erase()
        return real(self, warrant, fetched)

    (sno,) = shop._parts.subjects.find(["p1"])
    monkeypatch.setattr(Vault, "open", overtaken)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    lists = web.recommend_many(["p0", "p1"], model="pairs")
    assert left
    assert lists["p0"].personal
    assert len(lists["p1"]) == 0 or not lists["p1"].personal
    assert sno is not None


def test_with_keys_read_before_the_rows_an_erased_person_is_released(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule taken away: keys of an earlier snapshot open what was erased since."""
    shop, other = stall.stocked(), stall.open()
    parts = shop._parts
    (sno,) = parts.subjects.find(["p1"])
    doms = sorted(parts.vault._room.layouts.domains.values())
    early = parts.keys.of_subjects([sno], doms)
    real, left = Vault.open, []

    def overtaken(self: Any, warrant: Any, fetched: Any) -> Any:
        if not left:
            left.append(True)
            other.subject("p1", proof="t").rights.erase()
        return real(self, warrant, fetched)

    monkeypatch.setattr(Vault, "open", overtaken)
    monkeypatch.setattr(Keys, "of_subjects", lambda *_: early)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert any(p.because for p in web.recommend("p1", model="pairs"))


def test_threads_of_one_process_share_a_home(market: Any) -> None:
    shop = market.stocked(2)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    faults: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for n in range(15):
                web.record("p0", "view", event_id=f"t{worker}-{n}", item="item-1")
                web.recommend("p1", model="pairs")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(shop.subject("p0", proof="t").rights.access()["events"]["view"]) == 63
