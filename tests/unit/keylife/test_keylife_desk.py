"""What the desk of keys does is permitted, recorded, and seen by every process."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import privet
from privet.audit.signing import predecessors
from privet.audit.verifier import verify_certificate, verify_directory, verify_receipt
from privet.errors import AccessDenied, InvalidInput, UnknownSubject
from privet.gate import indexing, keylife
from privet.maintenance import CALLER

PURPOSE = "recommendations"


@pytest.fixture
def again(where: str, tmp_path: Path, clock):
    made = []

    def opened() -> privet.Deployment:
        shop = privet.open(
            where, policy="pack:shop", keyring=f"file:{tmp_path / 'ring'}", clock=clock, sync="OFF"
        )
        made.append(shop)
        return shop

    yield opened
    for shop in made:
        shop.close()


def agrees(shop: privet.Deployment, name: str | int):
    return shop.subject(name, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")


def desk(shop: privet.Deployment, role: str = "operator"):
    return shop.principal("ops", roles=[role]).keys


def tasks(shop: privet.Deployment) -> list[str]:
    return [
        str(body.get("task", body["kind"]))
        for _, body in shop._parts.log.leaves(0, 1000)
        if body.get("subject") == "keys"
    ]


def test_only_who_administers_may_touch_keys(again) -> None:
    shop = again()
    agrees(shop, "ada")
    for role in ("storefront", "trainer", "auditor"):
        other = desk(shop, role)
        for act in (
            other.status,
            other.terms,
            other.end_epoch,
            lambda other=other: other.rotate("kek"),
            lambda other=other: other.rotate_subject("ada"),
        ):
            with pytest.raises(AccessDenied):
                act()
    assert desk(shop).status().index == (1,)
    assert tasks(shop) == []


def test_everything_is_recorded_before_it_is_done(again) -> None:
    shop = again()
    agrees(shop, "ada")
    keys = desk(shop)
    keys.rotate("kek")
    keys.rotate("index")
    keys.rotate("signing")
    keys.end_epoch()
    keys.terms(every_days=7)
    keys.rotate_subject("ada")
    assert tasks(shop) == ["rewrapping", "index", "key.signing", "rotation", "key-terms"]
    accesses = [body.get("task") for _, body in shop._parts.log.leaves(0, 1000) if body.get("set")]
    assert accesses.count("index") == 2
    assert accesses.count("rekeying") == 1
    with pytest.raises(InvalidInput):
        keys.rotate("all")  # type: ignore[arg-type]
    with pytest.raises(UnknownSubject):
        keys.rotate_subject("nobody")
    for days in (0, -1, 4000, True, "7"):
        with pytest.raises(InvalidInput):
            keys.terms(every_days=days)  # type: ignore[arg-type]


def test_an_epoch_lasts_as_long_as_is_set_and_dates_are_kept(again, clock) -> None:
    shop = again()
    keys = desk(shop)
    due = keys.status().terms.due
    assert keys.terms(every_days=90).terms.due == due
    clock.advance(timedelta(days=29))
    assert shop.maintenance.run()["epochs"] == 0
    clock.advance(timedelta(days=1))
    assert shop.maintenance.overdue()["epochs"] == 1
    assert shop.maintenance.run()["epochs"] == 1
    found = keys.status()
    assert found.index == (2,)
    assert found.terms.due == found.epochs[-1].began + 90 * 86_400_000_000
    sooner = keys.terms(every_days=2).terms.due
    assert sooner < found.terms.due


def test_a_new_key_signs_in_every_process_and_the_chain_is_followed(again, tmp_path: Path) -> None:
    shop, other = again(), again()
    agrees(shop, "ada")
    old = shop._parts.log.vkey
    before = other.principal("aud", roles=["auditor"]).audit
    checkpoint = before.export(tmp_path / "before") and other._parts.log.checkpoint()
    for _ in range(2):
        desk(shop).rotate("signing")
    new = shop._parts.log.vkey
    assert new != old
    receipt = agrees(other, "bob")
    assert other._parts.log.vkey == new
    assert verify_receipt(receipt.document, vkey=new).ok
    erasure = other.subject("bob", proof="t").rights.erase()
    assert verify_certificate(erasure.certificate, vkey=new).ok
    before.export(tmp_path / "export")
    before.export(tmp_path / "before")  # an export of before is brought up to date
    assert verify_directory(tmp_path / "before", vkey=new).ok
    for vkey in (old, new, None):
        assert verify_directory(tmp_path / "export", vkey=vkey, anchor=checkpoint).ok
    with shop._parts.home.audit.read() as tx:
        keys = predecessors(tx, shop._parts.log.verifier)
    assert [key.vkey for key in keys][-1] == old
    assert len(keys) == 2
    assert shop._parts.keys.own.versions("signing") == [3]
    # What was signed once is shown to be a beginning of the log still.
    assert other._parts.log.prove_growth(checkpoint)["hashes"]
    assert again()._parts.log.vkey == new


@pytest.mark.parametrize("step", ["made", "recorded"])
def test_a_new_signing_key_is_put_in_force_by_whoever_comes_next(
    again, monkeypatch, step: str
) -> None:
    shop = again()
    agrees(shop, "ada")
    old = shop._parts.log.vkey
    target = shop._parts.log if step == "made" else shop._parts.keys
    name = "succeed" if step == "made" else "drop_secrets"
    with monkeypatch.context() as patched:
        patched.setattr(target, name, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk(shop).rotate("signing")
    other = again()
    agrees(other, "bob")
    assert (other._parts.log.vkey == old) == (step == "made")
    assert other.maintenance.run()["epochs"] == 1
    assert other._parts.log.vkey != old
    assert other._parts.keys.own.versions("signing") == [2]
    agrees(shop, "eve")
    assert shop._parts.log.vkey == other._parts.log.vkey
    assert tasks(shop) == ["key.signing"]


def test_ids_of_both_types_are_renewed_and_held_people_stay_held(again) -> None:
    shop = again()
    for name in ("7", 7, "ada"):
        agrees(shop, name)
    before = shop._parts.subjects.find(["7", 7, "ada"])
    progress: list[tuple[int, int]] = []
    indexing.begin(shop._parts)
    assert indexing.go_on(shop._parts, CALLER, lambda *n: progress.append(n))
    assert progress == [(3, 3)]
    assert again()._parts.subjects.find(["7", 7, "ada", "8"]) == [*before, None]


def test_who_does_not_open_holds_up_nobody_else(again) -> None:
    shop = again()
    for name in ("ada", "bob", "eve"):
        agrees(shop, name)
    (bob,) = shop._parts.subjects.find(["bob"])
    dom = shop._parts.vault._room.layouts.dom("identity")
    with shop._parts.home.data.write() as tx:
        tx.run("DELETE FROM cell WHERE sno = ? AND dom = ?", (bob, dom))
    keylife.end_epoch(shop._parts, CALLER)
    found = desk(shop).status()
    assert [e.state for e in found.epochs] == ["destroyed", "active"]
    assert (found.index, found.unrenewed) == ((1, 2), 1)
    assert again()._parts.subjects.find(["ada", "bob", "eve"]) == [1, 2, 3]
    assert shop._parts.subjects.enrol(["bob"]) == ([2], [])  # she comes by
    assert shop.maintenance.run()["epochs"] == 1
    assert desk(shop).status().index == (2,)
    assert again()._parts.subjects.find(["ada", "bob", "eve"]) == [1, 2, 3]


def test_a_number_that_nothing_is_known_of_is_let_go(again) -> None:
    shop = again()
    agrees(shop, "ada")
    shop._parts.subjects.enrol(["ghost"])  # a process died before she was introduced
    keylife.end_epoch(shop._parts, CALLER)
    assert desk(shop).status().index == (2,)
    assert shop._parts.subjects.find(["ghost"]) == [None]
    agrees(shop, "ghost")
    assert shop._parts.subjects.find(["ghost"]) == [3]


def test_an_erasure_keeps_out_by_the_id_itself(again) -> None:
    shop = again()
    agrees(shop, "ada")
    shop.subject("ada", proof="t").rights.erase()
    with shop._parts.home.keys.read() as tx:
        assert tx.all("SELECT ver FROM suppressed") == [(0,)]
    keylife.end_epoch(shop._parts, CALLER)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for one in (shop, again()):
        assert one._parts.subjects.suppressed(["ada"]) == [True]
    with pytest.raises(privet.PrivetError):
        web.record("ada", "view", event_id="1", item="kettle")
    assert shop._parts.keys.own.versions("ref") == [2]


def test_status_tells_no_secret(again) -> None:
    shop = again()
    text = repr(desk(shop).status()) + json.dumps(str(shop._parts.keys.terms()))
    for name in ("ref", "signing", "suppress"):
        assert shop._parts.keys.secret(name).hex() not in text
        assert repr(shop._parts.keys.secret(name)) not in text
