"""Clocks that jump (attack 10): no lapsed consent comes back, and the log never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import privet
from privet.errors import AuditUnavailable, ConsentMissing, InvalidInput, PrivetError
from privet.recommend import ContentTFIDF
from privet.testing import FakeClock, agrees

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
YEARS = timedelta(days=3653)


class Shop:
    """A shop where Ada agreed to suggestions, looked at a kettle, and gets lists."""

    def __init__(self, where: str, keyring: Path) -> None:
        self.clock = FakeClock(START)
        self._at = {"home": where, "keyring": f"file:{keyring}"}
        self.open = privet.open(
            where, policy="pack:shop", keyring=self._at["keyring"], clock=self.clock, sync="OFF"
        )
        self.open.principal("op", roles=["operator"]).admin.load_items(
            [{"item": f"kettle-{n}", "text": "water kettle"} for n in range(3)]
        )
        models = self.open.principal("n", roles=["trainer"]).purpose("recommendations").models
        models.serve(models.train("picks", ContentTFIDF(text=("text",), event="view")))
        self.ada = agrees(self.open, "ada-lovelace", "orders", "recommendations")
        self.web.record("ada-lovelace", "view", event_id="v1", item="kettle-0")

    @property
    def web(self) -> privet.Access:
        return self.open.principal("web", roles=["storefront"]).purpose("recommendations")

    @property
    def personal(self) -> bool:
        return self.web.recommend("ada-lovelace", k=2).personal

    @property
    def times(self) -> list[int]:
        return [body["ts"] for _, body in self.open._parts.log.leaves(0, 10_000)]

    def reopen(self) -> None:
        self.open.close()
        self.open = privet.open(**self._at, clock=self.clock, sync="OFF")


@pytest.fixture
def shop(where: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(where, tmp_path / "keyring")
    yield made
    made.open.close()


def test_a_consent_lapses_and_no_clock_brings_it_back(shop: Shop) -> None:
    assert shop.personal
    shop.clock.advance(YEARS)
    assert not shop.personal
    shop.ada.consent.ask(["recommendations"])
    shop.open.maintenance.run()
    size = shop.open._parts.log.size()
    shop.clock.set(START + timedelta(minutes=1))
    for _ in range(2):
        with pytest.raises(AuditUnavailable) as refusal:
            shop.web.recommend("ada-lovelace", k=2)
        assert refusal.value.reason == "clock.backwards"
        assert shop.open._parts.log.size() == size
        shop.reopen()


def test_a_lapse_is_seen_at_the_instant_and_not_before(shop: Shop) -> None:
    renew = shop.open.policy.purposes["recommendations"].renew
    assert renew is not None
    from privet.clock import instant, micros

    end = instant(renew.after(micros(START)))
    shop.clock.set(end - timedelta(microseconds=1))
    assert shop.personal
    shop.clock.set(end)
    assert not shop.personal


def test_a_little_backwards_is_what_clocks_do(shop: Shop) -> None:
    """Machines differ by minutes: nothing is refused, and the log's times still rise."""
    shop.clock.advance(timedelta(seconds=-90))
    assert shop.personal
    assert shop.web.record("ada-lovelace", "view", event_id="v2", item="kettle-1").new
    assert shop.times == sorted(shop.times)


@pytest.mark.parametrize("by", [timedelta(hours=-1), -YEARS])
def test_a_clock_that_went_back_opens_and_keeps_nothing(shop: Shop, by: timedelta) -> None:
    size = shop.open._parts.log.size()
    shop.clock.advance(by)
    attempts = [
        lambda: shop.web.recommend("ada-lovelace", k=2),
        lambda: shop.web.record("ada-lovelace", "view", event_id="v3", item="kettle-1"),
        lambda: shop.ada.consent.withdraw("recommendations"),
        lambda: shop.ada.rights.erase(),
        lambda: shop.ada.rights.access(),
    ]
    for attempt in attempts:
        with pytest.raises(PrivetError):
            attempt()
    assert shop.open._parts.log.size() == size
    shop.clock.set(START + timedelta(seconds=1))
    assert shop.personal
    seen = shop.ada.rights.access()["events"]["view"]
    assert [row["event_id"] for row in seen] == ["v1"]


def test_a_withdrawal_is_never_undone_by_an_earlier_yes(shop: Shop) -> None:
    shop.clock.advance(timedelta(days=2))
    shop.ada.consent.withdraw("recommendations")
    desk = shop.open.principal("desk", roles=["privacy-desk"]).consent
    for at in (START - YEARS, START, START + timedelta(days=1)):
        with pytest.raises(PrivetError) as refusal:
            desk.on_behalf(
                "ada-lovelace", {"recommendations": True}, notice="n", channel="c",
                evidence="e", at=at,
            )  # fmt: skip
        assert refusal.value.code == "ground.stale"
        assert not shop.personal


def test_what_comes_from_the_future_is_refused(shop: Shop) -> None:
    for ahead in (timedelta(hours=1), YEARS, datetime.max.replace(tzinfo=UTC) - START):
        with pytest.raises(InvalidInput) as refusal:
            shop.web.record(
                "ada-lovelace", "view", event_id="v4", item="kettle-1", at=START + ahead
            )
        assert refusal.value.reason == "time.future"
    desk = shop.open.principal("desk", roles=["privacy-desk"]).consent
    said = {"notice": "n", "channel": "c", "evidence": "e"}
    with pytest.raises(InvalidInput) as refusal:
        desk.on_behalf("ada-lovelace", {"newsletter": True}, at=START + timedelta(days=1), **said)
    assert refusal.value.reason == "time.future"
    early = datetime.min.replace(tzinfo=UTC)
    with pytest.raises(InvalidInput):
        shop.web.record("ada-lovelace", "view", event_id="v5", item="kettle-1", at=early)
    with pytest.raises(PrivetError):
        desk.on_behalf("ada-lovelace", {"newsletter": True}, at=early, **said)
    assert shop.ada.consent.state()["newsletter"] == "none"


def test_a_consent_of_long_ago_is_lapsed_when_it_arrives(shop: Shop) -> None:
    desk = shop.open.principal("desk", roles=["privacy-desk"]).consent
    old = START - timedelta(days=400)
    desk.on_behalf(
        "bob-the-second", {"recommendations": True}, notice="n", channel="c", evidence="e", at=old
    )
    assert desk.state("bob-the-second")["recommendations"] == "lapsed"
    with pytest.raises(ConsentMissing):
        shop.web.record("bob-the-second", "view", event_id="v6", item="kettle-1")


def test_a_clock_at_the_edge_of_the_calendar_is_refused_typed(shop: Shop) -> None:
    for edge in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
        shop.clock.set(edge)
        with pytest.raises(PrivetError):
            shop.ada.consent.answer({"newsletter": True}, notice="n", how="web")
        with pytest.raises(PrivetError):
            shop.web.record("ada-lovelace", "view", event_id="v7", item="kettle-1")
        shop.clock.set(START)
    assert shop.personal
