"""The log and the clock: what replay believes, and what a wrong clock may not bring about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AuditUnavailable, IntegrityError
from privet.testing import agrees

PURPOSE = "recommendations"


@pytest.fixture
def keyring(tmp_path: Path) -> str:
    return f"file:{tmp_path / 'keys'}"


@pytest.mark.parametrize(("kind", "mark"), [("ground", 0), ("access", 1)])
def test_a_mark_for_replay_that_is_not_the_hashed_one_is_refused(
    where: str, keyring: str, clock: Any, kind: str, mark: int
) -> None:
    with open_deployment(
        where, policy="pack:shop", keyring=keyring, clock=clock, sync="OFF"
    ) as shop:
        agrees(shop, "ada", PURPOSE)
        shop.subject("ada", proof="p").rights.access()
        parts = shop._parts
        (seq,) = [s for s, body in parts.log.leaves(0, 100) if body["kind"] == kind][-1:]
        with parts.home.data.write() as tx:  # as a data store put back to an older copy
            tx.run("UPDATE meta SET value = ? WHERE key = 'applied_seq'", (b"%d" % (seq - 1),))
        with parts.home.audit.write() as tx:
            for trigger in _triggers(tx, parts.home.audit.dialect):
                tx.run(trigger)
            assert tx.run("UPDATE record SET redo = ? WHERE seq = ?", (mark, seq)) == 1
        assert [f.state for f in shop.maintenance.examine() if f.check == "audit log"] == ["fail"]
    with pytest.raises(IntegrityError) as refusal:
        open_deployment(where, keyring=keyring, clock=clock, sync="OFF")
    assert refusal.value.reason == "log.redo"


def _triggers(tx: Any, dialect: str) -> list[str]:
    """Statements that let this test forge: the store's own triggers forbid it."""
    if dialect == "sqlite":
        rows = tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return [f"DROP TRIGGER {name}" for (name,) in rows]
    return ["ALTER TABLE record DISABLE TRIGGER ALL"]


def test_a_clock_that_ran_ahead_is_told_how_far_and_what_to_do(
    shop: Deployment, clock: Any
) -> None:
    clock.advance(timedelta(days=400))
    agrees(shop, "ada", PURPOSE)
    clock.advance(timedelta(days=-400))
    with pytest.raises(AuditUnavailable) as refusal:
        agrees(shop, "bea", PURPOSE)
    assert refusal.value.reason == "clock.backwards"
    assert str(400 * 86_400) in refusal.value.why
    assert "operate.md" in refusal.value.remedy
    clock.advance(timedelta(days=400))
    agrees(shop, "bea", PURPOSE)


def test_a_clock_that_goes_back_a_little_brings_no_lapsed_consent_to_life(
    shop: Deployment, clock: Any
) -> None:
    agrees(shop, "ada", PURPOSE)
    desk = shop.principal("dpo", roles=["privacy-desk"])
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    renew = shop.policy.purposes[PURPOSE].renew
    assert renew is not None
    clock.instant = clock.instant.replace(year=clock.instant.year + 1)
    agrees(shop, "bea", PURPOSE)  # a record at the instant of the lapse
    assert desk.consent.eligible(["ada", "bea"], PURPOSE) == {"ada": False, "bea": True}
    clock.advance(timedelta(minutes=-2))
    assert desk.consent.eligible(["ada", "bea"], PURPOSE) == {"ada": False, "bea": True}
    assert not web.recommend("ada", k=1).personal


@pytest.mark.parametrize("held", [True, False])
def test_under_a_clock_that_the_log_refuses_nothing_is_destroyed(
    shop: Deployment, clock: Any, *, held: bool
) -> None:
    agrees(shop, "ada", "orders", PURPOSE)
    web = shop.principal("web", roles=["storefront"])
    web.purpose("orders").record(
        "ada", "purchase", item="kettle", order="1", quantity=1, value="2.00"
    )
    web.purpose(PURPOSE).record("ada", "view", event_id="1", item="kettle")
    (ada,) = shop._parts.subjects.find(["ada"])
    assert ada is not None
    if held:
        assert shop.subject("ada", proof="p").rights.erase().state == "held"
    keys = shop._parts.vault.keyed_domains([ada])[ada]
    clock.advance(timedelta(days=365 * 12))
    agrees(shop, "bea", PURPOSE)  # a record of the day to which the clock had jumped
    clock.advance(timedelta(days=-365 * 12))
    done = shop.maintenance.run()
    assert done["holds" if held else "withdrawals"] == -1
    assert shop._parts.vault.keyed_domains([ada])[ada] == keys
