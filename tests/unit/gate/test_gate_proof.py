"""Where grounds stood at a past instant, and on which a record's access was allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput
from privet.notices import load_notice
from privet.policy import load

RECS = "recommendations"
SHOP = load_notice("pack:shop")
DAY = timedelta(days=1)


@pytest.fixture
def shop(where: str, tmp_path: Any, clock: Any) -> Any:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    ) as opened:
        ops = opened.principal("ops", roles=["operator"])
        ops.admin.load_items([{"item": "kettle"}])
        ops.admin.add_notice("pack:shop")
        yield opened


def desk(shop: Deployment) -> Any:
    return shop.principal("d", roles=["privacy-desk"]).consent


def test_every_past_instant_is_told_from_the_log(shop: Deployment, clock: Any) -> None:
    own = shop.subject("ada", proof="t").consent
    begin = clock.now()
    told: list[tuple[datetime, str]] = [(begin - DAY, "none")]

    def then(expected: str) -> None:
        told.append((clock.now(), expected))
        clock.advance(DAY)

    own.answer({RECS: True}, notice=SHOP.hash, how="web")
    then("active")
    desk(shop).restrict("ada", reason="contested")
    then("restricted")
    desk(shop).lift("ada", reason="corrected")
    then("active")
    own.withdraw(RECS)
    then("withdrawn")
    seen = own.ask([RECS])[0]["seen"]
    own.answer({RECS: True}, notice=SHOP.hash, how="web", seen=seen)
    then("active")
    clock.advance(timedelta(days=400))
    told.append((clock.now(), "lapsed"))
    for at, expected in told:
        assert desk(shop).state("ada", RECS, at=at) == {RECS: expected}, at
        assert own.state(RECS, at=at) == {RECS: expected}
    assert desk(shop).state("ada")[RECS] == "lapsed"
    assert desk(shop).state("ada", at=clock.now()) == desk(shop).state("ada")


def test_an_answer_counts_from_when_it_was_recorded(shop: Deployment, clock: Any) -> None:
    """What was said on paper in March and recorded in June allowed nothing in April."""
    march = clock.now()
    clock.advance(90 * DAY)
    desk(shop).on_behalf(
        "ada", {RECS: True}, notice=SHOP.hash, channel="letter", evidence="scan", at=march
    )
    assert desk(shop).state("ada", RECS, at=march + 30 * DAY) == {RECS: "none"}
    assert desk(shop).state("ada", RECS) == {RECS: "active"}


@pytest.mark.parametrize("at", [datetime(2099, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), "now"])
def test_the_future_and_naive_times_are_refused(shop: Deployment, at: Any) -> None:
    shop.subject("ada", proof="t").consent.answer({RECS: True}, notice=SHOP.hash, how="web")
    with pytest.raises(InvalidInput):
        desk(shop).state("ada", at=at)


def test_an_unknown_purpose_is_refused(shop: Deployment) -> None:
    shop.subject("ada", proof="t").consent.answer({RECS: True}, notice=SHOP.hash, how="web")
    with pytest.raises(AccessDenied):
        desk(shop).state("ada", "nothing")


def test_on_which_ground_a_read_was_allowed(shop: Deployment, clock: Any) -> None:
    own = shop.subject("ada", proof="t")
    answered = own.consent.answer({RECS: True}, notice=SHOP.hash, how="web")
    web = shop.principal("web", roles=["storefront"]).purpose(RECS)
    written = web.record("ada", "view", event_id="1", item="kettle").record
    clock.advance(DAY)
    own.consent.withdraw(RECS)
    auditor = shop.principal("aud", roles=["auditor"]).audit
    found = auditor.ground("ada", written)
    assert (found["purpose"], found["action"], found["allowed"]) == (RECS, "collect", True)
    assert found["grounds"] == [
        {
            "purpose": RECS,
            "basis": "consent",
            "status": "active",
            "holds": True,
            "position": answered.record,
            "since": "2026-03-02T09:30:00Z",
            "expires": "2027-03-02T09:30:00Z",
            "notice": SHOP.hash,
        }
    ]
    own.rights.access()
    rights = next(r for r in auditor.history("ada") if r["purpose"] == "privet:rights")
    (duty,) = auditor.ground("ada", rights["seq"])["grounds"]
    assert "Art. 12" in duty["law"]


def test_a_record_about_others_tells_nothing(shop: Deployment) -> None:
    for person in ("ada", "bob"):
        shop.subject(person, proof="t").consent.answer({RECS: True}, notice=SHOP.hash, how="web")
    auditor = shop.principal("aud", roles=["auditor"]).audit
    of_bob = auditor.history("bob")[0]["seq"]
    with pytest.raises(InvalidInput) as caught:
        auditor.ground("ada", of_bob)
    assert caught.value.reason == "record.unrelated"
    with pytest.raises(AccessDenied):
        shop.principal("d", roles=["privacy-desk"]).audit.ground("bob", of_bob)


def test_a_past_instant_is_judged_by_the_policy_of_then(
    where: str, tmp_path: Any, clock: Any
) -> None:
    """A law that obliges since June was no ground in May."""
    keyring = f"file:{tmp_path / 'keys'}"
    texts = load("pack:shop").documents
    later = tmp_path / "later"
    later.mkdir()
    (later / "data.yaml").write_text(texts["data"])
    changed = texts["policy"].replace(
        "basis: {contract: account}", "basis: {legal-obligation: Tax}"
    )
    (later / "policy.yaml").write_text(changed)
    with open_deployment(
        where, policy="pack:shop", keyring=keyring, clock=clock, sync="OFF"
    ) as before:
        before.subject("ada", proof="t").consent.answer({RECS: False}, notice="n", how="web")
        may = clock.now()
        assert desk(before).state("ada", "orders") == {"orders": "none"}
        clock.advance(30 * DAY)
        before.principal("ops", roles=["operator"]).admin.activate(later)
    with open_deployment(where, keyring=keyring, clock=clock, sync="OFF") as after:
        assert desk(after).state("ada", "orders") == {"orders": "active"}
        assert desk(after).state("ada", "orders", at=may) == {"orders": "none"}
        assert desk(after).state("ada", "orders", at=clock.now()) == {"orders": "active"}
        assert after.subject("ada", proof="t").consent.state(at=may)["orders"] == "none"
