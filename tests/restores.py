"""A shop that is backed up at every moment of a few people's lives, and places to restore it to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import privet
from privet.recommend import Popularity
from privet.testing import FakeClock

PURPOSE = "recommendations"
PEOPLE = tuple(f"p{n}" for n in range(6))


@contextmanager
def database(server: Any) -> Iterator[str]:
    """A fresh database on a test server."""
    import psycopg

    name = f"r{os.urandom(6).hex()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.get_uri(name)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Shop:
    """A shop at a place, with a keyring and backups beside it."""

    where: str
    root: Path
    clock: FakeClock
    backups: dict[str, Path] = field(default_factory=dict)

    @property
    def keyring(self) -> str:
        return f"file:{self.root / 'ring'}"

    def open(self, policy: str | Path | None = None) -> privet.Deployment:
        return privet.open(
            self.where, policy=policy, keyring=self.keyring, clock=self.clock, sync="OFF"
        )

    def back_up(self, shop: privet.Deployment, name: str) -> Path:
        place = self.root / "backups" / name
        shop.maintenance.backup(place)
        self.clock.advance(timedelta(minutes=1))
        self.backups[name] = place
        return place

    def restored(self, where: str, backup: Path, **more: Any) -> privet.Deployment:
        """Restore to another place, and open that."""
        self.brought_back(where, backup, **more)
        return Shop(where, self.root, self.clock).open()

    def brought_back(self, where: str, backup: Path, **more: Any) -> privet.Restored:
        return privet.restore(
            where, backup, keyring=self.keyring, clock=self.clock, sync="OFF", **more
        )


def looks(shop: privet.Deployment, who: str, n: int = 1) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for k in range(n):
        web.record(who, "view", event_id=f"{who}-{k}", item=f"item-{(hash_of(who) + k) % 5}")


def hash_of(who: str) -> int:
    return int(who[1:])


def found(shop: privet.Deployment) -> None:
    """Stock the shop and let everybody agree; they look around, and order."""
    ops = shop.principal("ops", roles=["operator"])
    ops.admin.load_items([{"item": f"item-{n}", "text": f"thing {n}"} for n in range(5)])
    web = shop.principal("web", roles=["storefront"])
    for who in PEOPLE:
        shop.subject(who, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
        looks(shop, who, 2)
    web.consent.begin("p1", "orders", reference="account")
    web.purpose("orders").record(
        "p1", "purchase", order="o1", item="item-1", quantity=1, value="9.50"
    )


def train(shop: privet.Deployment) -> str:
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    version = models.train("popular", Popularity(event="view"))
    models.serve(version)
    return str(version.digest)


def rows_of(shop: privet.Deployment, sno: int) -> dict[str, int]:
    """How many rows of each kind the stores hold of one ordinal."""
    parts: Any = shop._parts  # type: ignore[attr-defined]
    tables = {
        "data": ("cell", "head", "contribution", "ledger", "ground"),
        "keys": ("subject_key",),
    }
    return {
        table: len(getattr(parts.home, store).all(f"SELECT 1 FROM {table} WHERE sno = ?", (sno,)))
        for store, names in tables.items()
        for table in names
    }


def number_of(shop: privet.Deployment, who: str) -> int | None:
    parts: Any = shop._parts  # type: ignore[attr-defined]
    (sno,) = parts.subjects.find([who])
    return None if sno is None else int(sno)


Moment = Callable[[privet.Deployment], object]

LIFE: dict[str, Moment] = {
    "agreed": found,
    "learned": train,
    "withdrew": lambda shop: shop.subject("p2", proof="t").consent.withdraw(PURPOSE, how="web"),
    "erased": lambda shop: shop.subject("p0", proof="t").rights.erase(),
    "held": lambda shop: shop.subject("p1", proof="t").rights.erase(),
    "restricted": lambda shop: shop.principal("d", roles=["privacy-desk"]).consent.restrict(
        "p3", reason="evidence"
    ),
}
"""What happens, in this order; a backup is taken after each."""
