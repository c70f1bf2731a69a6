"""Answers from elsewhere: told apart, never reviving, refused where they contradict each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import InvalidInput
from privet.gate import subject as people

RECS = "recommendations"
SAID = {"notice": "2024-02", "channel": "old system", "evidence": "export 7", "source": "crm-1"}


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        yield opened


def load(shop: Deployment, *rows: tuple[str, str, datetime], **more: Any) -> int:
    names = ["subject", "kind", "at"]
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    return desk.load(frame.assign(purpose=RECS, **more), **SAID)


def state(shop: Deployment, name: str) -> str:
    return shop.subject(name, proof="s").consent.state(RECS)[RECS]


def kinds(shop: Deployment, name: str) -> list[str]:
    (sno,) = shop._parts.subjects.find([name])
    assert sno is not None
    return [e["kind"] for e in people.grounds_of(shop._parts, sno) if e["purpose"] == RECS]


def test_an_import_is_told_apart_and_keeps_its_time(shop: Deployment, clock: Any) -> None:
    when = clock.now() - timedelta(days=40)
    assert load(shop, ("cleo", "yes", when)) == 1
    assert state(shop, "cleo") == "active"
    auditor = shop.principal("audit", roles=["auditor"]).audit
    record = next(r for r in auditor.history("cleo") if r["kind"] == "ground")
    known, said = record["ground"]["changes"]  # by what she said she becomes known
    assert known[:2] == ["known", "*"]
    assert said[:3] == ["imported:yes", RECS, int(when.timestamp()) * 1_000_000]
    assert record["ts"] == int(clock.now().timestamp()) * 1_000_000
    (details,) = [
        d for d in people.evidence_of(shop._parts, auditor._caller, _sno(shop, "cleo")) if d
    ]
    assert details["source"] == "crm-1"
    assert details["evidence"] == "export 7"
    assert len(details["import"]) == 64
    told = people.grounds_of(shop._parts, _sno(shop, "cleo"))[-1]
    assert (told["at"], told["recorded"]) == ("2026-01-21T09:30:00Z", "2026-03-02T09:30:00Z")


def _sno(shop: Deployment, name: str) -> int:
    (sno,) = shop._parts.subjects.find([name])
    assert sno is not None
    return int(sno)


@pytest.mark.parametrize("days", [-1, 0])
def test_an_import_no_newer_than_a_withdrawal_revives_nothing(
    shop: Deployment, clock: Any, days: int
) -> None:
    bob = shop.subject("bob", proof="s")
    bob.consent.answer({RECS: True}, notice="n", how="web")
    clock.advance(timedelta(days=3))
    bob.consent.withdraw(RECS)
    withdrawn = clock.now()
    clock.advance(timedelta(days=3))
    assert load(shop, ("bob", "yes", withdrawn + timedelta(days=days)), ("eve", "yes", withdrawn))
    assert (state(shop, "bob"), state(shop, "eve")) == ("withdrawn", "active")
    assert kinds(shop, "bob") == ["yes", "withdrawn", "imported:yes"]  # it is lost to nobody


def test_no_import_revives_what_was_objected_to(shop: Deployment, clock: Any) -> None:
    shop.subject("bob", proof="s").consent.object(RECS)
    clock.advance(timedelta(days=3))
    load(shop, ("bob", "yes", clock.now() - timedelta(days=1)))
    assert state(shop, "bob") == "objected"


def test_two_answers_of_one_moment_are_a_contradiction(shop: Deployment, clock: Any) -> None:
    at = clock.now() - timedelta(days=2)
    with pytest.raises(InvalidInput) as refusal:
        load(shop, ("new", "yes", at), ("ada", "yes", at), ("new", "no", at))
    assert refusal.value.reason == "import.contradiction"
    assert "rows 1 and 3" in str(refusal.value)
    assert "new" not in str(refusal.value).replace("newer", "")
    assert shop._parts.subjects.find(["new", "ada"]) == [None, None]


def test_one_event_says_one_thing(shop: Deployment, clock: Any) -> None:
    at = clock.now() - timedelta(days=2)
    rows = (("ada", "yes", at), ("ada", "yes", at + timedelta(days=1)))
    with pytest.raises(InvalidInput) as refusal:
        load(shop, *rows, event_id=["e-1", "e-1"])
    assert refusal.value.reason == "import.contradiction"


def test_a_repeated_file_is_refused_and_changes_nothing(shop: Deployment, clock: Any) -> None:
    rows = (
        ("ada", "yes", clock.now() - timedelta(days=9)),
        ("bob", "no", clock.now() - timedelta(days=8)),
    )
    assert load(shop, *rows) == 2
    before = [kinds(shop, "ada"), kinds(shop, "bob")]
    with pytest.raises(InvalidInput) as refusal:
        load(shop, *rows)
    assert refusal.value.reason == "import.repeated"
    assert [kinds(shop, "ada"), kinds(shop, "bob")] == before
    assert load(shop, *rows, ("cyd", "yes", clock.now() - timedelta(days=7))) == 1


def test_rows_count_in_the_order_of_their_times(shop: Deployment, clock: Any) -> None:
    at = clock.now() - timedelta(days=9)
    load(shop, ("ada", "withdrawn", at + timedelta(days=2)), ("ada", "yes", at))
    assert state(shop, "ada") == "withdrawn"
    load(shop, ("bob", "yes", at + timedelta(days=2)), ("bob", "no", at))
    assert state(shop, "bob") == "active"


def test_a_future_row_takes_nobody_in(shop: Deployment, clock: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        load(shop, ("ada", "yes", clock.now()), ("bob", "yes", clock.now() + timedelta(seconds=1)))
    assert refusal.value.reason == "time.future"
    assert shop._parts.subjects.find(["ada", "bob"]) == [None, None]


def test_a_yes_of_who_had_agreed_is_a_renewal(shop: Deployment, clock: Any) -> None:
    ada = shop.subject("ada", proof="s")
    ada.consent.answer({RECS: True}, notice="n", how="web", event_id="e-1")
    clock.advance(timedelta(days=400))  # lapsed, and not taken back
    renewed = ada.consent.answer({RECS: True}, notice="n", how="web", event_id="e-2")
    assert kinds(shop, "ada") == ["yes", "renewed"]
    (record,) = json.loads(renewed.document)["receipt"]["dpv:hasRecordOfActivity"]
    assert record["dpv:hasConsentStatus"][0]["@type"] == "dpv:RenewedConsentGiven"
    assert not ada.consent.answer({RECS: True}, notice="n", how="web", event_id="e-2").new
    ada.consent.withdraw(RECS)
    ada.consent.answer({RECS: True}, notice="n", how="web")
    assert kinds(shop, "ada") == ["yes", "renewed", "withdrawn", "yes"]
