"""Many people erased at once: each as if alone, in as few commits as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.audit.verifier import verify_certificate
from privet.deployment import Deployment, open_deployment
from privet.errors import UnknownSubject
from privet.gate import artifact, erasing, register
from privet.policy import load
from privet.recommend import Popularity
from privet.testing import agrees

PURPOSE = "recommendations"
BUYERS = ("ada", "bea", "cleo")
OTHERS = ("dora", "eva", "fay")
LEAVING = ("ada", "dora", "eva")


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    texts = load("pack:shop").documents
    (tmp_path / "data.yaml").write_text(texts["data"])
    (tmp_path / "policy.yaml").write_text(texts["policy"].replace("least: 5", "least: 1"))
    with open_deployment(
        where, policy=tmp_path, keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        stock(opened, (*BUYERS, *OTHERS))
        yield opened


def stock(opened: Deployment, people: tuple[str, ...]) -> None:
    """The people look at things, some buy what a law has held, and all are in a model."""
    desk = opened.principal("o", roles=["operator"]).admin
    desk.load_items([{"item": name, "text": name} for name in ("kettle", "lamp")])
    web = opened.principal("web", roles=["storefront"])
    for person in people:
        agrees(opened, person, "orders", PURPOSE)
        item = "kettle" if person < "d" else "lamp"
        web.purpose(PURPOSE).record(person, "view", event_id=f"v-{person}", item=item)
        if person in BUYERS:
            web.purpose("orders").record(
                person, "purchase", item=item, order=person, quantity=1, value="2.00"
            )
    models = opened.principal("t", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train("popular", Popularity(event="view", least=1)))


def desk(shop: Deployment) -> Any:
    return shop.principal("dpo", roles=["privacy-desk"]).rights


def state(shop: Deployment) -> bytes:
    (version,) = artifact.versions(shop._parts, PURPOSE)
    return artifact.load(shop._parts, version.version)[1]


def test_each_of_many_is_erased_as_if_alone(shop: Deployment) -> None:
    found = desk(shop).erase_many(LEAVING)
    assert [one.state for one in found] == ["held", "done", "done"]
    for one in found:
        assert verify_certificate(one.certificate).ok
        told = json.loads(one.certificate)["certificate"]
        assert told["receipt"] == one.receipt
        assert [model["name"] for model in told["models"]] == ["popular"]
        assert bool(told["held"]) == (one.state == "held")
    for person in LEAVING[1:]:
        with pytest.raises(UnknownSubject):
            desk(shop).access(person)
    assert desk(shop).access("bea")["events"]["view"]
    assert shop.maintenance.check().ok


def test_the_model_is_what_it_is_after_one_erasure_each(
    shop: Deployment, tmp_path: Path, clock: Any
) -> None:
    desk(shop).erase_many(LEAVING)
    with open_deployment(
        tmp_path / "other",
        policy=tmp_path,
        keyring=f"file:{tmp_path / 'k2'}",
        clock=clock,
        sync="OFF",
    ) as other:
        stock(other, (*BUYERS, *OTHERS))
        for person in LEAVING:
            desk(other).erase(person)
        assert state(other) == state(shop)


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
def test_a_batch_takes_as_many_commits_as_one(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GDPR Art. 12(3) sets a month; what bounds a mass erasure is the disk's pace."""
    from privet.db.store import Store

    counted: list[str] = []
    commit = Store.committed

    def noted(store: Store) -> None:
        counted.append(store.name)
        commit(store)

    monkeypatch.setattr(Store, "committed", noted)
    desk(shop).erase("fay")
    alone = len(counted)
    assert alone <= 15
    counted.clear()
    desk(shop).erase_many(LEAVING)
    assert len(counted) <= alone + 1  # what a law holds is noted as well
    assert counted[:3] == ["data", "audit", "data"]  # fenced from here on


def test_who_is_named_twice_is_erased_once(shop: Deployment) -> None:
    first, second = desk(shop).erase_many(["dora", "dora"])
    assert first == second
    assert verify_certificate(first.certificate).ok


def test_where_one_is_unknown_nobody_is_erased(shop: Deployment) -> None:
    with pytest.raises(UnknownSubject):
        desk(shop).erase_many(["dora", "nobody"])
    assert desk(shop).access("dora")["events"]["view"]
    assert register.pending(shop._parts) == []


@pytest.mark.parametrize("step", ["_fence", "subtract", "_decided", "_destroy", "emptied"])
def test_a_batch_that_stopped_is_finished_by_maintenance(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole = getattr(erasing, step)

    def died(*args: Any) -> None:
        whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasing, step, died)
        with pytest.raises(KeyboardInterrupt):
            desk(shop).erase_many(LEAVING)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert not any(web.recommend(person).personal for person in LEAVING)
    assert -1 not in shop.maintenance.run().values()
    with shop._parts.home.data.read() as tx:
        rows = tx.all("SELECT state, certificate FROM request ORDER BY state")
    assert [str(row[0]) for row in rows] == ["done", "done", "held"]
    assert all(verify_certificate(bytes(row[1])).ok for row in rows)
    assert shop.maintenance.check().ok


def test_one_that_does_not_end_holds_no_other_up(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dora,) = shop._parts.subjects.find(["dora"])
    look = erasing._look_through

    def broken(parts: Any, sno: int, allowed: set[str]) -> None:
        if sno == dora:
            raise UnknownSubject("stands for any failure")
        look(parts, sno, allowed)

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_look_through", broken)
        with pytest.raises(UnknownSubject):
            desk(shop).erase_many(LEAVING)
        assert shop.maintenance.run()["erasures"] == -1
        assert len(register.pending(shop._parts)) == 1
    shop.maintenance.run()
    assert register.pending(shop._parts) == []
