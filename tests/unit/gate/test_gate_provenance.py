"""Each entry keeps who said it, where, in which language, and how it can be shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.errors import InvalidInput
from privet.gate import subject as people
from privet.rights.answering import herself

RECS, NEWS = "recommendations", "newsletter"
SELF = {"actor": "self", "channel": "app"}
DESK = {"actor": "desk", "channel": "letter", "evidence": "scan 4"}
Does = Callable[[Any, Any], object]


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        yield opened


def imports(desk: Any) -> int:
    at = pd.Timestamp("2026-01-01", tz="UTC")
    frame = pd.DataFrame({"subject": ["ada"], "purpose": NEWS, "kind": "no", "at": at})
    rows: int = desk.load(frame, notice="n", channel="crm", evidence="export 2", source="crm-1")
    return rows


WAYS: dict[str, tuple[Does, dict[str, str]]] = {
    "her answer": (
        lambda own, _: own.answer({RECS: True}, notice="n", how="app", language="de"),
        {**SELF, "language": "de"},
    ),
    "her withdrawal": (lambda own, _: own.withdraw(RECS, how="app"), SELF),
    "her objection": (lambda own, _: own.object(NEWS, how="app"), SELF),
    "a letter of hers": (
        lambda _, desk: desk.on_behalf(
            "ada", {RECS: True}, notice="n", channel="letter", evidence="scan 4", language="fr"
        ),
        {**DESK, "language": "fr"},
    ),
    "an agent's withdrawal": (
        lambda _, desk: desk.withdraw(
            "ada", RECS, channel="letter", evidence="scan 4", actor="agent"
        ),
        {**DESK, "actor": "agent"},
    ),
    "an objection for her": (
        lambda _, desk: desk.object("ada", NEWS, channel="letter", evidence="scan 4"),
        DESK,
    ),
    "a restriction": (
        lambda _, desk: desk.restrict("ada", reason="contested"),
        {"actor": "desk", "reason": "contested"},
    ),
    "an import": (
        lambda _, desk: imports(desk),
        {"actor": "desk", "channel": "crm", "evidence": "export 2", "source": "crm-1"},
    ),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_each_way_keeps_how_it_came_about(shop: Deployment, clock: Any, way: str) -> None:
    does, expected = WAYS[way]
    own = shop.subject("ada", proof="s").consent
    own.answer({NEWS: True}, notice="n", how="first")
    clock.advance(timedelta(hours=1))
    does(own, shop.principal("desk", roles=["privacy-desk"]).consent)
    parts = shop._parts
    (sno,) = parts.subjects.find(["ada"])
    assert sno is not None
    kept = people.evidence_of(parts, herself(int(sno)), int(sno))
    (details,) = [d for d in kept if d.get("channel") != "first"]
    assert {k: v for k, v in details.items() if k in expected} == expected
    last = people.grounds_of(parts, int(sno))[-1]
    text = json.dumps(details, sort_keys=True, ensure_ascii=False)
    assert people.details_of(parts, herself(int(sno)), int(sno), last["commitment"]) == text


def test_a_receipt_says_actor_channel_and_language(shop: Deployment) -> None:
    own = shop.subject("ada", proof="s").consent
    document = own.answer({RECS: True}, notice="n", how="app", language="pt-BR").document
    assert verify_receipt(document).ok
    (record,) = json.loads(document)["receipt"]["dpv:hasRecordOfActivity"]
    (status,) = record["dpv:hasConsentStatus"]
    assert record["dpv:hasNotice"]["dct:language"] == "pt-BR"
    assert (status["dpv:isIndicatedBy"], status["dpv:hasIndicationMethod"]) == (
        "dpv:DataSubject",
        "app",
    )


def test_a_kept_notice_tells_its_own_language(shop: Deployment) -> None:
    shop.principal("ops", roles=["operator"]).admin.add_notice("pack:shop/de")
    own = shop.subject("ada", proof="s").consent
    notice = own.ask([RECS])[0]["notice"]
    document = own.answer({RECS: True}, notice=notice, how="app", language="en").document
    body = json.loads(document)["receipt"]
    assert json.loads(body["privet:details"])["language"] == "de"


def test_what_a_desk_records_needs_evidence_and_a_known_actor(shop: Deployment) -> None:
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    shop.subject("ada", proof="s").consent.answer({NEWS: True}, notice="n", how="app")
    for does, reason in (
        (lambda: desk.withdraw("ada", NEWS, evidence=" "), "consent.evidence"),
        (lambda: desk.withdraw("ada", NEWS, evidence="e", actor="cat"), "consent.actor"),
        (lambda: desk.object("ada", NEWS, channel="c", evidence=""), "consent.evidence"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            does()
        assert refusal.value.reason == reason
