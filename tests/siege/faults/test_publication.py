"""Whatever outlives a read is published: nobody who left in between is in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import privet
from privet.clock import SystemClock
from privet.gate import artifact, publication, read
from privet.recommend import ItemItem, Popularity, mapping
from privet.recommend.codec import unpack

PURPOSE = "recommendations"
SPECS = {"pairs": ItemItem(event="view", floor=1), "popular": Popularity(event="view", least=1)}


def state(shop: privet.Deployment, name: str) -> dict[str, np.ndarray]:
    newest = artifact.versions(shop._parts, PURPOSE, name)[-1]
    return dict(unpack(artifact.load(shop._parts, newest.version)[1]).state.arrays)


def withdraws(shop: privet.Deployment) -> None:
    shop.subject("p1", proof="t").consent.withdraw(PURPOSE)


def erased(shop: privet.Deployment) -> None:
    shop.subject("p1", proof="t").rights.erase()


def wavers(shop: privet.Deployment) -> None:
    """Withdraws and agrees again: she has a ground, but what was kept of her is gone."""
    shop.subject("p1", proof="t").consent.withdraw(PURPOSE)
    shop.subject("p1", proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")


def restricts(shop: privet.Deployment) -> None:
    shop.principal("desk", roles=["privacy-desk"]).consent.restrict("p1", reason="evidence")


LEAVES = [withdraws, erased, wavers, restricts]
MOMENTS = {
    "between the last chunk and publishing": (publication, "publish"),
    "between narrowing and the transaction that publishes": (publication, "seal"),
}


@pytest.mark.parametrize(("moment", "name"), list(zip(MOMENTS, SPECS, strict=True)))
@pytest.mark.parametrize("leaves", LEAVES, ids=lambda f: f.__name__)
def test_nobody_who_left_while_a_model_was_trained_is_in_it(
    market: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    moment: str,
    leaves: Callable[[privet.Deployment], None],
) -> None:
    shop = market.stocked()
    other = market.open()
    owner, function = MOMENTS[moment]
    real, left = getattr(owner, function), []

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        if not left:
            left.append(True)
            leaves(other)
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, function, meanwhile)
        desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
        version = desk.models.train(name, SPECS[name])
    assert left
    assert version.subjects == 3
    without_her = market.train(other, name, SPECS[name])
    assert version.digest != b""
    if leaves is not wavers:
        assert without_her.digest == version.digest or without_her.spec != version.spec
        for array, values in state(other, name).items():
            np.testing.assert_array_equal(values, state(shop, name)[array])
    others_gone(other, name, without_her)


def others_gone(shop: privet.Deployment, name: str, version: privet.Version) -> None:
    """What is kept is what was summed: everybody can still leave."""
    for person in ("p0", "p1", "p2", "p3"):
        if shop._parts.subjects.find([person])[0] is not None:
            shop.subject(person, proof="t").rights.erase()
    for values in state(shop, name).values():
        assert not values.any()


def test_without_narrowing_again_a_withdrawn_person_is_published(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule taken away: grounds as they stood when the run began."""
    shop = market.stocked()
    other = market.open()
    real = publication.publish

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        withdraws(other)
        ledger = shop._parts.ledger
        monkeypatch.setattr(ledger, "eligible", lambda tx, purposes, now, among=None: among)
        monkeypatch.setattr(publication, "contributors", lambda *_: args[2].subjects, raising=True)
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(publication, "publish", meanwhile)
        desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
        assert desk.models.train("pairs", SPECS["pairs"]).subjects == 4


def test_a_run_that_maintenance_gave_up_publishes_nothing(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stall.stocked()
    real = publication.publish

    def late(*args: Any, **kwargs: Any) -> Any:
        stall.clock.advance(timedelta(hours=7))
        stall.open().maintenance.run()
        return real(*args, **kwargs)

    before = artifact.versions(shop._parts, PURPOSE)
    monkeypatch.setattr(publication, "publish", late)
    desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    with pytest.raises(privet.ModelUnavailable) as caught:
        desk.models.train("pairs", SPECS["pairs"])
    assert caught.value.reason == "model.run-ended"
    assert artifact.versions(shop._parts, PURPOSE) == before
    with shop._parts.home.data.read() as tx:
        assert tx.all("SELECT id FROM run") == []


# --- lists -----------------------------------------------------------------------------------


def served_until(erasure: privet.Erasure) -> float:
    models = json.loads(erasure.certificate)["certificate"]["models"]
    return min(datetime.fromisoformat(m["served_until"]).timestamp() for m in models)


def test_lists_of_many_people_are_not_held_back_past_the_time_in_a_certificate(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first chunk is ready long before the last one: all of it is of one moment."""
    stall.clock = SystemClock()
    shop, other = stall.stocked(), stall.open()
    monkeypatch.setattr(read, "CHUNK", 2)
    real, opened, erasures = read.Reading.open, [0], []

    def slow(self: Any, snos: Any, inspect: Any = None) -> Any:
        opened[0] += 1
        if opened[0] == 2:  # the first chunk's lists are made, with her in the model
            erasures.append(other.subject("p3", proof="t").rights.erase())
            time.sleep(1.05)
        return real(self, snos, inspect)

    monkeypatch.setattr(read.Reading, "open", slow)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    served = {v.version for v in artifact.versions(shop._parts, PURPOSE)}
    lists = web.recommend_many([f"p{n}" for n in range(4)], model="pairs")
    returned = time.time()
    assert returned > served_until(erasures[0])
    assert not {p.version for p in lists.values()} & served
    assert not lists["p3"].personal
    assert lists["p0"].personal


def test_without_the_last_look_an_old_list_is_returned_late(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "timely", lambda began: True)
    monkeypatch.setattr(read.Reading, "in_pieces", False)
    with pytest.raises(AssertionError):
        test_lists_of_many_people_are_not_held_back_past_the_time_in_a_certificate(
            stall, monkeypatch
        )


def test_a_model_that_is_removed_while_a_worker_maps_it_is_mapped_anew(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = market.stocked(), market.open()
    real, left = artifact.load, []

    def overtaken(parts: Any, version: int) -> Any:
        if not left:
            left.append(True)
            erased(other)
        return real(parts, version)

    monkeypatch.setattr(artifact, "load", overtaken)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert web.recommend("p0", model="pairs").personal
    assert left


def test_a_withdrawal_is_not_kept_waiting_by_readers(market: Any) -> None:
    """Readers and removals pass each other: no deadlock, every withdrawal is acknowledged."""
    shop, other = market.stocked(8), market.open()
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    stop, faults = threading.Event(), []

    def serve() -> None:
        while not stop.is_set():
            try:
                web.recommend_many([f"p{n}" for n in range(8)], model="pairs")
            except privet.ModelUnavailable as error:
                if error.reason != "model.moving":
                    faults.append(error)
            except Exception as error:
                faults.append(error)

    readers = [threading.Thread(target=serve) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(6):
        other.subject(f"p{n}", proof="t").consent.withdraw(PURPOSE)
        assert not web.recommend(f"p{n}", model="pairs").personal
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
