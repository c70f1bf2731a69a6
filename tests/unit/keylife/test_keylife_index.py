"""While the index is renewed a look-up finds a person at any moment, and nobody becomes two."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from privet.clock import micros
from privet.db import Home, locate, open_stores
from privet.errors import Erased, InvalidInput
from privet.vault import FileKeyring, Keys, Renewing, Subjects
from privet.vault import renewing as room

DAY = 86_400_000_000
NAMES = [f"user{n}" for n in range(40)]


class Shop:
    """One process's index over a home."""

    def __init__(self, home: Home, clock, place: Path) -> None:
        self.keys = Keys(home.keys, FileKeyring(place, clock), home.deployment, clock)
        self.keys.initialise()
        self.subjects = Subjects(home.keys, self.keys, clock)
        self.renewing = Renewing(self.keys, clock)
        self.sealed: dict[int, list[str | int]] = {}

    def enrol(self, *names: str | int) -> list[int | None]:
        snos, _ = self.subjects.enrol(names)
        for sno, name in zip(snos, names, strict=True):
            if sno is not None:
                self.sealed.setdefault(sno, [name])
        return snos

    def ids(self, snos: Sequence[int]) -> dict[int, list[str | int]]:
        return {sno: self.sealed[sno] for sno in snos if sno in self.sealed}

    def renew(self) -> bool:
        self.renewing.begin()
        lacking = self.renewing.renew(self.ids, lambda _: None)
        done = self.renewing.complete(lacking.partly)
        if done:
            self.renewing.sweep()
        return done

    def rows(self) -> list[tuple[int, int]]:
        with self.keys.store.read() as tx:
            return tx.all("SELECT ver, COUNT(*) FROM subject_ref GROUP BY ver ORDER BY ver")


@pytest.fixture
def another(home: Home, clock, tmp_path: Path):
    return lambda: Shop(home, clock, tmp_path / "ring")


@pytest.fixture
def shop(another) -> Shop:
    return another()


def test_everybody_is_found_by_every_process_before_between_and_after(shop, another) -> None:
    other = another()
    snos = shop.enrol(*NAMES, 7)
    assert other.subjects.find(NAMES) == snos[:-1]
    shop.subjects.alias("card 1", snos[0])
    shop.sealed[snos[0]].append("card 1")
    shop.renewing.begin()
    between = shop.enrol("between")
    for one in (shop, other, another()):
        assert one.subjects.find([*NAMES, 7, "card 1", "between"]) == [*snos, snos[0], *between]
    assert shop.rows() == [(1, 43), (2, 1)]
    assert shop.renew()
    assert shop.rows() == [(2, 43)]
    for one in (shop, other, another()):
        assert one.subjects.find([*NAMES, 7, "card 1", "between"]) == [*snos, snos[0], *between]
        assert one.subjects.find(["7"]) == [None]
        assert one.subjects.find([NAMES[3]]) == [snos[3]]
    assert shop.keys.own.versions("ref") == [2]


def test_a_process_that_knows_the_first_version_alone_writes_both(shop, another) -> None:
    stale = another()
    stale.enrol("ada")
    shop.renewing.begin()
    (sno,) = stale.enrol("bob")
    assert shop.subjects.find(["bob"]) == [sno]
    shop.sealed[1] = ["ada"]
    assert shop.renew()
    assert stale.subjects.find(["ada", "bob"]) == [1, sno]
    assert stale.enrol("ada", "bob", "eve") == [1, sno, sno + 1]


@pytest.mark.parametrize("step", ["begin", "renew", "complete", "sweep"])
def test_a_renewal_goes_on_after_any_of_its_steps(shop, another, monkeypatch, step: str) -> None:
    monkeypatch.setattr(room, "CHUNK", 7)
    snos = shop.enrol(*NAMES)
    shop.renewing.begin()
    if step == "renew":
        with pytest.raises(ZeroDivisionError):
            shop.renewing.renew(shop.ids, lambda n: 1 / 0)
        assert shop.renewing.left() == len(NAMES) - 7
    if step in {"complete", "sweep"}:
        shop.renewing.renew(shop.ids, lambda _: None)
        assert shop.renewing.complete()
    if step == "sweep":
        monkeypatch.setattr(room, "CHUNK", 1000)
    other = another()
    other.sealed = shop.sealed
    assert other.subjects.find(NAMES) == snos
    if len(other.renewing.live()) > 1:
        assert other.renew()
    other.renewing.tidy()
    assert other.subjects.find(NAMES) == snos
    assert other.rows() == [(2, len(NAMES))]
    assert other.keys.own.versions("ref") == [2]


def test_who_has_no_id_sealed_keeps_the_first_version_until_the_next_visit(shop, another) -> None:
    (ada, bob) = shop.enrol("ada", "bob")
    del shop.sealed[bob]
    assert not shop.renew()
    assert [version.number for version in shop.renewing.live()] == [1, 2]
    assert another().subjects.find(["ada", "bob"]) == [ada, bob]
    assert another().subjects.enrol(["bob"]) == ([bob], [])  # she comes by
    assert shop.renew()
    assert another().subjects.find(["ada", "bob"]) == [ada, bob]


def test_who_was_passed_over_is_made_sure_of_before_she_is_known(shop, another) -> None:
    (sno,) = shop.enrol("ada")
    shop.renewing.begin()
    lacking = shop.renewing.renew(lambda _: {}, lambda _: None)
    assert lacking.unknown == [sno]
    assert shop.renewing.complete(lacking.unknown)
    shop.renewing.sweep()
    assert shop.subjects.find(["ada"]) == [None]
    another().subjects.secure({sno: "ada"})
    assert shop.subjects.find(["ada"]) == [sno]


def test_the_erased_stay_kept_out_whatever_becomes_of_the_index(shop, another, clock) -> None:
    (ada, bob) = shop.enrol("ada", "bob")
    until = micros(clock.now()) + 400 * DAY
    shop.subjects.suppress(ada, until, "r1", ["ada"])
    shop.subjects.suppress(bob, until, "r2")  # her ids are not known any more
    for sno in (ada, bob):
        shop.subjects.drop_refs(sno, held=False)
    for _ in range(3):
        assert shop.renew()
        for one in (shop, another()):
            assert one.subjects.suppressed(["ada", "bob", "eve"]) == [True, True, False]
            assert one.subjects.enrol(["ada", "bob"]) == ([None, None], [])
            for name in ("ada", "bob"):
                with pytest.raises(Erased):
                    one.subjects.alias(name, 99)
    # The mark that was made of a tag keeps that tag's key; the other one needs no index.
    assert shop.keys.own.versions("ref") == [1, 4]
    assert shop.renewing.kept_for_marks() == until
    assert shop.subjects.lift("bob")
    assert not shop.subjects.lift("bob")
    assert shop.renew()
    assert shop.keys.own.versions("ref") == [5]
    assert another().subjects.suppressed(["ada", "bob"]) == [True, False]
    clock.advance(timedelta(days=401))
    assert another().subjects.suppressed(["ada"]) == [False]


def test_a_mark_that_ran_out_keeps_no_key(shop, clock) -> None:
    (ada,) = shop.enrol("ada")
    shop.subjects.suppress(ada, micros(clock.now()) + DAY, "r")
    shop.subjects.drop_refs(ada, held=False)
    assert shop.renew()
    assert shop.keys.own.versions("ref") == [1, 2]
    clock.advance(timedelta(days=2))
    shop.renewing.tidy()
    assert shop.keys.own.versions("ref") == [2]


def test_links_end_in_both_versions(shop, another) -> None:
    (ada, bob, eve) = shop.enrol("ada", "bob", "eve")
    shop.renewing.begin()
    shop.renewing.renew(shop.ids, lambda _: None)
    shop.subjects.drop("ada")
    another().subjects.drop_refs(bob, held=False)
    with pytest.raises(InvalidInput):
        shop.subjects.alias("eve", ada)
    assert shop.rows() == [(1, 1), (2, 1)]
    shop.renewing.complete()
    assert another().subjects.find(["ada", "bob", "eve"]) == [None, None, eve]


def test_an_id_that_leads_elsewhere_by_now_is_not_brought_back(shop) -> None:
    """The sealed id of one person must not take over another's link."""
    (ada, bob) = shop.enrol("ada", "bob")
    shop.sealed[ada].append("bob")
    assert shop.renew()
    assert shop.subjects.find(["ada", "bob"]) == [ada, bob]


def enrol_all(where: str, place: str, rounds: int) -> None:
    """What another process does: it enrols the same people, again and again."""
    from privet.clock import SystemClock

    stores = open_stores(locate(where), "OFF")
    shop = Shop(stores, SystemClock(), Path(place))
    for _ in range(rounds):
        for start in range(0, len(NAMES), 4):
            assert None not in shop.enrol(*NAMES[start : start + 4])
            assert None not in shop.subjects.find(NAMES[start : start + 4])
            assert shop.subjects.find([NAMES[start]]) != [None]
    stores.close()


def test_two_processes_make_no_twins_while_the_index_is_renewed(
    shop: Shop, another, where: str, tmp_path: Path
) -> None:
    code = (
        "import importlib.util as util, sys; spec = util.spec_from_file_location('m', sys.argv[1]);"
        "m = util.module_from_spec(spec); spec.loader.exec_module(m);"
        "m.enrol_all(sys.argv[2], sys.argv[3], int(sys.argv[4]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, __file__, where, str(tmp_path / "ring"), "4"]
    )
    wrong: list[str] = []

    def enrol() -> None:
        mine = another()
        while child.poll() is None:
            for name in NAMES[::-1]:
                if mine.enrol(name) == [None] or mine.subjects.find([name]) == [None]:
                    wrong.append(name)

    thread = threading.Thread(target=enrol)
    thread.start()
    while child.poll() is None:
        snos = shop.subjects.find(NAMES)
        shop.sealed = {s: [n] for s, n in zip(snos, NAMES, strict=True) if s is not None}
        shop.renew()
    thread.join()
    assert (child.returncode, wrong) == (0, [])
    found = shop.subjects.find(NAMES)
    assert sorted(found) == list(range(1, len(NAMES) + 1))  # one number each, and no other
    assert another().subjects.high_water() == len(NAMES)
