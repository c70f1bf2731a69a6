"""``kill -9`` at any commit of any long work, then a restart: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import privet
from privet.audit.verifier import verify_certificate
from privet.db import Store
from privet.gate import artifact
from privet.vault import Vault

PURPOSE = "recommendations"
PEOPLE = 12
LEAVING = "p3"
POINTS = range(1, 40)


def _ingest(shop: privet.Deployment, place: Any) -> None:
    place.load(shop, PEOPLE)


def _train(shop: privet.Deployment, place: Any) -> None:
    place.train(shop)


def _withdraw(shop: privet.Deployment, place: Any) -> None:
    shop.subject(LEAVING, proof="t").consent.withdraw(PURPOSE)


def _erase(shop: privet.Deployment, place: Any) -> None:
    shop.principal("dpo", roles=["privacy-desk"]).rights.erase(LEAVING)


def _killed_at(told: Any, place: Any, work: Callable[..., None], point: int, after: bool) -> None:
    """Do the work, and die at the n-th transaction that writes: before or after its commit."""
    seen = 0
    real = Store.write

    @contextmanager
    def counted(self: Store) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        if seen == point and not after:
            with real(self) as tx:
                yield tx
                os.kill(os.getpid(), signal.SIGKILL)
        with real(self) as tx:
            yield tx
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    shop = place.open()
    Store.write = counted  # type: ignore[method-assign]
    work(shop, place)
    told.put("acknowledged")


def _every_kill(
    place: Any, in_child: Callable[..., Any], work: Callable[..., None]
) -> Iterator[tuple[bool, privet.Deployment]]:
    """The home after each kill, opened again: whether the work was acknowledged, and its shop."""
    home = place.root / "home"
    shutil.copytree(home, place.root / "before")
    for point in POINTS:
        for after in (False, True):
            shutil.rmtree(home)
            shutil.copytree(place.root / "before", home)
            process, told = in_child(_killed_at, place, work, point, after)
            process.join()
            acknowledged = not told.empty()
            with place.open() as shop:
                yield acknowledged, shop
        if acknowledged:
            return
    raise AssertionError("the work was never done without a kill: raise POINTS")


def _digests(shop: privet.Deployment) -> dict[str, str]:
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    return {v.name: v.digest.hex() for v in models.list() if v.state == "live"}


def _clean(place: Any, work: Callable[..., None]) -> dict[str, str]:
    """The models after the same work without a kill, in a copy of the home."""
    home = place.root / "home"
    shutil.copytree(home, place.root / "aside")
    with place.open() as shop:
        work(shop, place)
        digests = _digests(shop)
    shutil.rmtree(home)
    shutil.move(place.root / "aside", home)
    return digests


def test_a_load_that_was_killed_is_loaded_once(place, in_child) -> None:
    place.found(0)
    with place.open() as shop:
        for n in range(PEOPLE):
            shop.subject(f"p{n}", proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
    kills = 0
    for acknowledged, shop in _every_kill(place, in_child, _ingest):
        report = place.load(shop, PEOPLE)
        assert report.rows == report.sealed + report.repeated == PEOPLE * 4
        assert not acknowledged or report.sealed == 0
        desk = shop.principal("dpo", roles=["privacy-desk"]).rights
        for n in (0, PEOPLE - 1):
            assert len(desk.access(f"p{n}")["events"]["view"]) == 4
        kills += not acknowledged
    assert kills >= 4


def test_a_training_that_was_killed_can_be_repeated(place, in_child) -> None:
    place.found(PEOPLE)
    with place.open() as shop:
        before = _digests(shop)
    for _, shop in _every_kill(place, in_child, _train):
        assert _digests(shop).keys() == before.keys()
        place.train(shop)
        versions = artifact.versions(shop._parts, PURPOSE)
        assert len(versions) == 2
        assert all(v.subjects == PEOPLE for v in versions)
        shop.principal("dpo", roles=["privacy-desk"]).rights.erase(LEAVING)
        assert all(v.subjects == PEOPLE - 1 for v in artifact.versions(shop._parts, PURPOSE))


def test_a_withdrawal_that_was_killed_holds_or_never_was(place, in_child) -> None:
    place.found(PEOPLE)
    with place.open() as shop:
        before = _digests(shop)
    without = _clean(place, _withdraw)
    assert without != before
    outcomes = set()
    for acknowledged, shop in _every_kill(place, in_child, _withdraw):
        shop.maintenance.run()
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        personal = web.recommend(LEAVING).personal
        assert not (acknowledged and personal)
        assert _digests(shop) == (before if personal else without)
        outcomes.add(personal)
    assert outcomes == {True, False}


def test_an_erasure_that_was_killed_is_finished_by_maintenance(place, in_child) -> None:
    place.found(PEOPLE)
    with place.open() as shop:
        before = _digests(shop)
    without = _clean(place, _erase)
    outcomes = set()
    for acknowledged, shop in _every_kill(place, in_child, _erase):
        shop.maintenance.run()
        parts = shop._parts
        begun = parts.subjects.find([LEAVING]) == [None]
        assert begun or not acknowledged
        assert _digests(shop) == (without if begun else before)
        outcomes.add(begun)
        if begun:
            with parts.home.data.read() as tx:
                states = tx.all("SELECT state, certificate FROM request")
            assert [state for state, _ in states] == ["done"]
            assert verify_certificate(bytes(states[0][1]), vkey=parts.log.vkey).ok
    assert outcomes == {True, False}


def _opens_and_tells(told: Any, place: Any, seed: int) -> None:
    """Read, write and recommend without end; note every subject just before she is opened."""
    side = os.open(place.root / f"opened-{seed}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Vault, warrant: Any, what: Any, *rest: Any) -> Any:
            snos = what.snos if hasattr(what, "snos") else rest[-1]
            line = json.dumps([name, warrant.seq, sorted({int(s) for s in snos})]) + "\n"
            os.write(side, line.encode())
            os.fsync(side)
            return real(self, warrant, what, *rest)

        return call

    for name in ("open", "profiles", "prepare", "seal_many", "open_many"):
        setattr(Vault, name, watched(name, getattr(Vault, name)))
    chance = random.Random(seed)
    with place.open() as shop:
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        told.put("going")
        for n in range(100_000):
            who = f"p{chance.randrange(PEOPLE)}"
            web.record(who, "view", event_id=f"k{seed}-{n}", item="item-2")
            web.recommend(who, k=2)
            web.recommend_many([f"p{k}" for k in range(PEOPLE)], k=2)
            if n % 7 == 3:
                place.train(shop)


@pytest.mark.parametrize("seed", range(3))
def test_no_key_is_used_without_an_earlier_durable_record(place, in_child, seed) -> None:
    place.found(PEOPLE)
    process, told = in_child(_opens_and_tells, place, seed)
    assert told.get() == "going"
    time.sleep(0.3 + 0.4 * random.Random(seed).random())
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    lines = (place.root / f"opened-{seed}").read_text().splitlines()
    opened = [json.loads(line) for line in lines]
    assert {name for name, *_ in opened} >= {"open", "prepare"}
    with place.open() as shop:
        log = shop._parts.log
        bodies = dict(log.leaves(0, log.size()))
    for _, seq, snos in opened:
        assert set(snos) <= set(bodies[seq]["set"]["snos"])
