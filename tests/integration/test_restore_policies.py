"""An older policy and an older emergency do not come back with an older copy of the data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.restores import PURPOSE, Shop, found

import privet
from privet.policy import load
from privet.testing import FakeClock

SAFETY = """\
  safety:
    text: Warn you of what may harm you.
    basis: {vital-interests: Warning of what may kill}
    reuses: {orders: {assessment: CA-9}}
    retention: 2y

roles:
  support: {}
"""
WARN = """\
permits:
  - {id: warn, role: support, for: safety, may: [read], fields: [profile.email], break_glass: {minutes: 30, second: [privacy-desk]}}
"""  # noqa: E501
APART = "separate: [[support, privacy-desk]]\n"


def written(place: Path, *changes: tuple[str, str]) -> Path:
    """The pack `shop` with some of its text replaced."""
    place.mkdir()
    texts = dict(load("pack:shop").documents)
    for old, new in changes:
        assert old in texts["policy"]
        texts["policy"] = texts["policy"].replace(old, new, 1)
    for name, text in texts.items():
        (place / f"{name}.yaml").write_text(text)
    return place


@pytest.fixture
def stand(tmp_path: Path) -> Shop:
    return Shop(str(tmp_path / "home"), tmp_path, FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    return str(tmp_path / "elsewhere")


def test_the_policy_that_was_activated_last_holds_again(stand: Shop, elsewhere: str) -> None:
    stricter = written(
        stand.root / "stricter", ("    retention: 13mo\n    renew", "    retention: 6mo\n    renew")
    )
    with stand.open("pack:shop") as shop:
        found(shop)
        full = stand.back_up(shop, "full")
        digest = shop.principal("ops", roles=["operator"]).admin.activate(stricter)
    with stand.open() as shop:
        newest = stand.back_up(shop, "newest") / "audit"
    with pytest.raises(privet.PolicyError) as lost:
        stand.brought_back(elsewhere, full, audit=newest)
    assert lost.value.reason == "restore.policy"
    with pytest.raises(privet.PolicyError):  # another one is none
        stand.brought_back(elsewhere, full, audit=newest, policy="pack:grocery")
    done = stand.brought_back(elsewhere, full, audit=newest, policy=stricter)
    assert done.policy == "brought forward"
    with Shop(elsewhere, stand.root, stand.clock).open() as shop:
        assert shop.policy.hash == digest
        history = shop.principal("ops", roles=["operator"]).admin.history()
        assert [one.hash for one in history][-1] == digest
        assert shop.subject("p4", proof="t").consent.state()[PURPOSE] == "active"
        assert [one for one in shop.maintenance.examine() if one.state == "fail"] == []


def test_one_that_is_kept_is_brought_forward_by_itself(stand: Shop, elsewhere: str) -> None:
    stricter = written(
        stand.root / "stricter", ("    retention: 13mo\n    renew", "    retention: 6mo\n    renew")
    )
    with stand.open("pack:shop") as shop:
        found(shop)
        shop.principal("ops", roles=["operator"]).admin.activate(stricter, loosens=True)
    with stand.open() as shop:
        full = stand.back_up(shop, "full")
        back = shop.principal("ops", roles=["operator"]).admin.activate("pack:shop", loosens=True)
    with stand.open() as shop:
        newest = stand.back_up(shop, "newest") / "audit"
    assert stand.brought_back(elsewhere, full, audit=newest).policy == "brought forward"
    with Shop(elsewhere, stand.root, stand.clock).open() as shop:
        assert shop.policy.hash == back


def test_a_policy_that_is_lost_is_accepted_in_words(stand: Shop, elsewhere: str) -> None:
    stricter = written(
        stand.root / "stricter", ("    retention: 13mo\n    renew", "    retention: 6mo\n    renew")
    )
    with stand.open("pack:shop") as shop:
        found(shop)
        full = stand.back_up(shop, "full")
        shop.principal("ops", roles=["operator"]).admin.activate(stricter)
    with stand.open() as shop:
        newest = stand.back_up(shop, "newest") / "audit"
    words = "Nobody has its documents any more; the privacy desk agrees."
    done = stand.brought_back(elsewhere, full, audit=newest, accept_loss=words)
    assert done.policy == "older"
    with Shop(elsewhere, stand.root, stand.clock).open() as shop:
        assert [r.words for r in shop.maintenance.restores()] == [words]


def test_an_emergency_that_was_ended_stays_ended(stand: Shop, elsewhere: str) -> None:
    policy = written(
        stand.root / "policy",
        ("\nroles:\n", f"\n{SAFETY}"),
        ("permits:\n", f"{APART}{WARN}"),
        ("assessments:\n", "assessments:\n  CA-9: {is: compatibility, text: A life.}\n"),
    )
    with stand.open(policy) as shop:
        found(shop)
        anna = shop.principal("anna", roles=["support"])
        dora = shop.principal("dora", roles=["privacy-desk"])
        asked = anna.emergencies.ask("warn", reason="A recall: the kettle may burn.")
        dora.emergencies.confirm(asked.number)
        full = stand.back_up(shop, "open")
        dora.emergencies.end(asked.number)
        newest = stand.back_up(shop, "ended") / "audit"
    with stand.restored(elsewhere, full, audit=newest) as shop:
        anna = shop.principal("anna", roles=["support"])
        assert [one.state for one in anna.emergencies.list()] == ["ended"]
        with pytest.raises(privet.PrivetError):
            anna.break_glass(asked.number).purpose("safety").profile("p1", "email")


HOLDS = """\
      for: 7y
      law: Keeping of tax records
    jurisdictions:
      DE: {hold: {for: 10y, law: Keeping of books there}}
      FR: {hold: {for: 3y, law: Keeping of receipts there}}
"""


def test_the_law_of_her_place_holds_again(stand: Shop, elsewhere: str) -> None:
    policy = written(
        stand.root / "policy", ("      for: 7y\n      law: Keeping of tax records\n", HOLDS)
    )
    with stand.open(policy) as shop:
        found(shop)
        herself = shop.subject("p1", proof="t")
        herself.consent.answer({PURPOSE: True}, notice="2", how="web", country="DE")
        full = stand.back_up(shop, "full")
        first = herself.rights.erase()
        newest = stand.back_up(shop, "newest") / "audit"
    with stand.restored(elsewhere, full, audit=newest) as shop:
        rows = shop._parts.home.data.all("SELECT state, certificate FROM request")
        assert [row[0] for row in rows] == ["held"]
        held = json.loads(bytes(rows[0][1]))["certificate"]["held"]
    assert held == json.loads(first.certificate)["certificate"]["held"]
    assert held[0]["law"] == "Keeping of books there"
