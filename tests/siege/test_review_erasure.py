"""Erasures: what a hold leaves behind, what a certificate claims, who else is at it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.clock import micros
from privet.consent import Change
from privet.deployment import Deployment, open_deployment
from privet.errors import Erased
from privet.gate import erasing, grounds, register, subject
from privet.maintenance import CALLER
from privet.policy import load
from privet.recommend import Popularity
from privet.testing import agrees

PURPOSE = "recommendations"


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """A shop without floors: Ada and Bea bought, looked, and are in a model."""
    texts = load("pack:shop").documents
    (tmp_path / "data.yaml").write_text(texts["data"])
    (tmp_path / "policy.yaml").write_text(texts["policy"].replace("least: 5", "least: 1"))
    with open_deployment(
        tmp_path / "home",
        policy=tmp_path,
        keyring=f"file:{tmp_path / 'k'}",
        clock=clock,
        sync="OFF",
    ) as shop:
        shop.principal("o", roles=["operator"]).admin.load_items([{"item": "kettle", "text": "k"}])
        for person in ("ada", "bea"):
            agrees(shop, person, "orders", PURPOSE)
            buy(shop, person)
        trainer = shop.principal("t", roles=["trainer"]).purpose(PURPOSE)
        spec = Popularity(event="purchase", least=1)
        trainer.models.serve(trainer.models.train("popular", spec))
        yield shop


def buy(shop: Deployment, person: str) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose("orders")
    web.record(person, "purchase", item="kettle", order="1", quantity=1, value="2.00")


def sno_of(shop: Deployment, person: str) -> int:
    (sno,) = shop._parts.subjects.find([person])
    assert sno is not None
    return sno


def told(erasure: register.Erasure) -> dict[str, Any]:
    certificate: dict[str, Any] = json.loads(erasure.certificate)["certificate"]
    return certificate


def erase(shop: Deployment, person: str) -> register.Erasure:
    return shop.principal("dpo", roles=["privacy-desk"]).rights.erase(person)


def test_a_hold_keeps_no_key_of_what_models_kept(store: Deployment) -> None:
    ada = sno_of(store, "ada")
    assert PURPOSE in store._parts.vault.keyed_domains([ada])[ada]
    assert erase(store, "ada").state == "held"
    assert store._parts.vault.keyed_domains([ada])[ada] == {"orders/hold", "identity"}


def test_a_certificate_says_gone_of_what_was_there_and_is_not(store: Deployment) -> None:
    ada = sno_of(store, "ada")
    certificate = told(erase(store, "ada"))
    assert set(certificate["gone"]) >= {PURPOSE, "ledger"}
    assert not {"newsletter", "identity", "orders/hold"} & set(certificate["gone"])
    with store._parts.home.data.read() as tx:
        assert store._parts.ledger.entries(tx, ada) == []


def test_the_certificate_after_a_hold_tells_the_whole(store: Deployment, clock: Any) -> None:
    first = told(erase(store, "ada"))
    clock.advance(timedelta(days=365 * 12))
    assert store.maintenance.run()["holds"] == 1
    with store._parts.home.data.read() as tx:
        (row,) = tx.all("SELECT certificate FROM request")
    last = json.loads(bytes(row[0]))["certificate"]
    assert last["models"] == first["models"] != []
    assert last["held"] == []
    assert set(last["gone"]) >= {*first["gone"], "orders/hold", "identity"}


def test_a_certificate_does_not_name_the_number(store: Deployment) -> None:
    document = json.loads(erase(store, "ada").certificate)
    record = json.loads(base64.b64decode(document["inclusion"]["record"]))
    assert record["kind"] == "erase.held"
    assert not {"sno", "set"} & record.keys()


def test_somebody_without_any_data_is_erased(store: Deployment) -> None:
    store.principal("web", roles=["storefront"]).consent.begin("cleo", "orders")
    erasure = erase(store, "cleo")
    assert erasure.state == "done"
    assert told(erasure)["held"] == told(erasure)["models"] == []
    assert set(told(erasure)["gone"]) <= {"identity", "evidence", "ledger"}
    assert store.maintenance.overdue()["erasures"] == 0


def test_two_who_go_on_with_one_erasure_leave_it_done(
    store: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, inside = erasing._destroy, []

    def overtaken(parts: Any, requests: Any, *rest: Any) -> None:
        if not inside:
            inside.append(requests)
            # Another process, which was quicker.
            erasing.resume(parts, CALLER, [one.receipt for one in requests])
            monkeypatch.setattr(erasing, "emptied", lambda _parts: False)
        real(parts, requests, *rest)

    store.principal("web", roles=["storefront"]).consent.begin("cleo", "orders")
    monkeypatch.setattr(erasing, "_destroy", overtaken)
    assert erase(store, "cleo").state == "pending"
    assert register.pending(store._parts) == []
    assert -1 not in store.maintenance.run().values()


def test_one_erasure_that_cannot_be_finished_holds_no_other_up(
    store: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in ("ada", "bea"):
        monkeypatch.setattr(erasing, "emptied", lambda _parts: False)
        assert erase(store, person).state == "pending"
    monkeypatch.undo()
    ada, real = sno_of(store, "ada"), erasing._look_through

    def broken(parts: Any, sno: int, allowed: set[str]) -> None:
        if sno == ada:
            raise Erased("stands for any failure")
        real(parts, sno, allowed)

    monkeypatch.setattr(erasing, "_look_through", broken)
    assert store.maintenance.run()["erasures"] == -1
    assert len(register.pending(store._parts)) == 1


def test_a_change_that_was_under_way_leaves_no_row_after_the_erasure(store: Deployment) -> None:
    parts, ada = store._parts, sno_of(store, "ada")
    erase(store, "ada")
    late = Change(sno=ada, purpose=PURPOSE, kind="yes", at=micros(parts.clock.now()))
    grounds._commit(parts, CALLER, [(ada, late)])
    with parts.home.data.read() as tx:
        assert parts.ledger.entries(tx, ada) == []
        assert parts.ledger.position(tx) == parts.log.size() - 1


def test_an_id_linked_during_an_erasure_leads_nowhere(
    store: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.principal("web", roles=["storefront"]).consent.begin("cleo", "orders")
    parts, cleo = store._parts, sno_of(store, "cleo")
    real = parts.subjects.alias

    def late(handle: Any, sno: int) -> None:
        erase(store, "cleo")
        real(handle, sno)

    monkeypatch.setattr(parts.subjects, "alias", late)
    desk = store.principal("dpo", roles=["privacy-desk"])._caller
    with pytest.raises(Erased):
        subject.link(parts, desk, cleo, "cookie-1")
    assert parts.subjects.find(["cookie-1"]) == [None]


@pytest.fixture
def wider(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """A law that holds a field of the profile as well."""
    texts = load("pack:shop").documents
    (tmp_path / "data.yaml").write_text(texts["data"])
    held = "fields: [purchase.order,"
    assert held in texts["policy"]
    (tmp_path / "policy.yaml").write_text(
        texts["policy"].replace(held, "fields: [profile.email, purchase.order,")
    )
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        tmp_path / "home", policy=tmp_path, keyring=keyring, clock=clock, sync="OFF"
    ) as shop:
        shop.principal("o", roles=["operator"]).admin.load_items([{"item": "kettle", "text": "k"}])
        agrees(shop, "ada", "orders")
        yield shop


@pytest.mark.parametrize("what", ["purchase", "profile"])
def test_a_law_holds_whichever_of_its_events_there_is(wider: Deployment, what: str) -> None:
    if what == "purchase":
        buy(wider, "ada")
    else:
        web = wider.principal("web", roles=["storefront"]).purpose("orders")
        web.describe("ada", email="ada@example.com")
    erasure = erase(wider, "ada")
    assert erasure.state == "held"
    desk = wider.principal("dpo", roles=["privacy-desk"])
    kept = desk.rights.access("ada")
    assert kept["events"]["purchase"] if what == "purchase" else kept["profile"]["email"]


def test_a_law_that_finds_nothing_of_hers_holds_nothing(wider: Deployment) -> None:
    assert erase(wider, "ada").state == "done"
