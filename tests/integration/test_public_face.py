"""Each promise of the public face, on both databases."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.audit.verifier import verify_certificate
from privet.db import Store
from privet.errors import (
    AccessDenied,
    ConsentMissing,
    Erased,
    HandleInvalid,
    InvalidInput,
    KeyUnavailable,
    ModelUnavailable,
    Objected,
    PrivetError,
    StaleAnswer,
    StoreUnavailable,
    UnknownSubject,
)
from privet.gate import catalogue, catchup, erasing
from privet.gate.record import entry
from privet.maintenance import CALLER
from privet.recommend import ContentTFIDF, Popularity
from privet.testing import agrees
from privet.types import FORGETTING

ITEMS = [
    {"item": "kettle", "text": "steel water kettle"},
    {"item": "teapot", "text": "steel teapot for tea water"},
    {"item": "lamp", "text": "desk lamp"},
    {"item": "bulb", "text": "bulb for a lamp"},
]
PICKS = ContentTFIDF(text=("text",), event="view")


@pytest.fixture
def opening(where: str, tmp_path: Path, clock: Any) -> Callable[..., privet.Deployment]:
    def open_it(policy: str | Path | None = "pack:shop") -> privet.Deployment:
        return privet.open(
            where, policy=policy, keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
        )

    return open_it


@pytest.fixture
def shop(opening: Callable[..., privet.Deployment]) -> Iterator[privet.Deployment]:
    with opening() as deployment:
        deployment.principal("ops", roles=["operator"]).admin.load_items(ITEMS)
        yield deployment


def web(shop: privet.Deployment) -> privet.Access:
    return shop.principal("web", roles=["storefront"]).purpose("recommendations")


def till(shop: privet.Deployment) -> privet.Access:
    return shop.principal("till", roles=["storefront"]).purpose("orders")


def trainer(shop: privet.Deployment) -> privet.Models:
    return shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models


def desk(shop: privet.Deployment) -> privet.Principal:
    return shop.principal("desk", roles=["privacy-desk"])


def looked(shop: privet.Deployment, who: str, *items: str) -> None:
    for item in items:
        web(shop).record(who, "view", event_id=f"{who}-{item}", item=item, dwell=2.5)


def bought(shop: privet.Deployment, who: str, order: str, item: str = "kettle") -> None:
    till(shop).record(who, "purchase", order=order, item=item, quantity=1, value="12.50")


def counted(shop: privet.Deployment) -> int:
    return sum(b["n"] for _, b in shop._parts.log.leaves(0, 10_000) if b["kind"] == "counted")


def reason_of(act: Callable[[], object]) -> str:
    with pytest.raises(PrivetError) as refusal:
        act()
    return refusal.value.reason


# --- recommending -----------------------------------------------------------------------


def test_a_list_is_personal_only_with_a_ground(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    assert web(shop).recommend("ada").why == "no model serves this purpose yet"
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    mine = web(shop).recommend("ada", k=2)
    assert (mine.personal, mine.why, [p.item for p in mine]) == (True, "", ["kettle", "teapot"])
    assert all(p.because and p.id for p in mine)
    assert mine.record > 0
    others = web(shop).recommend("bob", k=2)
    assert (others.personal, others.record, others.version) == (False, -1, 0)
    assert others.why == "no ground of this subject covers the purpose"
    assert len(others) == 2


def test_many_lists_are_one_record_and_the_others_are_counted(shop: privet.Deployment) -> None:
    for who in ("ada", "bob"):
        agrees(shop, who, "recommendations")
        looked(shop, who, "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    lists = web(shop).recommend_many(["ada", "zoe", "bob", "ada", "joe"], k=1)
    assert list(lists) == ["ada", "zoe", "bob", "joe"]
    assert [p.personal for p in lists.values()] == [True, False, True, False]
    assert lists["ada"].record == lists["bob"].record
    for _ in range(3):
        web(shop).recommend("zoe")
    shop.maintenance.run()
    assert counted(shop) == 5
    assert all("zoe" not in json.dumps(body) for _, body in shop._parts.log.leaves(0, 10_000))


def test_a_list_leaves_out_what_it_is_told_to(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    assert "kettle" not in [p.item for p in web(shop).recommend("ada", unseen=True)]
    among = web(shop).recommend("ada", among=["lamp", "teapot", "unheard of"])
    assert {p.item for p in among} <= {"lamp", "teapot"}
    general = web(shop).recommend("bob", among=["lamp"])
    assert [p.item for p in general] == ["lamp"]
    assert [p.item for p in web(shop).recommend("ada", among=[])] == []
    assert reason_of(lambda: web(shop).recommend("ada", among="lamp")) == "among.type"


@pytest.mark.parametrize("k", [0, -1, 1001, 2.5, None])
def test_a_list_has_a_length(shop: privet.Deployment, k: Any) -> None:
    assert reason_of(lambda: web(shop).recommend("ada", k=k)) == "k.range"


def test_a_list_as_of_an_instant_sees_nothing_later(shop: privet.Deployment, clock: Any) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    then = clock.now()
    clock.advance(timedelta(days=1))
    looked(shop, "ada", "lamp")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    now = {p.item for p in web(shop).recommend("ada", k=4)}
    before = [p.item for p in web(shop).recommend("ada", k=4, at=then)]
    assert "bulb" in now
    assert before[0] == "kettle"
    assert "bulb" not in before
    naive = datetime(2026, 1, 1)
    assert reason_of(lambda: web(shop).recommend("ada", at=naive)) == "time.naive"


def test_models_are_asked_for_by_name(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    names = ("text", "other")
    versions = {n: trainer(shop).train(n, PICKS) for n in names}
    for name in names:
        trainer(shop).serve(versions[name])
    assert web(shop).recommend("ada").version == versions["other"].version
    assert web(shop).recommend("ada", model="text").version == versions["text"].version
    assert web(shop).recommend("ada", model="none").why == "no model serves this purpose yet"


def test_an_empty_history_is_answered_as_personal(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "recommendations")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    mine = web(shop).recommend("ada")
    assert mine.personal
    assert mine.record > 0


def test_the_general_list_counts_a_least_cohort(shop: privet.Deployment) -> None:
    people = [f"p{i}" for i in range(6)]
    for who in people:
        agrees(shop, who, "recommendations")
        looked(shop, who, "lamp", *(["teapot"] if who < "p4" else []))
    assert (
        reason_of(lambda: trainer(shop).train("top", Popularity(event="view", least=4)))
        == "recommend.floor"
    )
    trainer(shop).serve(trainer(shop).train("top", Popularity(event="view", least=5)))
    general = web(shop).recommend("nobody")
    assert [p.item for p in general] == ["lamp"]
    assert not general.personal


# --- training, evaluating, serving ------------------------------------------------------


def test_each_step_of_a_model_needs_its_permit(shop: privet.Deployment) -> None:
    mine = web(shop).models
    version = trainer(shop).train("picks", PICKS)
    for act in (
        lambda: mine.train("picks", PICKS),
        lambda: mine.evaluate(version, cut=datetime(2026, 4, 1, tzinfo=UTC)),
        lambda: mine.serve(version),
    ):
        assert reason_of(act) in {"action.refused", "field.refused"}
    assert [v.state for v in trainer(shop).list()] == ["trained"]


def test_a_model_learns_only_permitted_fields(shop: privet.Deployment) -> None:
    spec = ContentTFIDF(text=("text",), event="purchase", item="value")
    with pytest.raises(AccessDenied) as refusal:
        trainer(shop).train("picks", spec)
    assert refusal.value.reason == "field.refused"


def test_an_evaluation_cannot_peek(shop: privet.Deployment, clock: Any) -> None:
    for who in ("ada", "bob"):
        agrees(shop, who, "recommendations")
        looked(shop, who, "kettle")
    cut = clock.now()
    clock.advance(timedelta(days=7))
    looked(shop, "ada", "teapot")
    late, early = (trainer(shop).train("picks", PICKS, until=u) for u in (None, cut))
    assert reason_of(lambda: trainer(shop).evaluate(late, cut=cut)) == "evaluate.peeking"
    forged = dataclasses.replace(late, spec={**late.spec, "until": 0})
    assert reason_of(lambda: trainer(shop).evaluate(forged, cut=cut)) == "evaluate.peeking"
    report = trainer(shop).evaluate(early, cut=cut)
    assert report.subjects == 2
    assert report.quality["new"].ndcg == 1.0
    assert {v.state for v in trainer(shop).list()} == {"trained", "evaluated"}


def test_an_evaluation_survives_a_withdrawal_between_its_reads(
    shop: privet.Deployment, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {who: agrees(shop, who, "recommendations") for who in ("ada", "bob", "zoe")}
    for who in people:
        looked(shop, who, "kettle")
    cut = clock.now()
    version = trainer(shop).train("picks", PICKS)
    clock.advance(timedelta(days=7))
    for who in ("bob", "zoe"):
        looked(shop, who, "teapot")
    from privet.gate.read import Reading

    opened, once = Reading.open, iter([people["ada"]])

    def then_she_leaves(self: Reading, *args: Any, **more: Any) -> Any:
        released = opened(self, *args, **more)
        for person in once:
            person.consent.withdraw("recommendations")
        return released

    monkeypatch.setattr(Reading, "open", then_she_leaves)
    report = trainer(shop).evaluate(version, cut=cut)
    assert report.subjects == 2
    assert report.quality["new"].ndcg == 1.0


def test_a_bulk_read_goes_on_when_the_last_of_a_chunk_leaves(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [agrees(shop, f"p{i}", "recommendations") for i in range(3)]
    for i in range(3):
        looked(shop, f"p{i}", "kettle")
    monkeypatch.setattr("privet.gate.read.CHUNK", 2)
    from privet.gate.read import Reading

    opened, once = Reading.open, iter([people[2]])

    def then_she_leaves(self: Reading, *args: Any, **more: Any) -> Any:
        released = opened(self, *args, **more)
        for person in once:
            person.consent.withdraw("recommendations")
        return released

    monkeypatch.setattr(Reading, "open", then_she_leaves)
    assert trainer(shop).train("top", Popularity(event="view", least=5)).subjects == 2


def test_serving_an_older_training_keeps_the_newer(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    first, second = (trainer(shop).train("picks", PICKS) for _ in range(2))
    trainer(shop).serve(first)
    trainer(shop).serve(second)
    assert web(shop).recommend("ada").version == second.version
    assert [v.version for v in trainer(shop).list()] == [second.version]
    assert reason_of(lambda: trainer(shop).serve(first)) == "model.superseded"
    cut = datetime(2027, 1, 1, tzinfo=UTC)
    assert reason_of(lambda: trainer(shop).evaluate(first, cut=cut)) == "model.superseded"


# --- withdrawal, objection, restriction -------------------------------------------------


def test_a_withdrawal_shreds_what_only_the_consent_covered(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations", "orders")
    looked(shop, "ada", "kettle")
    bought(shop, "ada", "1")
    top = Popularity(event="view", least=5)
    trainer(shop).serve(trainer(shop).train("top", top))
    assert ada.rights.access()["models"] == ["recommendations/top"]
    ada.consent.withdraw("recommendations")
    assert not web(shop).recommend("ada").personal
    told = ada.rights.access()
    assert (told["models"], told["events"]["view"]) == ([], [])
    assert len(told["events"]["purchase"]) == 1
    agrees(shop, "ada", "recommendations")
    assert ada.rights.access()["events"]["view"] == []


def test_a_delayed_yes_does_not_undo_a_withdrawal(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations")
    (asked,) = ada.consent.ask(["recommendations"])
    assert asked["ground"] == "consent"
    ada.consent.withdraw("recommendations")
    with pytest.raises(StaleAnswer):
        ada.consent.answer({"recommendations": True}, notice="n", how="web", seen=asked["seen"])
    assert ada.consent.state()["recommendations"] == "withdrawn"


def test_a_repeated_answer_changes_nothing(shop: privet.Deployment) -> None:
    ada = shop.subject("ada", proof="p")
    first, again = (
        ada.consent.answer({"recommendations": True}, notice="n", how="web", event_id="e")
        for _ in range(2)
    )
    assert (first.new, again.new, again.record) == (True, False, first.record)


def test_an_objection_stops_direct_marketing(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "newsletter")
    ada.consent.object("newsletter")
    assert ada.consent.state()["newsletter"] == "objected"
    assert desk(shop).consent.eligible(["ada", "bob"], "newsletter") == {"ada": False, "bob": False}


def test_a_restriction_keeps_everything_and_uses_nothing(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    desk(shop).consent.restrict("ada", reason="accuracy contested")
    assert ada.consent.state()["recommendations"] == "restricted"
    assert web(shop).recommend("ada").why == "the subject's data is restricted"
    with pytest.raises(Objected):
        looked(shop, "ada", "lamp")
    shop.maintenance.run()
    assert len(ada.rights.access()["events"]["view"]) == 1
    desk(shop).consent.lift("ada", reason="settled")
    assert web(shop).recommend("ada").personal


# --- retention --------------------------------------------------------------------------


def test_retention_holds_at_the_read_without_maintenance(
    shop: privet.Deployment, clock: Any
) -> None:
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    clock.advance(timedelta(days=300))
    agrees(shop, "ada", "recommendations")
    assert web(shop).recommend("ada", k=1)[0].item == "kettle"
    clock.advance(timedelta(days=120))
    assert shop.maintenance.overdue()["cells"] == 1
    assert not any("kettle" in p.because for p in web(shop).recommend("ada"))
    shop.maintenance.run()
    assert shop.maintenance.overdue()["cells"] == 0
    assert shop.subject("ada", proof="p").rights.access()["events"]["view"] == []


def test_a_consent_that_was_not_renewed_lapses(shop: privet.Deployment, clock: Any) -> None:
    ada = agrees(shop, "ada", "recommendations")
    clock.advance(timedelta(days=366))
    with pytest.raises(ConsentMissing) as refusal:
        looked(shop, "ada", "kettle")
    assert refusal.value.reason == "ground.lapsed"
    assert ada.consent.state()["recommendations"] == "lapsed"


# --- erasure ----------------------------------------------------------------------------


def test_an_erasure_without_a_hold_is_done(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations")
    agrees(shop, "bob", "recommendations")
    looked(shop, "ada", "kettle")
    looked(shop, "bob", "kettle")
    trainer(shop).serve(trainer(shop).train("top", Popularity(event="view", least=5)))
    plan = {(line.what, line.name): line.fate for line in ada.rights.plan()}
    assert plan["data", "recommendations/view"] == "destroyed"
    assert plan["model", "recommendations/top"] == "subtracted"
    erasure = ada.rights.erase()
    assert (erasure.state, erasure.held) == ("done", ())
    key = shop.principal("audit", roles=["auditor"]).audit.verifier_key
    assert verify_certificate(erasure.certificate, vkey=key).ok
    told = json.loads(erasure.certificate)["certificate"]
    assert told["models"][0]["before"] != told["models"][0]["after"]
    # As a word: three such letters also happen to stand in some hexadecimal digest.
    assert not re.search(r"(?<![\w+/=])ada(?![\w+/=])", erasure.certificate.decode())
    with pytest.raises(UnknownSubject):
        ada.rights.access()
    assert not web(shop).recommend("ada").personal
    assert trainer(shop).list()[0].subjects == 1


def test_the_erased_come_back_only_by_themselves(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations", "orders")
    ada.rights.erase()
    clerk = shop.principal("web", roles=["storefront"]).consent
    for act in (
        lambda: clerk.begin("ada", "orders"),
        lambda: desk(shop).consent.on_behalf(
            "ada", {"recommendations": True}, notice="n", channel="c", evidence="e"
        ),
    ):
        assert reason_of(act) == "subject.suppressed"
    frame = pd.DataFrame(
        {"subject": ["ada", "bob"], "purpose": "recommendations", "kind": "yes"}
    ).assign(at=shop._parts.clock.now())
    assert desk(shop).consent.load(frame, notice="n", channel="c", evidence="e") == 1
    agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "lamp")
    told = ada.rights.access()
    assert told["ids"] == ["ada"]
    assert [v["item"] for v in told["events"]["view"]] == ["lamp"]


def test_a_hold_ends_at_its_date(shop: privet.Deployment, clock: Any) -> None:
    ada = agrees(shop, "ada", "orders", "recommendations")
    bought(shop, "ada", "1")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("top", Popularity(event="view", least=5)))
    line, _identity = sorted(
        (p for p in ada.rights.plan() if p.fate == "held"), key=lambda p: p.name, reverse=True
    )
    assert line.law == "Keeping of tax records"
    erasure = desk(shop).rights.erase("ada", request="R-17")
    assert erasure.state == "held"
    assert erasure.held[0].until == line.until
    assert desk(shop).rights.erase("ada") == erasure
    held = desk(shop).rights.access("ada")
    assert (len(held["events"]["purchase"]), held["events"]["view"]) == (1, [])
    with pytest.raises(Erased):
        bought(shop, "ada", "2")
    shop.maintenance.run()
    assert desk(shop).rights.access("ada")["ids"] == ["ada"]
    clock.advance(timedelta(days=7 * 366))
    before = json.loads(erasure.certificate)["certificate"]["models"]
    assert shop.maintenance.run()["holds"] == 1
    with pytest.raises(UnknownSubject):
        desk(shop).rights.access("ada")
    (outcome,) = erasing.resume(shop._parts, CALLER, [erasure.receipt])
    assert outcome.state == "done"
    final = json.loads(outcome.certificate)["certificate"]
    assert (final["held"], final["models"]) == ([], before)
    assert verify_certificate(outcome.certificate).ok


def test_a_hold_does_not_end_on_a_busy_store(
    shop: privet.Deployment, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = agrees(shop, "ada", "orders")
    bought(shop, "ada", "1")
    receipt = ada.rights.erase().receipt
    clock.advance(timedelta(days=7 * 366))
    with monkeypatch.context() as busy:
        busy.setattr(Store, "truncate_log", lambda _: False)
        assert erasing.release_holds(shop._parts, CALLER) == 0
    assert erasing.resume(shop._parts, CALLER, [receipt])[0].state == "held"
    assert erasing.release_holds(shop._parts, CALLER) == 1


STEPS = ["_fence", "subtract", "_decided", "_destroy", "emptied", "_look_through", "_conclude"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_an_erasure_goes_on_from_wherever_it_stopped(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch, step: str, held: bool
) -> None:
    ada = agrees(shop, "ada", "orders", "recommendations")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("top", Popularity(event="view", least=5)))
    if held:
        bought(shop, "ada", "1")
    whole = getattr(erasing, step)

    def died(*args: Any) -> None:
        whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasing, step, died)
        with pytest.raises(KeyboardInterrupt):
            ada.rights.erase()
    assert not web(shop).recommend("ada").personal
    shop.maintenance.run()
    assert shop.maintenance.overdue()["erasures"] == 0
    (request,) = requests(shop)
    assert request[1] == ("held" if held else "done")
    assert verify_certificate(bytes(request[2])).ok
    assert json.loads(request[2])["certificate"]["models"][0]["name"] == "top"


def requests(shop: privet.Deployment) -> list[tuple[Any, ...]]:
    with shop._parts.home.data.read() as tx:
        return tx.all("SELECT id, state, certificate FROM request WHERE certificate IS NOT NULL")


# --- access -----------------------------------------------------------------------------


def test_access_tells_everything(shop: privet.Deployment, tmp_path: Path) -> None:
    ada = agrees(shop, "ada", "orders", "recommendations")
    till(shop).describe("ada", email="ada@example.com")
    bought(shop, "ada", "1", "unheard of")
    looked(shop, "ada", "kettle")
    trainer(shop).serve(trainer(shop).train("top", Popularity(event="view", least=5)))
    desk(shop).rights.link("ada", "cookie-1")
    told = ada.rights.access()
    assert told["ids"] == ["ada", "cookie-1"]
    assert told["profile"]["email"] == "ada@example.com"
    (purchase,) = told["events"]["purchase"]
    assert {k: v for k, v in purchase.items() if k != "at"} == {
        "item": "unheard of",
        "order": "1",
        "quantity": 1,
        "value": "12.50",
    }
    (view,) = told["events"]["view"]
    assert (view["item"], view["dwell"], view["event_id"]) == ("kettle", 2.5, "ada-kettle")
    assert [g["kind"] for g in told["grounds"]] == ["known", "begun", "yes"]
    assert {e.get("channel") for e in told["evidence"]} >= {"privet.testing"}
    assert {p["purpose"] for p in told["purposes"]} == set(shop.policy.purposes)
    assert told["models"] == ["recommendations/top"]
    assert {"write", "access", "ground"} <= {r["kind"] for r in told["reads"]}
    assert "who" not in {k for r in told["reads"] for k in r}
    assert told["controller"]["contact"] == "privacy@example.com"
    path = tmp_path / "ada.json"
    ada.rights.export(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["events"] == told["events"]
    assert reason_of(lambda: ada.rights.export(path)) == "export.path"
    assert shop.subject("cookie-1", proof="p").rights.access()["ids"] == told["ids"]


def test_history_names_who_was_read_and_not_by_name(shop: privet.Deployment) -> None:
    agrees(shop, "ada", "orders")
    till(shop).describe("ada", email="a@example.com")
    till(shop).profile("ada", "email")
    auditor = shop.principal("carl", roles=["auditor"]).audit
    reads = [r for r in auditor.history("ada") if r["kind"] == "access"]
    assert reads[0]["fields"] == ["profile.email"]
    assert reads[0]["who"].startswith("p-")
    assert reads[-1]["action"] == "prove"
    assert "carl" not in json.dumps(reads)


# --- administration ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"item": "a"}, {"item": "a"}], "items.repeated"),
        ([{"item": "a\x00"}], "id.characters"),
        ([{"item": None}], "field.type"),
        ([{"item": 1.0}], "field.type"),
        ([{"text": "no id"}], "items.columns"),
        ([{"item": "a", "text": ["list"]}], "items.text"),
    ],
)
def test_items_are_checked(shop: privet.Deployment, rows: list[Any], reason: str) -> None:
    admin = shop.principal("ops", roles=["operator"]).admin
    assert reason_of(lambda: admin.load_items(rows)) == reason
    assert shop.catalogue.ids == tuple(i["item"] for i in ITEMS)


def test_items_come_from_frames_with_gaps(shop: privet.Deployment) -> None:
    admin = shop.principal("ops", roles=["operator"]).admin
    frame = pd.DataFrame({"sku": [1, 2], "text": ["one", None], "colour": ["red", "blue"]})
    assert admin.load_items(frame, columns={"sku": "item"}) == 2
    assert shop.catalogue.ids[-2:] == ("1", "2")
    assert shop.catalogue.attributes["text"][-2:] == ("one", "")
    assert admin.load_items([{"item": "1", "text": "uno"}]) == 0
    with pytest.raises(AccessDenied):
        shop.principal("web", roles=["storefront"]).admin.load_items(ITEMS)


def test_two_loads_of_items_at_once_give_no_code_twice(shop: privet.Deployment) -> None:
    admin = shop.principal("ops", roles=["operator"]).admin
    together(
        *(
            lambda n=n: [admin.load_items([{"item": f"{n}-{i}"}]) for i in range(6)]
            for n in range(4)
        )
    )
    assert len(shop.catalogue.ids) == len(set(shop.catalogue.ids)) == len(ITEMS) + 24


def test_a_load_of_items_waits_for_another(shop: privet.Deployment) -> None:
    admin = shop.principal("ops", roles=["operator"]).admin
    with shop._parts.home.data.write() as tx:
        version = catalogue._next_version(tx)
        tx.run("INSERT INTO item (id, code, fields) VALUES ('first', ?, '{}')", (len(ITEMS),))
        other = meanwhile(lambda: admin.load_items([{"item": "second"}]))
        tx.run("UPDATE meta SET value = ? WHERE key = 'catalogue'", (b"%d" % version,))
    other()
    assert shop.catalogue.ids[-2:] == ("first", "second")
    with shop._parts.home.data.read() as tx:
        codes = [code for (code,) in tx.all("SELECT code FROM item ORDER BY code")]
    assert codes == list(range(len(ITEMS) + 2))


def other_policy(tmp_path: Path) -> Path:
    """The shop's own policy with another retention for recommendations."""
    import privet.policy

    documents = privet.policy.load("pack:shop").documents
    target = tmp_path / "other"
    target.mkdir()
    text = documents["policy"].replace("renew: 12mo", "renew: 6mo")
    assert text != documents["policy"]
    (target / "policy.yaml").write_text(text)
    (target / "data.yaml").write_text(documents["data"])
    return target


def test_another_policy_replaces_open_handles(
    shop: privet.Deployment, opening: Callable[..., privet.Deployment], tmp_path: Path
) -> None:
    ada = agrees(shop, "ada", "recommendations")
    looked(shop, "ada", "kettle")
    version = trainer(shop).train("picks", PICKS)
    trainer(shop).serve(version)
    unserved = trainer(shop).train("later", PICKS)
    target = other_policy(tmp_path)
    with pytest.raises(AccessDenied):
        shop.principal("web", roles=["storefront"]).admin.activate(target)
    hash_ = shop.principal("ops", roles=["operator"]).admin.activate(target)
    for act in (
        lambda: looked(shop, "ada", "lamp"),
        lambda: till(shop).profile("ada", "email"),
        lambda: trainer(shop).train("picks", PICKS),
        lambda: ada.consent.withdraw("recommendations"),
        ada.consent.state,
        ada.rights.access,
        lambda: agrees(shop, "new", "recommendations"),
        lambda: shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "z"}]),
    ):
        assert reason_of(act) == "policy.replaced"
    assert reason_of(lambda: opening("pack:shop")) == "policy.not-active"
    with opening(None) as newer:
        assert newer.policy.hash == hash_
        picks = web(newer).recommend("ada")
        assert (picks.personal, picks.why) == (
            False,
            "this model was trained under another policy",
        )
        for act in (
            lambda: trainer(newer).serve(unserved),
            lambda: trainer(newer).evaluate(version, cut=datetime(2027, 1, 1, tzinfo=UTC)),
        ):
            assert reason_of(act) == "model.policy-changed"
        trainer(newer).serve(trainer(newer).train("picks", PICKS))
        assert web(newer).recommend("ada").personal


def test_a_cohort_smaller_than_the_least_is_not_released(
    where: str, tmp_path: Path, clock: Any
) -> None:
    keyring = f"file:{tmp_path / 'keys'}"
    with privet.open(
        where, policy="pack:grocery", keyring=keyring, clock=clock, sync="OFF"
    ) as grocery:
        analyst = grocery.principal("a", roles=["analyst"]).purpose("analytics")
        for i in range(19):
            agrees(grocery, f"h{i}", "orders")
        with pytest.raises(AccessDenied) as refusal:
            analyst.features(["monetary"])
        assert refusal.value.reason == "cohort.small"
        agrees(grocery, "h19", "orders")
        frame = analyst.features(["monetary"])
        assert (len(frame), list(frame.columns)) == (20, ["monetary"])
        assert list(frame.index) == list(range(20))


def test_features_are_of_somebody(where: str, tmp_path: Path, clock: Any) -> None:
    keyring = f"file:{tmp_path / 'keys'}"
    with privet.open(
        where, policy="pack:grocery", keyring=keyring, clock=clock, sync="OFF"
    ) as grocery:
        trainer_ = grocery.principal("t", roles=["trainer"]).purpose("segmentation")
        assert reason_of(lambda: trainer_.features(["monetary"])) == "cohort.small"
        assert reason_of(lambda: trainer_.features([])) == "features.unknown"
        agrees(grocery, "ada", "segmentation")
        with pytest.raises(UnknownSubject):
            trainer_.features(["monetary"], subjects=["ada", "nobody"])
        assert list(trainer_.features(["monetary"], subjects=["ada"]).index) == ["ada"]


def test_features_hold_for_an_instant(where: str, tmp_path: Path, clock: Any) -> None:
    keyring = f"file:{tmp_path / 'keys'}"
    names = ["recency", "frequency"]
    with privet.open(
        where, policy="pack:grocery", keyring=keyring, clock=clock, sync="OFF"
    ) as grocery:
        agrees(grocery, "ada", "orders", "segmentation")
        sale = {"quantity": 1, "value": "2.00", "discount": 0, "coupon": 0, "store": "s"}
        ordering = grocery.principal("w", roles=["storefront"]).purpose("orders")
        grouping = grocery.principal("t", roles=["trainer"]).purpose("segmentation")
        ordering.record("ada", "purchase", basket="1", item="tea", **sale)
        clock.advance(timedelta(days=3))
        then, at = grouping.features(names, subjects=["ada"]), clock.now()
        clock.advance(timedelta(days=4))
        ordering.record("ada", "purchase", basket="2", item="tea", **sale)
        assert grouping.features(names, subjects=["ada"], at=at).equals(then)
        assert not grouping.features(names, subjects=["ada"]).equals(then)


# --- opening, handles -------------------------------------------------------------------


def test_opening_says_what_is_wrong(
    where: str, opening: Callable[..., privet.Deployment], tmp_path: Path, clock: Any
) -> None:
    assert reason_of(lambda: opening(None)) == "store.missing"
    opening().close()
    with pytest.raises(AccessDenied) as refusal:
        opening("pack:grocery")
    assert refusal.value.reason == "policy.not-active"
    with pytest.raises(KeyUnavailable):
        privet.open(where, keyring=f"file:{tmp_path / 'elsewhere'}", clock=clock, sync="OFF")
    with opening(None) as again:
        assert again.policy.name == "shop"


def test_a_closed_deployment_is_refused(opening: Callable[..., privet.Deployment]) -> None:
    shop = opening()
    access = web(shop)
    shop.close()
    shop.close()
    with pytest.raises(HandleInvalid) as refusal:
        access.recommend("ada")
    assert refusal.value.reason == "handle.closed"


def test_handles_are_silent_and_stay_in_their_process(shop: privet.Deployment) -> None:
    ada = agrees(shop, "canary-ada", "recommendations")
    looked(shop, "canary-ada", "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))
    clerk = shop.principal("canary-clerk", roles=["privacy-desk", "operator"])
    handles = [
        shop,
        web(shop),
        trainer(shop),
        ada,
        ada.consent,
        ada.rights,
        clerk,
        clerk.consent,
        clerk.rights,
        clerk.audit,
        clerk.admin,
        shop.maintenance,
    ]
    for handle in handles:
        assert "canary" not in repr(handle) + str(handle)
        for act in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                act(handle)
    picks = web(shop).recommend("canary-ada")
    shown = repr(picks) + repr(picks[0]) + repr(trainer(shop).list())
    assert "kettle" not in shown
    assert "canary" not in shown


def test_a_purpose_without_a_permit_is_refused_at_the_start(shop: privet.Deployment) -> None:
    for roles, purpose, reason in (
        (["storefront"], "recomendations", "purpose.unknown"),
        (["auditor"], "orders", "purpose.not-permitted"),
    ):
        principal = shop.principal("p", roles=roles)
        assert reason_of(lambda p=principal, why=purpose: p.purpose(why)) == reason
    for roles in (["store-front"], [], ["self"], ["privacy-desk", "auditor"]):
        with pytest.raises(AccessDenied):
            shop.principal("p", roles=roles)


# --- together ---------------------------------------------------------------------------


def together(*acts: Callable[[], object]) -> None:
    """Run in one thread each; the first failure is raised."""
    failures: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:  # raised again below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def meanwhile(act: Callable[[], object]) -> Callable[[], None]:
    """Begin in a thread of its own and give it time to wait; call the result to see it end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # raised again below
            failures.append(error)

    ending = threading.Thread(target=run)
    ending.start()
    ending.join(0.5)

    def end() -> None:
        ending.join()
        if failures:
            raise failures[0]

    return end


def test_changes_of_grounds_queue_before_they_lock_purposes(shop: privet.Deployment) -> None:
    """Else one holds a purpose and waits in the queue, and the queue's first waits for it."""
    agrees(shop, "ada", "recommendations")
    parts = shop._parts
    (sno,) = parts.subjects.find(["ada"])
    begun, done = (
        entry(parts, CALLER, kind, purpose=FORGETTING, action="erase", redo=True, sno=sno, **more)
        for kind, more in (("erase.intent", {"request": "r1"}), ("erase.forget", {}))
    )
    catchup.catch_up(parts, parts.log.append([begun])[0])
    (seq,) = parts.log.append([done])
    with parts.home.data.write() as tx:
        parts.ledger.lock(tx)
        other = meanwhile(lambda: catchup.catch_up(parts, seq))
        parts.ledger.hold(tx)
    other()
    with parts.home.data.read() as tx:
        assert parts.ledger.entries(tx, sno) == []


def test_eight_threads_read_and_write_at_once(shop: privet.Deployment) -> None:
    agrees(shop, "shared", "recommendations")
    looked(shop, "shared", "kettle")
    trainer(shop).serve(trainer(shop).train("picks", PICKS))

    def work(n: int) -> None:
        who = f"p{n}"
        person = agrees(shop, who, "recommendations")
        for i in range(4):
            web(shop).record(who, "view", event_id=f"{i}", item="lamp")
            web(shop).record("shared", "view", event_id=f"{n}-{i}", item="teapot")
            assert web(shop).recommend("shared", k=2).personal
        if n % 2:
            person.rights.erase()
        else:
            person.consent.withdraw("recommendations")

    together(*(lambda n=n: work(n) for n in range(8)))
    told = shop.subject("shared", proof="p").rights.access()
    assert len(told["events"]["view"]) == 1 + 8 * 4
    for n in range(8):
        assert not web(shop).recommend(f"p{n}").personal
    assert shop.maintenance.overdue()["erasures"] == 0


def test_maintenance_keeps_going_past_a_step_that_fails(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise StoreUnavailable("the store is busy", reason="store.busy")

    monkeypatch.setattr("privet.gate.upkeep.fold", broken)
    done = shop.maintenance.run()
    assert done["grounds"] == -1
    assert done["logs"] >= 0
    assert list(shop.maintenance.run(budget=timedelta(seconds=-1))) == []


def test_errors_are_of_their_documented_kind(shop: privet.Deployment) -> None:
    with pytest.raises(InvalidInput):
        shop.subject("ada", proof="")
    with pytest.raises(InvalidInput):
        shop.subject("", proof="p")
    with pytest.raises(InvalidInput):
        web(shop).recommend(True)
    with pytest.raises(ModelUnavailable):
        version = trainer(shop).train("picks", PICKS)
        trainer(shop).serve(dataclasses.replace(version, lineage=999))


def test_a_plan_keeps_the_identity_with_what_is_held(shop: privet.Deployment) -> None:
    ada = agrees(shop, "ada", "orders")
    bought(shop, "ada", "1")
    fates = {line.name: line.fate for line in ada.rights.plan() if line.what == "data"}
    assert fates["orders/hold/purchase"] == fates["identity/subject"] == "held"
    assert fates["evidence/evidence"] == "destroyed"
