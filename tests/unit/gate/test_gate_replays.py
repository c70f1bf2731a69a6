"""An answer that comes again, since its acknowledgement was lost, is answered as the first time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput
from privet.notices import load_notice

RECS, NEWS = "recommendations", "newsletter"
FIRST = load_notice("pack:shop")
NEXT = FIRST.document.replace("version: 2026-11", "version: 2027-02").replace(
    "language: en", "language: en\nmaterial: true"
)


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.add_notice("pack:shop")
        yield opened


def replace_notice(shop: Deployment, clock: Any) -> None:
    clock.advance(timedelta(days=1))
    shop.principal("ops", roles=["operator"]).admin.add_notice(NEXT)


def said(document: bytes) -> list[dict[str, Any]]:
    """What a receipt says, without what is of the moment at which it was made."""
    body = json.loads(document)["receipt"]
    return [body["dpv:hasRecordOfActivity"], body["privet:details"]]


def test_it_is_answered_as_the_first_time_though_the_notice_was_replaced(
    shop: Deployment, clock: Any
) -> None:
    ada = shop.subject("ada", proof="s").consent
    sent = {"notice": FIRST.hash, "how": "app", "event_id": "e-1", "seen": 0}
    first = ada.answer({RECS: True, NEWS: False}, **sent)
    replace_notice(shop, clock)
    again = ada.answer({RECS: True, NEWS: False}, **sent)
    assert (again.record, again.new) == (first.record, False)
    assert said(again.document) == said(first.document)
    assert verify_receipt(again.document).ok
    with pytest.raises(InvalidInput) as refusal:  # another answer is another event
        ada.answer({RECS: True, NEWS: True}, **sent)
    assert refusal.value.reason == "notice.replaced"


def test_it_records_nothing_and_revives_nothing(shop: Deployment, clock: Any) -> None:
    ada = shop.subject("ada", proof="s").consent
    sent = {"notice": FIRST.hash, "how": "app", "event_id": "e-1"}
    ada.answer({RECS: True}, **sent)
    ada.withdraw(RECS)
    parts = shop._parts
    (sno,) = parts.subjects.find(["ada"])
    with parts.home.data.read() as tx:
        before = parts.ledger.entries(tx, sno)
    assert not ada.answer({RECS: True}, **sent).new
    with parts.home.data.read() as tx:
        assert parts.ledger.entries(tx, sno) == before
    assert ada.state(RECS) == {RECS: "withdrawn"}


def test_the_age_that_counts_is_that_of_the_first_time(shop: Deployment) -> None:
    ada = shop.subject("ada", proof="s").consent
    sent = {"notice": FIRST.hash, "how": "app", "event_id": "e-1", "country": "DE"}
    ada.answer({RECS: True}, **sent, age=16)
    assert not ada.answer({RECS: True}, **sent, age=15).new
    with pytest.raises(AccessDenied) as refusal:
        ada.answer({RECS: True}, **{**sent, "event_id": "e-2"}, age=15)
    assert refusal.value.reason == "consent.child"


def test_an_event_of_somebody_else_is_none_of_hers(shop: Deployment, clock: Any) -> None:
    sent = {"notice": FIRST.hash, "how": "app", "event_id": "e-1"}
    shop.subject("ada", proof="s").consent.answer({RECS: True}, **sent)
    replace_notice(shop, clock)
    with pytest.raises(InvalidInput) as refusal:
        shop.subject("bob", proof="s").consent.answer({RECS: True}, **sent)
    assert refusal.value.reason == "notice.replaced"
