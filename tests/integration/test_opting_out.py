"""A purpose that stands until people opt out: where, for whom, from when, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, ConsentMissing, InvalidInput, Objected, StaleAnswer
from privet.gate import artifact
from privet.gate.read import read
from privet.notices import compare, load_notice, read_notice
from privet.policy import load
from privet.recommend import Popularity
from privet.subject import Subject

SHARING = "sharing"
PURPOSE = """  sharing:
    text: Share what you bought with partners who advertise to you.
    basis: {opt-out: Cal. Civ. Code 1798.120, where: [US-CA]}
    reuses: {orders: {assessment: CA-1}}
    recipients: [mailer]
    retention: 13mo
    models: {least: 3}
"""
PERMITS = """\
  - {id: share, role: operator, for: sharing, may: [export], fields: [purchase.item], to: [mailer]}
  - {id: share-read, role: trainer, for: sharing, may: [read, train], fields: [purchase.item]}
  - {id: share-seen, role: storefront, for: sharing, may: [collect, read], fields: [view.*]}
"""


def written(directory: Path) -> Path:
    texts = load("pack:shop").documents
    policy = texts["policy"].replace("\nroles:", f"\n{PURPOSE}\nroles:", 1)
    policy = policy.replace("\ntests:\n", f"{PERMITS}\ntests:\n")
    policy = policy.replace("receives: [profile.email]", "receives: [profile.email, purchase.item]")
    directory.mkdir()
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(policy)
    return directory


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        where,
        policy=written(tmp_path / "policy"),
        keyring=f"file:{tmp_path / 'k'}",
        clock=clock,
        sync="OFF",
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        yield opened


def customer(shop: Deployment, name: str, place: str) -> Subject:
    """Somebody who ordered, and whose place is told with an answer about something else."""
    web = shop.principal("web", roles=["storefront"])
    web.consent.begin(name, "orders")
    web.purpose("orders").record(
        name, "purchase", order=f"o-{name}", item="kettle", quantity=1, value="9.90"
    )
    her = shop.subject(name, proof="session")
    her.consent.answer({"newsletter": False}, notice="n-1", how="web", country=place)
    return her


def why(shop: Deployment, name: str) -> str | None:
    """Why her purchases may not be shared now."""
    (sno,) = shop._parts.subjects.find([name])
    caller = shop.principal("nightly", roles=["trainer"])._caller
    try:
        with_her = read(shop._parts, caller, SHARING, "read", ["purchase.item"], [int(sno or 0)])
        assert [len(c.events["purchase"].subjects) for c in with_her.chunks()] == [1]
    except AccessDenied as refusal:
        kind = ConsentMissing if refusal.reason == "ground.place" else Objected
        assert type(refusal) is kind
        return refusal.reason
    return None


def all_of(shop: Deployment, *names: str) -> set[str]:
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    return {name for name, holds in desk.eligible(names, SHARING).items() if holds}


def test_it_stands_where_its_law_says_so_and_nowhere_else(shop: Deployment) -> None:
    people = {"ann": "US-CA", "bob": "US-NV", "cyd": "US", "dee": "DE", "eve": ""}
    hers = {name: customer(shop, name, place) for name, place in people.items()}
    assert {name: why(shop, name) for name in people} == {
        "ann": None,
        **dict.fromkeys(("bob", "cyd", "dee", "eve"), "ground.place"),
    }
    assert all_of(shop, *people) == {"ann"}
    states = {name: her.consent.state(SHARING)[SHARING] for name, her in hers.items()}
    assert states == {"ann": "active", **dict.fromkeys(("bob", "cyd", "dee", "eve"), "elsewhere")}


def test_opting_out_holds_from_the_next_read(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    assert why(shop, "ann") is None
    receipt = ann.consent.opt_out(SHARING, how="gpc")
    assert receipt.new
    assert why(shop, "ann") == "ground.opted-out"
    assert all_of(shop, "ann") == set()
    assert ann.consent.state(SHARING) == {SHARING: "opted-out"}


def test_opting_out_needs_no_place_and_moving_brings_nothing_back(shop: Deployment) -> None:
    gus = customer(shop, "gus", "")
    gus.consent.opt_out(SHARING, how="gpc")
    gus.consent.answer({"newsletter": False}, notice="n-1", how="web", country="US-CA")
    assert why(shop, "gus") == "ground.opted-out"


def test_whoever_moves_away_is_out_and_back_in_where_she_returns(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    ann.consent.answer({"newsletter": False}, notice="n-1", how="web", country="FR")
    assert (why(shop, "ann"), all_of(shop, "ann")) == ("ground.place", set())
    ann.consent.answer({"newsletter": False}, notice="n-1", how="web", country="US-CA")
    assert (why(shop, "ann"), all_of(shop, "ann")) == (None, {"ann"})


def test_whoever_opted_out_is_not_asked_for_a_year_and_opts_in_by_herself(
    shop: Deployment, clock: Any
) -> None:
    ann = customer(shop, "ann", "US-CA")
    (before,) = ann.consent.ask([SHARING])
    assert before["ground"] == "opt-out"
    assert [choice["answer"] for choice in before["choices"]] == [True, False]
    assert (before["chosen"], before["not_before"]) == (None, None)
    ann.consent.opt_out(SHARING, how="settings")
    clock.advance(timedelta(days=300))
    (asked,) = ann.consent.ask([SHARING])
    assert asked["not_before"] == "2027-03-02T09:30:00Z"
    clock.advance(timedelta(days=66))
    (later,) = ann.consent.ask([SHARING])
    assert later["not_before"] is None
    with pytest.raises(StaleAnswer):  # from a screen of before she opted out
        ann.consent.answer({SHARING: True}, notice="", how="web", seen=before["seen"])
    ann.consent.answer({SHARING: True}, notice="", how="web", seen=later["seen"])
    assert why(shop, "ann") is None
    assert ann.consent.state(SHARING) == {SHARING: "active"}


def test_a_no_and_a_withdrawal_opt_out(shop: Deployment) -> None:
    for name, way in (("ann", "answer"), ("bob", "withdraw")):
        her = customer(shop, name, "US-CA")
        if way == "answer":
            her.consent.answer({SHARING: False}, notice="", how="web")
        else:
            her.consent.withdraw(SHARING)
        assert her.consent.state(SHARING) == {SHARING: "opted-out"}


def test_an_objection_is_absolute(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    ann.consent.object(SHARING)
    assert why(shop, "ann") == "ground.objected"
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    assert desk.objections() == []
    with pytest.raises(InvalidInput) as refusal:
        desk.overrule("ann", SHARING, reason="it pays")
    assert refusal.value.reason == "objection.absolute"


def test_a_desk_and_an_agent_opt_out_for_her_with_evidence(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    with pytest.raises(InvalidInput) as refusal:
        desk.opt_out("ann", SHARING, channel="letter", evidence=" ", actor="agent")
    assert refusal.value.reason == "consent.evidence"
    assert why(shop, "ann") is None
    done = desk.opt_out(
        "ann", SHARING, channel="letter", evidence="permission 4, signed", actor="agent"
    )
    (record,) = json.loads(done.document)["receipt"]["dpv:hasRecordOfActivity"]
    (status,) = record["dpv:hasConsentStatus"]
    assert status["dpv:isIndicatedBy"] == "dpv:Representative"
    assert ann.consent.state(SHARING) == {SHARING: "opted-out"}


def test_what_does_not_stand_until_people_opt_out_cannot_be_opted_out_of(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    with pytest.raises(InvalidInput) as refusal:
        ann.consent.opt_out("orders", how="web")
    assert refusal.value.reason == "ground.kind"
    with pytest.raises(InvalidInput):
        shop.subject("new", proof="session").consent.opt_out(how="web")
    assert shop._parts.subjects.find(["new"]) == [None]


def test_the_receipt_says_which_law_and_is_verified_offline(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    document = ann.consent.opt_out(SHARING, how="gpc", country="US-CA").document
    assert verify_receipt(document).ok
    (record,) = json.loads(document)["receipt"]["dpv:hasRecordOfActivity"]
    (status,) = record["dpv:hasConsentStatus"]
    assert status["@type"] == "dpv:OptingOutFromProcess"
    assert status["dpv:hasIndicationMethod"] == "gpc"
    assert record["dpv:hasLegalBasis"]["dct:title"] == "Cal. Civ. Code 1798.120"
    assert record["dpv:hasJurisdiction"] == "US-CA"


def test_below_thirteen_a_parent_opts_in(shop: Deployment) -> None:
    kim = customer(shop, "kim", "US-CA")
    kim.consent.opt_out(SHARING, how="gpc")
    seen = kim.consent.ask([SHARING])[0]["seen"]
    with pytest.raises(AccessDenied) as refusal:
        kim.consent.answer(
            {SHARING: True}, notice="", how="web", seen=seen, age=12, country="US-CA"
        )
    assert refusal.value.reason == "consent.child"
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    desk.on_behalf(
        "kim",
        {SHARING: True},
        notice="",
        channel="letter",
        evidence="form 1",
        actor="parent",
        age=12,
        country="US-CA",
    )
    assert why(shop, "kim") is None


def test_any_past_instant_and_record_is_told(shop: Deployment, clock: Any) -> None:
    ann = customer(shop, "ann", "US-CA")
    clock.advance(timedelta(days=1))
    standing = clock.now()
    assert why(shop, "ann") is None
    auditor = shop.principal("audit", roles=["auditor"]).audit
    shared = [r for r in auditor.history("ann") if r.get("purpose") == SHARING][-1]
    clock.advance(timedelta(days=1))
    ann.consent.opt_out(SHARING, how="gpc")
    assert ann.consent.state(SHARING, at=standing) == {SHARING: "active"}
    (ground,) = auditor.ground("ann", shared["seq"])["grounds"]
    assert (ground["basis"], ground["status"], ground["holds"]) == ("opt-out", "active", True)
    assert ground["notice"] == ""  # what told her place was about something else


def test_the_projection_rebuilt_is_the_same(shop: Deployment) -> None:
    for name, place in (("ann", "US-CA"), ("bob", "DE"), ("cyd", "")):
        customer(shop, name, place)
    shop.subject("bob", proof="s").consent.opt_out(SHARING, how="gpc")
    parts = shop._parts
    sql = "SELECT sno, body, pending FROM ground ORDER BY sno"
    with parts.home.data.write() as tx:
        before = tx.all(sql)
        parts.ledger.rebuild(tx)
        assert tx.all(sql) == before
    assert all_of(shop, "ann", "bob", "cyd") == {"ann"}


def test_a_model_never_knew_whoever_opted_out_or_is_elsewhere(shop: Deployment) -> None:
    """No byte of it is moved by people without the ground, and opting out subtracts exactly."""
    models = shop.principal("nightly", roles=["trainer"]).purpose(SHARING).models
    method = Popularity(event="purchase", by="item", least=3)
    for number in range(4):
        customer(shop, f"in-{number}", "US-CA")
    alone = models.train("popular", method)
    customer(shop, "abroad", "DE")
    customer(shop, "anywhere", "")
    customer(shop, "out", "US-CA").consent.opt_out(SHARING, how="gpc")
    again = models.train("popular", method)
    assert (again.subjects, again.digest) == (alone.subjects, alone.digest) == (4, alone.digest)
    late = customer(shop, "late", "US-CA")
    with_her = models.train("popular", method)
    assert with_her.subjects == 5
    late.consent.opt_out(SHARING, how="settings")
    left = artifact.current(shop._parts, with_her)
    assert (left.subjects, left.digest) == (4, alone.digest)


def test_what_was_collected_for_it_alone_is_destroyed(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    web = shop.principal("web", roles=["storefront"])
    web.purpose(SHARING).record("ann", "view", event_id="v1", item="kettle")
    assert ann.rights.access()["events"]["view"]
    ann.consent.opt_out(SHARING, how="settings")
    kept = ann.rights.access()["events"]
    assert not kept.get("view")
    assert [row["item"] for row in kept["purchase"]] == ["kettle"]
    with pytest.raises(Objected) as refusal:
        web.purpose(SHARING).record("ann", "view", event_id="v2", item="kettle")
    assert refusal.value.reason == "ground.opted-out"


def test_moving_destroys_nothing(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    web = shop.principal("web", roles=["storefront"]).purpose(SHARING)
    web.record("ann", "view", event_id="v1", item="kettle")
    ann.consent.answer({"newsletter": False}, notice="n-1", how="web", country="FR")
    shop.maintenance.run()
    assert ann.rights.access()["events"]["view"]


TOLD = """  sharing:
    opt_out: We share what you bought with partners. Say no here or in your settings.
    categories: [transaction, behaviour]
    recipients: [mailer]
    retention: 13mo
"""


def noticed(told: str) -> str:
    document = load_notice("pack:shop").document
    return document.replace("\nanswers:", f"\n{told}answers:", 1)


def test_a_notice_shows_it_with_both_answers(shop: Deployment) -> None:
    notice = read_notice(noticed(TOLD))
    telling = notice.purposes[SHARING]
    assert (telling.opt_out, telling.asked) == (True, False)
    after = notice.rendered.split(telling.text)[1]
    assert after.startswith(f"\n( ) {notice.yes}\n( ) {notice.no}\n")
    assert compare(shop.policy, [notice], asked=[SHARING]) == ()
    shop.principal("ops", roles=["operator"]).admin.add_notice(noticed(TOLD))
    ann = customer_of_notice(shop, "ann")
    (asked,) = ann.consent.ask([SHARING])
    assert [c["label"] for c in asked["choices"]] == [notice.yes, notice.no]
    assert (asked["chosen"], asked["ground"], asked["notice"]) == (None, "opt-out", notice.hash)
    ann.consent.opt_out(SHARING, how="gpc")
    (again,) = ann.consent.ask([SHARING])
    with pytest.raises(InvalidInput) as refusal:  # an opt-in names what she saw
        ann.consent.answer({SHARING: True}, notice="", how="web", seen=again["seen"])
    assert refusal.value.reason == "notice.unknown"
    ann.consent.answer({SHARING: True}, notice=again["notice"], how="web", seen=again["seen"])
    assert ann.consent.state(SHARING) == {SHARING: "active"}


def customer_of_notice(shop: Deployment, name: str) -> Subject:
    her = shop.subject(name, proof="session")
    her.consent.answer({"newsletter": False}, notice="", how="web", country="US-CA")
    return her


@pytest.mark.parametrize("key", ["ask", "tell"])
def test_a_notice_that_tells_of_it_otherwise_is_a_fault(shop: Deployment, key: str) -> None:
    (found,) = compare(shop.policy, [read_notice(noticed(TOLD.replace("opt_out", key)))], [SHARING])
    assert "rests on opt-out" in str(found["what"])
    assert "`opt_out`" in str(found["fix"])
