"""Objected: suspended at once. Decided: within a month, with reasons, and never for marketing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput, UnknownSubject
from privet.gate.parts import Parts
from privet.policy import load

COUNT = "analytics"


@pytest.fixture
def shop(where: str, tmp_path: Any, clock: Any) -> Any:
    documents = load("pack:grocery").documents
    policy = documents["policy"].replace(
        "permits:\n",
        "permits:\n  - {id: watch, role: storefront, for: analytics, "
        "may: [collect], fields: [shown.*]}\n",
        1,
    )  # so that the purpose collects something of its own
    data = documents["data"].replace("behaviour: {from_device: true}", "behaviour: {}")
    for name, text in (("policy", policy), ("data", data)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with open_deployment(
        where,
        policy=tmp_path / "policy.yaml",
        keyring=f"file:{tmp_path / 'keys'}",
        clock=clock,
        sync="OFF",
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "tea"}])
        for person in ("ada", "bob"):
            opened.principal("w", roles=["storefront"]).consent.begin(person, "orders")
        yield opened


def desk(shop: Deployment) -> Any:
    return shop.principal("d", roles=["privacy-desk"]).consent


def state(shop: Deployment, person: str, purpose: str = COUNT) -> str:
    return str(desk(shop).state(person, purpose)[purpose])


def test_an_objection_suspends_at_once_and_is_due_in_a_month(shop: Deployment, clock: Any) -> None:
    shop.subject("ada", proof="t").consent.object(COUNT, reason="I work there", how="web")
    assert state(shop, "ada") == "objected"
    assert desk(shop).eligible(["ada", "bob"], COUNT) == {"ada": False, "bob": True}
    (one,) = desk(shop).objections()
    assert (one.subject, one.purpose, one.overdue) == (("ada",), COUNT, False)
    assert (one.received.isoformat()[:10], one.due.isoformat()[:10]) == ("2026-03-02", "2026-04-02")
    assert finding(shop) == "warn"
    clock.advance(timedelta(days=31))
    assert not desk(shop).objections()[0].overdue
    clock.advance(timedelta(microseconds=1))
    assert desk(shop).objections()[0].overdue
    assert finding(shop) == "fail"


def finding(shop: Deployment) -> str:
    found: dict[str, str] = {f.check: f.state for f in shop.maintenance.examine()}
    return found["objections"]


def test_upheld_it_stays_off_and_its_own_data_is_destroyed(shop: Deployment) -> None:
    web = shop.principal("w", roles=["storefront"]).purpose(COUNT)
    for person in ("ada", "bob"):
        web.record(person, "shown", event_id=f"{person}-1", item="tea")
    shop.subject("ada", proof="t").consent.object(COUNT)
    assert desk(shop).uphold("ada", COUNT, reason="her situation prevails").new
    assert state(shop, "ada") == "upheld"
    assert desk(shop).objections() == []
    assert shop.subject("ada", proof="t").rights.access()["events"].get("shown", []) == []
    assert len(shop.subject("bob", proof="t").rights.access()["events"]["shown"]) == 1
    evidence = shop.subject("ada", proof="t").rights.access()["evidence"]
    assert "her situation prevails" in {e.get("reason") for e in evidence}
    assert keyed(shop._parts, "ada") == set()


def keyed(parts: Parts, person: str) -> set[str]:
    (sno,) = parts.subjects.find([person])
    assert sno is not None
    return {d for d in parts.vault.keyed_domains([sno]).get(sno, set()) if d.startswith(COUNT)}


def test_overruled_it_is_back_and_nothing_was_lost(shop: Deployment) -> None:
    web = shop.principal("w", roles=["storefront"]).purpose(COUNT)
    web.record("ada", "shown", event_id="1", item="tea")
    shop.subject("ada", proof="t").consent.object(COUNT)
    desk(shop).overrule("ada", COUNT, reason="compelling: stock of medicines")
    assert state(shop, "ada") == "active"
    assert len(shop.subject("ada", proof="t").rights.access()["events"]["shown"]) == 1
    history = [g["kind"] for g in shop.subject("ada", proof="t").rights.access()["grounds"]]
    assert history[-2:] == ["objected", "overruled"]


@pytest.mark.parametrize("way", ["uphold", "overrule"])
def test_a_decision_needs_a_reason_and_an_objection(shop: Deployment, way: str) -> None:
    decide = getattr(desk(shop), way)
    for reason, code in (("", "objection.reason"), ("  ", "objection.reason"), ("x", None)):
        with pytest.raises(InvalidInput) as caught:
            decide("ada", COUNT, reason=reason)
        assert caught.value.reason == (code or "ground.no-objection")
    with pytest.raises(UnknownSubject):
        decide("nobody", COUNT, reason="x")
    with pytest.raises(AccessDenied):
        decide("ada", "nothing", reason="x")
    with pytest.raises(AccessDenied):  # who sells does not decide
        getattr(shop.principal("w", roles=["storefront"]).consent, way)("ada", COUNT, reason="x")


def test_against_direct_marketing_there_is_nothing_to_decide(shop: Deployment) -> None:
    own = shop.subject("ada", proof="t").consent
    own.answer({"newsletter": True}, notice="n", how="web")
    own.object("newsletter")
    assert desk(shop).objections() == []
    with pytest.raises(InvalidInput) as caught:
        desk(shop).overrule("ada", "newsletter", reason="we like her")
    assert caught.value.reason == "objection.absolute"
    assert state(shop, "ada", "newsletter") == "objected"


def test_a_desk_records_what_reached_it(shop: Deployment) -> None:
    assert desk(shop).object("bob", COUNT, channel="letter", evidence="scan 9").new
    assert state(shop, "bob") == "objected"
    details = shop.subject("bob", proof="t").rights.access()["evidence"][-1]
    assert (details["actor"], details["channel"], details["evidence"]) == (
        "desk",
        "letter",
        "scan 9",
    )


def test_whose_erasure_began_waits_for_nothing(shop: Deployment) -> None:
    shop.subject("ada", proof="t").consent.object(COUNT)
    shop.subject("ada", proof="t").rights.erase()
    assert desk(shop).objections() == []
