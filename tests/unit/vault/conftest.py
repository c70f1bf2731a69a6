"""A small shop with an open vault, on whichever database the ``home`` fixture gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from pyroaring import BitMap

from privet.db import Home
from privet.types import Events, Warrant
from privet.vault import Committed, FileKeyring, Keys, Plan, Rows, Subjects, Vault

KINDS = {
    "purchase.item": ("item", 0),
    "purchase.basket": ("id", 0),
    "purchase.value": ("decimal", 2),
    "purchase.discount": ("decimal", 2),
    "view.item": ("item", 0),
    "view.dwell": ("seconds", 0),
    "profile.email": ("text", 0),
    "profile.age": ("band", 0),
}
ATOMS = [
    ("purchase", ("item", "basket")),
    ("purchase", ("value", "discount")),
    ("view", ("item", "dwell")),
    ("profile", ("email",)),
    ("profile", ("age",)),
]
DOMAINS = [
    ("orders", "orders", ""),
    ("orders/hold", "orders", "tax records"),
    ("recommendations", "recommendations", ""),
]
DOM_OF = {
    "item": "orders/hold",
    "basket": "orders/hold",
    "value": "orders/hold",
    "discount": "orders",
}
BOTH = ("orders", "orders/hold")
ALL = ("item", "basket", "value", "discount")
DAY = 86_400_000_000


def warrant(*snos: int) -> Warrant:
    return Warrant.issue(1, "orders", frozenset(snos))


@dataclass
class Shop:
    """One process's vault over a home."""

    home: Home
    keys: Keys
    subjects: Subjects
    vault: Vault

    def purchases(self, *events: tuple[int, int, int], keys: list[bytes] | None = None) -> Rows:
        """Rows from (sno, at, number): every value of an event follows from its number."""
        sno, at, number = (np.array(c, np.int64) for c in zip(*events, strict=True))
        columns = {
            "item": number,
            "basket": number + 1000,
            "value": number * 10 + 7,
            "discount": -number,
        }
        lapses = {"orders": at + 20 * DAY, "orders/hold": at + 200 * DAY}
        return Rows("purchase", DOM_OF, sno, at, columns, {}, keys, lapses)

    def seal(self, rows: Rows) -> Committed:
        snos = set(rows.snos.tolist())
        prepared = self.vault.prepare(warrant(*snos), rows)
        with self.home.data.write() as tx:
            done = self.vault.commit(tx, prepared, BitMap(snos))
        assert done is not None
        return done

    def read(self, *snos: int, fields: tuple[str, ...] = ALL, **plan: object) -> Events:
        event = plan.pop("event", "purchase")
        domains = plan.pop("domains", BOTH)
        wanted = Plan(event, fields, domains, plan.pop("not_before", None), **plan)  # type: ignore[arg-type]
        with self.home.data.read() as tx:
            fetched = self.vault.fetch(tx, wanted, snos)
        if event == "profile":
            return self.vault.profiles(warrant(*snos), fetched)
        return self.vault.open(warrant(*snos), fetched)

    def cells(self) -> int:
        with self.home.data.read() as tx:
            return tx.one("SELECT COUNT(*) FROM cell")[0]


def open_shop(home: Home, clock: object, place: object, atoms: object = ATOMS) -> Shop:
    keys = Keys(home.keys, FileKeyring(place, clock), home.deployment, clock)  # type: ignore[arg-type]
    keys.initialise()
    subjects = Subjects(home.keys, keys, clock)  # type: ignore[arg-type]
    vault = Vault(home, keys, subjects, clock)  # type: ignore[arg-type]
    vault.install(atoms, DOMAINS, KINDS)  # type: ignore[arg-type]
    return Shop(home, keys, subjects, vault)


@pytest.fixture
def another(home, clock, tmp_path):
    """Opens a further vault on the same home, as another process would."""
    return lambda atoms=ATOMS: open_shop(home, clock, tmp_path / "keyring", atoms)


@pytest.fixture
def shop(another) -> Shop:
    return another()


@pytest.fixture
def covering():
    """Makes a warrant that names these subjects."""
    return warrant
