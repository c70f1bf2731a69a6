"""A log of which old bodies were dropped is backed up, exported and restored like any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.restores import PURPOSE, Shop

import privet
from privet.policy import load
from privet.testing import FakeClock


def test_a_log_without_its_old_bodies_is_restored(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    for name, text in load("pack:shop").documents.items():
        more = "\nafter_erasure: {kept: 7d}\n" if name == "policy" else ""
        (tmp_path / "policy" / f"{name}.yaml").write_text(text + more)
    clock = FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    stand = Shop(str(tmp_path / "home"), tmp_path, clock)
    with stand.open(tmp_path / "policy" / "policy.yaml") as shop:
        ops = shop.principal("ops", roles=["operator"]).admin
        ops.load_items([{"item": "kettle"}])
        for who in ("p0", "p1"):
            shop.subject(who, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for n in range(300):
            web.record("p0", "view", event_id=str(n), item="kettle")
        clock.advance(timedelta(days=2))
        full = stand.back_up(shop, "full")
        shop.subject("p1", proof="t").rights.erase()
        ops.seal_shard(before=clock.now() - timedelta(days=1))
        auditor = shop.principal("auditor", roles=["auditor"]).audit
        auditor.export(tmp_path / "whole")
        clock.advance(timedelta(days=8))
        ops.drop_shard(1, tmp_path / "whole")
        auditor.export(tmp_path / "export")
        newest = stand.back_up(shop, "newest") / "audit"
    for number, log in enumerate((newest, tmp_path / "export")):
        done = stand.brought_back(str(tmp_path / f"place-{number}"), full, audit=log)
        assert done.erased == 1
        with Shop(str(tmp_path / f"place-{number}"), tmp_path, clock).open() as shop:
            assert [one for one in shop.maintenance.examine() if one.state == "fail"] == []
            assert shop.subject("p0", proof="t").consent.state()[PURPOSE] == "active"
            shop.principal("auditor", roles=["auditor"]).audit.export(tmp_path / f"of-{number}")
            assert isinstance(shop.maintenance.restores()[0], privet.Restore)
