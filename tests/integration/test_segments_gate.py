"""Segments behind the gate: trained, shown, released, forgotten."""

from __future__ import annotations

import csv
import random
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.policy import load
from privet.segments import KMeans

ITEMS = {f"item-{n}": f"d{n % 3}" for n in range(9)}
HABITS = {"often": (12, 1), "seldom": (2, 1), "big": (4, 9)}  # baskets, items in each
SPEC = KMeans(["frequency", "monetary", "average_order"], k=3)
LEAST = 4


def policy(root: Path) -> Path:
    """The grocery pack, with a least size that suits three dozen people."""
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        loose = text.replace("least: 50", f"least: {LEAST}").replace("least: 20", "least: 4")
        (root / f"{name}.yaml").write_text(loose)
    return root / "policy.yaml"


class Market:
    """A shop with three dozen people of three habits, and the doors to it."""

    def __init__(self, where: str, tmp: Path, clock: Any) -> None:
        self.clock = clock
        self.shop = privet.open(
            where, policy=policy(tmp / "p"), keyring=f"file:{tmp / 'k'}", clock=clock, sync="OFF"
        )
        operator = self.shop.principal("op", roles=["operator"])
        operator.admin.load_items(
            [{"item": i, "type": d, "department": d} for i, d in ITEMS.items()]
        )
        till = self.shop.principal("till", roles=["storefront"])
        self.till, self.orders = till, till.purpose("orders")
        self.group = self.shop.principal("n", roles=["trainer"]).purpose("segmentation").segments
        self.look = self.shop.principal("a", roles=["analyst"]).purpose("segmentation").segments
        self.mail = self.shop.principal("m", roles=["marketer"]).purpose("newsletter").segments

    def person(self, name: str, habit: str, *, mail: bool = True, group: bool = True) -> None:
        self.till.consent.begin(name, "orders")
        answers = {"segmentation": group, "newsletter": mail}
        self.shop.subject(name, proof="s").consent.answer(answers, notice="n", how="web")
        self.orders.describe(name, email=f"{name}@example.com", age="35-44")
        self.buys(name, habit)

    def buys(self, name: str, habit: str) -> None:
        rng = random.Random(name + habit)
        baskets, size = HABITS[habit]
        for basket in range(baskets):
            at = self.clock.now() - timedelta(days=rng.randint(1, 20), minutes=basket)
            for item in list(ITEMS)[:size]:
                self.orders.record(
                    name, "purchase", at=at, item=item, basket=f"{name}-{at:%d%H%M}-{basket}",
                    quantity=1, value=rng.randint(100, 300) / 100, discount=0, coupon=0, store="s",
                )  # fmt: skip

    def live(self, name: str = "habits", spec: KMeans = SPEC, **more: Any) -> privet.Version:
        version = self.group.train(name, spec, **more)
        self.group.evaluate(version)
        self.group.serve(version)
        return version

    def segment_of(self, name: str) -> str:
        found = self.group.of(name)
        assert found is not None
        return found

    def withdraw(self, name: str, purpose: str) -> None:
        self.shop.subject(name, proof="s").consent.withdraw(purpose)

    def digest(self) -> str:
        return self.group.list()[-1].digest.hex()


@pytest.fixture
def open_market(clock: Any, where: str, tmp_path: Path) -> Iterator[Callable[..., Market]]:
    made: list[Market] = []

    def opened(place: str = where) -> Market:
        made.append(Market(place, tmp_path / f"m{len(made)}", clock))
        return made[-1]

    (tmp_path / "m0").mkdir()
    (tmp_path / "m1").mkdir()
    yield opened
    for market in made:
        market.shop.close()


def filled(market: Market, without: tuple[str, ...] = ()) -> Market:
    for n in range(24):
        name = f"person-{n:02}"
        if name not in without:
            market.person(name, sorted(HABITS)[n % 3], mail=n % 4 != 3)
    return market


@pytest.fixture
def market(open_market: Callable[..., Market]) -> Market:
    return filled(open_market())


def test_a_day_with_segments(market: Market, tmp_path: Path) -> None:
    version = market.live()
    assert version.subjects == 24
    shown = market.look.show()
    assert list(shown.columns) == ["segment", "size", "persona", "traits"]
    assert sorted(shown["size"]) == [8, 8, 8]
    often = market.segment_of("person-01")
    persona = shown.set_index("segment").loc[often, "persona"]
    assert "high frequency" in persona
    release = market.mail.release(often, fields=["profile.email"], to="mailer")
    release.to_csv(tmp_path / "campaign.csv")
    with (tmp_path / "campaign.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    everybody = {f"person-{n:02}@example.com" for n in range(1, 24, 3) if n % 4 != 3}
    assert rows[0] == ["profile.email"]
    assert {email for (email,) in rows[1:]} == everybody
    assert stat.S_IMODE((tmp_path / "campaign.csv").stat().st_mode) == 0o600
    assert release.people == len(everybody)
    history = market.shop.principal("d", roles=["auditor"]).audit.history("person-01")
    assert any(r.get("to") == "mailer" and r["purpose"] == "newsletter" for r in history)
