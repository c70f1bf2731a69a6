"""One store put back to an older copy: replayed, or refused, never believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.audit.verifier import verify_certificate
from privet.gate import artifact, catchup, erasing, grounds
from privet.recommend import ItemItem, Popularity
from privet.recommend.codec import unpack

PURPOSE = "recommendations"


def copied(stall: Any, store: str) -> Path:
    """A copy of one store, taken while nothing is open."""
    stall.close()
    home = Path(stall.where)
    copy = home.parent / f"{store}.copy"
    shutil.copyfile(home / f"{store}.db", copy)
    return copy


def put_back(stall: Any, copy: Path) -> None:
    stall.close()
    home = Path(stall.where)
    for suffix in ("-wal", "-shm"):
        (home / f"{copy.stem}.db{suffix}").unlink(missing_ok=True)
    # In place: another file would be another accident.
    (home / f"{copy.stem}.db").write_bytes(copy.read_bytes())


def keys_of(shop: privet.Deployment, sno: int) -> list[int]:
    with shop._parts.home.keys.read() as tx:
        return [int(r[0]) for r in tx.all("SELECT dom FROM subject_key WHERE sno = ?", (sno,))]


def left_of(shop: privet.Deployment, sno: int) -> int:
    with shop._parts.home.data.read() as tx:
        return sum(
            len(tx.all(f"SELECT 1 FROM {table} WHERE sno = ?", (sno,)))
            for table in ("cell", "head", "contribution", "ledger", "ground")
        )


def test_grounds_newer_than_the_data_store_are_replayed(stall: Any) -> None:
    shop = stall.stocked()
    copy = copied(stall, "data")
    shop = stall.open()
    shop.subject("p0", proof="t").consent.withdraw(PURPOSE)
    shop.principal("desk", roles=["privacy-desk"]).consent.restrict("p1", reason="evidence")
    put_back(stall, copy)
    again = stall.open()
    assert again.subject("p0", proof="t").consent.state()[PURPOSE] == "withdrawn"
    web = again.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert not web.recommend("p0", model="pairs").personal
    assert not web.recommend("p1", model="pairs").personal


@pytest.mark.parametrize("held", [False, True])
def test_an_erasure_newer_than_the_data_store_is_done_again(stall: Any, *, held: bool) -> None:
    shop = stall.stocked()
    if held:
        stall.buy(shop, "p1")
    (sno,) = shop._parts.subjects.find(["p1"])
    copy = copied(stall, "data")
    first = stall.open().subject("p1", proof="t").rights.erase()
    put_back(stall, copy)
    again = stall.open()
    web = again.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for person in ("p0", "p1"):  # the model of the copy cannot be opened any more
        assert not web.recommend(person, model="pairs").personal
    assert again.maintenance.overdue()["erasures"] == 1
    again.maintenance.run()
    assert again.maintenance.overdue()["erasures"] == 0
    if not held:
        assert left_of(again, sno) == 0
        assert keys_of(again, sno) == []
    with again._parts.home.data.read() as tx:
        rows = tx.all("SELECT id, state, certificate FROM request")
    assert [(r[0], r[1]) for r in rows] == [(first.receipt, "held" if held else "done")]
    assert verify_certificate(bytes(rows[0][2])).ok
    version = stall.train(again, "popular", Popularity(event="view", least=1))
    assert version.subjects == 3


def test_without_the_replay_the_erased_stand_there_again(
    stall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stall.stocked()
    (sno,) = shop._parts.subjects.find(["p1"])
    copy = copied(stall, "data")
    stall.open().subject("p1", proof="t").rights.erase()
    put_back(stall, copy)
    monkeypatch.setattr(catchup, "catch_up", lambda *_: 0)
    again = stall.open()
    again.maintenance.run()
    assert left_of(again, sno) > 0


def test_a_log_older_than_the_data_store_is_refused(stall: Any) -> None:
    stall.stocked()
    copy = copied(stall, "audit")
    stall.open().subject("p0", proof="t").consent.withdraw(PURPOSE)
    put_back(stall, copy)
    with pytest.raises(privet.PrivetError) as caught:
        stall.open()
    assert caught.value.reason == "log.behind"


def test_a_keys_store_older_than_the_last_enrolment_is_refused(stall: Any) -> None:
    """Its next newcomer would inherit another's number and history."""
    stall.stocked()
    copy = copied(stall, "keys")
    stall.join(stall.open(), "newcomer")
    put_back(stall, copy)
    with pytest.raises(privet.StoreUnavailable) as caught:
        stall.open()
    assert caught.value.reason == "keys.behind"


def test_a_keys_store_older_than_the_enrolment_of_somebody_erased_is_refused(stall: Any) -> None:
    stall.stocked()
    copy = copied(stall, "keys")
    shop = stall.open()
    stall.join(shop, "newcomer")
    shop.subject("newcomer", proof="t").rights.erase()
    put_back(stall, copy)
    with pytest.raises(privet.StoreUnavailable) as caught:
        stall.open()
    assert caught.value.reason == "keys.behind"


@pytest.mark.parametrize("held", [False, True])
def test_keys_that_came_back_after_an_erasure_are_destroyed_before_any_door_opens(
    stall: Any, *, held: bool
) -> None:
    shop = stall.stocked()
    if held:
        stall.buy(shop, "p1")
    (sno,) = shop._parts.subjects.find(["p1"])
    copy = copied(stall, "keys")
    shop = stall.open()
    shop.subject("p1", proof="t").rights.erase()
    after = keys_of(shop, sno)
    put_back(stall, copy)
    again = stall.open()
    assert keys_of(again, sno) == after
    assert bool(after) == held
    with pytest.raises(privet.Erased):  # kept out again as well
        again.principal("web", roles=["storefront"]).consent.begin("p1", "orders")
    web = again.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert not web.recommend("p1", model="pairs").personal
    version = stall.train(again, "pairs", ItemItem(event="view", floor=1))
    assert version.subjects == 3


def test_a_model_whose_key_is_gone_is_taken_away_and_trained_anew(stall: Any) -> None:
    shop = stall.stocked()
    (version,) = artifact.versions(shop._parts, PURPOSE, "pairs")
    shop._parts.keys.destroy_model_key(version.model, version.version)
    stall.close()
    again = stall.open()
    assert artifact.versions(again._parts, PURPOSE, "pairs") == []
    web = again.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert not web.recommend("p0", model="pairs").personal
    fresh = stall.train(again, "pairs", ItemItem(event="view", floor=1))
    assert fresh.subjects == 4
    again.subject("p0", proof="t").rights.erase()
    (now,) = artifact.versions(again._parts, PURPOSE, "pairs")
    assert now.subjects == 3


MOMENTS: dict[str, Callable[[privet.Deployment], Any]] = {
    "an answer": lambda s: s.subject("new", proof="t").consent.answer(
        {PURPOSE: True}, notice="n", how="web", event_id="once"
    ),
    "a withdrawal": lambda s: s.subject("p0", proof="t").consent.withdraw(PURPOSE),
    "an erasure": lambda s: s.subject("p0", proof="t").rights.erase(),
    "a contract": lambda s: s.principal("web", roles=["storefront"]).consent.begin("p0", "orders"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_leaf_whose_projection_was_cut_off_is_applied_at_the_next_opening(
    market: Any, stop_at: Callable[..., None], stopped: type[BaseException], moment: str
) -> None:
    """A crash between the audit commit and the data commit loses nothing and doubles nothing."""
    shop = market.stocked()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grounds, "catch_up", lambda *_: (_ for _ in ()).throw(stopped()))
        patch.setattr(erasing, "catch_up", lambda *_: (_ for _ in ()).throw(stopped()))
        with pytest.raises(stopped):
            MOMENTS[moment](shop)
    size = shop._parts.log.size()
    again = market.open()
    with again._parts.home.data.read() as tx:
        assert again._parts.ledger.position(tx) >= size - 1
    if moment == "an answer":
        MOMENTS[moment](again)  # the client tries again: who she is is known by now
        assert again.subject("new", proof="t").consent.state()[PURPOSE] == "active"
        told = again.subject("new", proof="t").rights.access()
        assert told["ids"] == ["new"]
    elif moment == "a withdrawal":
        assert again.subject("p0", proof="t").consent.state()[PURPOSE] == "withdrawn"
    elif moment == "a contract":
        assert again.subject("p0", proof="t").consent.state()["orders"] == "active"
    else:
        web = again.principal("web", roles=["storefront"]).purpose(PURPOSE)
        assert not web.recommend("p0", model="pairs").personal
        again.maintenance.run()
        with again._parts.home.data.read() as tx:
            ((state, certificate),) = tx.all("SELECT state, certificate FROM request")
        assert state == "done"
        assert json.loads(bytes(certificate))["certificate"]["models"]


def test_an_id_is_kept_where_enrolment_was_cut_off_before_it_was_sealed(
    market: Any, stopped: type[BaseException]
) -> None:
    shop = market.stocked(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grounds, "seal_private", lambda *_: (_ for _ in ()).throw(stopped()))
        with pytest.raises(stopped):
            market.join(shop, "new")
    again = market.open()
    market.join(again, "new")
    assert again.subject("new", proof="t").rights.access()["ids"] == ["new"]


def test_sums_after_a_rollback_are_those_of_who_is_left(stall: Any) -> None:
    stall.stocked()
    copy = copied(stall, "data")
    stall.open().subject("p1", proof="t").consent.withdraw(PURPOSE)
    put_back(stall, copy)
    again = stall.open()
    again.maintenance.run()
    version = stall.train(again, "popular", Popularity(event="view", least=1))
    state = unpack(artifact.load(again._parts, version.version)[1]).state
    assert int(state.arrays["people"][0]) == 3
