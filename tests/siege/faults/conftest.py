"""A small shop on either database, and the means to stop it at a chosen point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.policy import load
from privet.recommend import ItemItem, Popularity

PURPOSE = "recommendations"
ITEMS = [f"item-{n}" for n in range(6)]


class Stopped(BaseException):
    """Stands for the process dying here: nothing below may catch it."""


class Shop:
    """One home, opened as often as a test wants to."""

    def __init__(self, where: str, keyring: Path, policy: Path, clock: Any) -> None:
        self.where, self.keyring, self.policy, self.clock = where, keyring, policy, clock
        self.open_now: list[privet.Deployment] = []

    def open(self, *, sync: str = "OFF", clock: Any = None) -> privet.Deployment:
        shop = privet.open(
            self.where,
            policy=self.policy,
            keyring=f"file:{self.keyring}",
            clock=clock or self.clock,
            sync=sync,
        )
        self.open_now.append(shop)
        return shop

    def stocked(self, population: int = 4) -> privet.Deployment:
        """A home with people who agreed, looked and bought, and two live models."""
        shop = self.open()
        operator = shop.principal("operator", roles=["operator"])
        operator.admin.load_items([{"item": i, "title": i, "text": i} for i in ITEMS])
        for n in range(population):
            self.join(shop, f"p{n}")
        self.train(shop, "pairs", ItemItem(event="view", floor=1))
        self.train(shop, "popular", Popularity(event="view", least=1))
        return shop

    def join(self, shop: privet.Deployment, person: str) -> None:
        shop.subject(person, proof="t").consent.answer({PURPOSE: True}, notice="n", how="web")
        views = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for n in range(3):
            item = ITEMS[(sum(map(ord, person)) * (n + 1)) % len(ITEMS)]
            views.record(person, "view", event_id=f"v{n}", item=item)

    def buy(self, shop: privet.Deployment, person: str) -> None:
        web = shop.principal("web", roles=["storefront"])
        web.consent.begin(person, "orders")
        web.purpose("orders").record(
            person, "purchase", item=ITEMS[0], order="o1", quantity=1, value="2.50"
        )

    def train(self, shop: privet.Deployment, name: str, spec: Any) -> privet.Version:
        desk = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
        version = desk.models.train(name, spec)
        desk.models.serve(version)
        return version

    def close(self) -> None:
        for shop in self.open_now:
            shop.close()


@pytest.fixture(scope="session")
def shop_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's policy with floors of one."""
    directory = tmp_path_factory.mktemp("policy")
    texts = load("pack:shop").documents
    floors = "co_count_floor: 10, least: 5"
    assert floors in texts["policy"]
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(
        texts["policy"].replace(floors, "co_count_floor: 1, least: 1")
    )
    return directory


@pytest.fixture
def market(where: str, tmp_path: Path, shop_policy: Path, clock: Any) -> Iterator[Shop]:
    """On SQLite, then on PostgreSQL."""
    shop = Shop(where, tmp_path / "keyring", shop_policy, clock)
    yield shop
    shop.close()


@pytest.fixture
def stall(tmp_path: Path, shop_policy: Path, clock: Any) -> Iterator[Shop]:
    """On SQLite alone."""
    shop = Shop(str(tmp_path / "home"), tmp_path / "keyring", shop_policy, clock)
    yield shop
    shop.close()


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Let a process die before, or after, the n-th call of ``owner.name``."""

    def arm(owner: Any, name: str, *, call: int = 1, after: bool = False) -> None:
        real, calls = getattr(owner, name), [0]

        def stopping(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] != call:
                return real(*args, **kwargs)
            if after:
                real(*args, **kwargs)
            raise Stopped

        monkeypatch.setattr(owner, name, stopping)

    return arm


@pytest.fixture
def stopped() -> type[Stopped]:
    return Stopped
