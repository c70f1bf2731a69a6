"""A child's consent is her parent's to give; country, actor and evidence go with each entry."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput
from privet.notices import load_notice
from privet.policy.children import AGES, STRICTEST, own_consent

RECS = "recommendations"
SHOP = load_notice("pack:shop")
WAYS = {"channel": "letter", "evidence": "scan 1"}


@pytest.fixture
def shop(tmp_path: Any, clock: Any) -> Any:
    with open_deployment(
        tmp_path / "home",
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'keys'}",
        clock=clock,
        sync="OFF",
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.add_notice("pack:shop")
        yield opened


def desk(shop: Deployment) -> Any:
    return shop.principal("d", roles=["privacy-desk"]).consent


def says(shop: Deployment, yes: bool = True, **more: Any) -> Any:
    own = shop.subject("kim", proof="t").consent
    return own.answer({RECS: yes}, notice=SHOP.hash, how="web", **more)


def denials(shop: Deployment) -> int:
    records = shop._parts.log.leaves(0, 1000)
    return sum(b.get("reason") == "consent.child" and "set" not in b for _, b in records)


@pytest.mark.parametrize(
    ("age", "country", "own"),
    [
        (12, "BE", False),
        (13, "BE", True),
        (15, "DE", False),
        (16, "DE", True),
        (15, "", False),  # an unknown country: the strictest
        (14, "IT", True),
        (12, "US-CA", False),
        (13, "US-CA", True),
        (0, "SE", False),
    ],
)
def test_from_which_age_a_yes_is_her_own(
    shop: Deployment, age: int, country: str, own: bool
) -> None:
    if own:
        assert says(shop, age=age, country=country).new
        return
    with pytest.raises(AccessDenied) as caught:
        says(shop, age=age, country=country)
    assert caught.value.reason == "consent.child"
    assert denials(shop) == 1
    assert shop._parts.subjects.find(["kim"]) == [None]  # she was not taken in
    assert says(shop, yes=False, age=age, country=country).new  # a no is hers at any age


def test_a_parent_gives_it_and_it_shows(shop: Deployment) -> None:
    receipt = desk(shop).on_behalf(
        "kim", {RECS: True}, notice=SHOP.hash, actor="parent", age=11, country="DE", **WAYS
    )
    assert desk(shop).state("kim", RECS) == {RECS: "active"}
    access = shop.subject("kim", proof="t").rights.access()
    assert access["grounds"][-1]["kind"] == "authorised"
    assert access["grounds"][-1]["jurisdiction"] == "DE"
    assert (access["evidence"][-1]["actor"], access["evidence"][-1]["evidence"]) == (
        "parent",
        "scan 1",
    )
    assert verify_receipt(receipt.document).ok
    (record,) = json.loads(receipt.document)["receipt"]["dpv:hasRecordOfActivity"]
    (status,) = record["dpv:hasConsentStatus"]
    assert (status["@type"], status["dpv:isIndicatedBy"]) == (
        "dpv:ConsentGiven",
        "dpv:ParentOfDataSubject",
    )
    assert record["dpv:hasJurisdiction"] == "DE"


def test_whose_parent_consented_is_a_child_until_an_age_is_told(shop: Deployment) -> None:
    desk(shop).on_behalf("kim", {RECS: True}, notice=SHOP.hash, actor="parent", **WAYS)
    shop.subject("kim", proof="t").consent.withdraw(RECS)  # hers at any age
    seen = shop.subject("kim", proof="t").consent.ask([RECS])[0]["seen"]
    with pytest.raises(AccessDenied):
        says(shop, seen=seen)
    assert says(shop, seen=seen, age=16).new
    assert says(shop).new  # she is of age now


def test_a_parent_does_not_consent_for_an_adult(shop: Deployment) -> None:
    with pytest.raises(InvalidInput) as caught:
        desk(shop).on_behalf(
            "kim", {RECS: True}, notice=SHOP.hash, actor="parent", age=18, country="DE", **WAYS
        )
    assert caught.value.reason == "consent.adult"


def test_a_parents_yes_is_stale_after_her_refusal(shop: Deployment, clock: Any) -> None:
    from datetime import timedelta

    early = clock.now()
    clock.advance(timedelta(hours=1))
    says(shop, yes=False)
    with pytest.raises(AccessDenied) as caught:
        desk(shop).on_behalf(
            "kim", {RECS: True}, notice=SHOP.hash, actor="parent", at=early, **WAYS
        )
    assert caught.value.reason == "ground.stale"


@pytest.mark.parametrize("age", [-1, 151, 12.0, "12", True])
def test_an_age_is_whole_years(shop: Deployment, age: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        says(shop, age=age)
    assert caught.value.reason == "age.range"


@pytest.mark.parametrize("country", ["de", "Germany", "D", "DE ", "DE-\n", 49, None])
def test_a_country_is_a_code(shop: Deployment, country: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        says(shop, country=country)
    assert caught.value.reason == "consent.country"


def test_who_answers_for_whom_and_how_it_can_be_shown_is_stated(shop: Deployment) -> None:
    given: dict[str, Any] = {"notice": SHOP.hash, "channel": "letter"}
    with pytest.raises(InvalidInput) as caught:
        desk(shop).on_behalf("kim", {RECS: True}, evidence="x", actor="friend", **given)
    assert caught.value.reason == "consent.actor"
    frame = pd.DataFrame(
        {
            "subject": ["kim"],
            "purpose": RECS,
            "kind": "yes",
            "at": [pd.Timestamp("2026-01-01", tz="UTC")],
        }
    )
    for evidence in ("", "  "):
        for call in (
            lambda text: desk(shop).on_behalf("kim", {RECS: True}, evidence=text, **given),
            lambda text: desk(shop).load(frame, evidence=text, **given),
        ):
            with pytest.raises(InvalidInput) as caught:
                call(evidence)
            assert caught.value.reason == "consent.evidence"
    assert desk(shop).on_behalf("kim", {RECS: True}, evidence="x", actor="agent", **given).new


def test_every_age_has_its_source_and_lies_where_the_law_lets_it() -> None:
    assert own_consent("XX") == own_consent("") == STRICTEST


def test_a_policy_may_ask_for_more_years_never_for_fewer() -> None:
    stricter = {"FR": 16, "US-CA": 18, "DE": 14}
    assert own_consent("FR", stricter).years == 16
    assert own_consent("DE", stricter) == STRICTEST
    assert own_consent("US-CA", stricter).years == own_consent("US", stricter).years == 18
    assert own_consent("US-NY", stricter) == AGES["US"]
    assert own_consent("", stricter).years == own_consent("XX", stricter).years == 18
    for country, age in AGES.items():
        assert age.source
        assert 13 <= age.years <= 16 or country == "BR"


def test_a_childs_parent_consents_on_either_database(where: str, tmp_path: Any, clock: Any) -> None:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as shop:
        shop.principal("ops", roles=["operator"]).admin.add_notice("pack:shop")
        with pytest.raises(AccessDenied):
            says(shop, age=12)
        desk(shop).on_behalf("kim", {RECS: True}, notice=SHOP.hash, actor="parent", **WAYS)
        assert desk(shop).state("kim", RECS) == {RECS: "active"}
        assert desk(shop).eligible(["kim"], RECS) == {"kim": True}
