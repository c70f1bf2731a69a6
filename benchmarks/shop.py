"""The shop that the figures are measured on: synthetic, from one seed, in two forms.

Once behind the gate (the grocery pack, everybody agreed), and once as an app without
privet would keep it: one SQLite table with text ids, a unique index on the app's key and
one on subject and time.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from privet.deployment import Deployment, open_deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS = 1000
DAYS = 300
COLUMNS = {
    "subject": "subject",
    "at": "at",
    "item": "item",
    "basket": "basket",
    "quantity": "quantity",
    "value": "value",
    "discount": "discount",
    "coupon": "coupon",
    "store": "store",
}
FIELDS = ("item", "basket", "quantity")
"""Three integer fields: what the bulk figures read."""
PLAIN = """
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, item INTEGER NOT NULL,
    basket INTEGER NOT NULL, quantity INTEGER NOT NULL, value INTEGER NOT NULL,
    discount INTEGER NOT NULL, coupon INTEGER NOT NULL, store INTEGER NOT NULL
);
CREATE UNIQUE INDEX purchase_key ON purchase (basket, item);
CREATE INDEX purchase_subject ON purchase (subject, at);
"""
INSERT = (
    "INSERT INTO purchase (subject, at, item, basket, quantity, value, discount, coupon, store) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (basket, item) DO NOTHING"
)


@dataclass(frozen=True)
class Size:
    """How much: subjects, events of each on average, repetitions; people of the ledger."""

    subjects: int = 2000
    events: int = 100
    points: int = 400
    rounds: int = 5
    people: int = 1_000_000


QUICK = Size(subjects=60, events=20, points=12, rounds=1, people=300)


def people(size: Size) -> list[str]:
    """The app's own ids."""
    return [f"person-{i:06d}" for i in range(size.subjects)]


def sales(size: Size, seed: int = 7) -> pd.DataFrame:
    """One row a purchase, in order of time; lengths of histories differ, items are skewed."""
    generator = np.random.default_rng(seed)
    weights = generator.gamma(2.0, size=size.subjects) + 0.2
    count = size.subjects * size.events
    owner = generator.choice(size.subjects, count, p=weights / weights.sum())
    # Baskets of about eight rows: rows of one subject share one by her own counting.
    owner.sort()
    basket = 30_000_000_000 + np.arange(count) // 8 + owner * 10
    items = np.minimum(generator.zipf(1.3, count) - 1, ITEMS - 1) * 7919 % ITEMS
    frame = pd.DataFrame({"owner": owner, "basket": basket, "item_no": items})
    frame = frame.drop_duplicates(["basket", "item_no"], ignore_index=True)
    rows = len(frame)
    first = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(days=DAYS)
    minutes = frame["basket"].map(
        dict(zip(*_minutes(frame["basket"].unique(), generator), strict=True))
    )
    names = np.array(people(size), dtype=object)
    frame = frame.assign(
        subject=names[frame["owner"]],
        at=(first + pd.to_timedelta(minutes, unit="min")).astype("datetime64[us, UTC]"),
        item=np.array(item_ids(), dtype=object)[frame["item_no"]],
        quantity=generator.integers(1, 9, rows),
        value=generator.integers(20, 4000, rows) / 100,
        discount=generator.integers(0, 200, rows) / 100,
        coupon=0.0,
        store=generator.integers(300, 500, rows),
    )
    return frame.sort_values(["at", "basket"], kind="stable", ignore_index=True)


def _minutes(baskets: np.ndarray, generator: np.random.Generator) -> tuple[list[int], list[int]]:
    return baskets.tolist(), generator.integers(0, DAYS * 1440, len(baskets)).tolist()


def item_ids() -> list[str]:
    """Ids of the catalogue."""
    return [f"item-{i}" for i in range(ITEMS)]


def catalogue() -> pd.DataFrame:
    """The items, of 20 departments and 100 types."""
    return pd.DataFrame(
        {
            "item": item_ids(),
            "department": [f"department {i % 20}" for i in range(ITEMS)],
            "category": [f"category {i % 50}" for i in range(ITEMS)],
            "type": [f"type {i % 100}" for i in range(ITEMS)],
            "brand": "own",
            "size": "1",
        }
    )


def opened(where: str | Path, keyring: Path, *, durable: bool = True) -> Deployment:
    """The shop's deployment; ``durable=False`` leaves the disk out, to see the rest."""
    return open_deployment(
        where,
        policy="pack:grocery",
        keyring=f"file:{keyring}",
        sync="FULL" if durable else "OFF",
    )


def begin(shop: Deployment, size: Size) -> None:
    """Load the catalogue; everybody agrees."""
    shop.principal("ops", roles=["operator"]).admin.load_items(catalogue())
    agree(shop, size)


def agree(shop: Deployment, size: Size) -> None:
    """Everybody has an account and agrees to two purposes."""
    at = pd.Timestamp.now("UTC") - pd.Timedelta(days=1)
    ids = people(size)
    contracts = pd.DataFrame({"subject": ids, "purpose": "orders", "kind": "begun", "at": at})
    agreed = pd.concat(
        pd.DataFrame({"subject": ids, "purpose": purpose, "kind": "yes", "at": at})
        for purpose in ("recommendations", "segmentation")
    )
    till = shop.principal("till", roles=["storefront"])
    till.consent.load(contracts, notice="", channel="account", evidence="contract")
    desk = shop.principal("desk", roles=["privacy-desk"])
    desk.consent.load(agreed, notice="2026-01", channel="import", evidence="form")


def load(shop: Deployment, frame: pd.DataFrame) -> float:
    """Seal all sales; seconds."""
    access = shop.principal("ops", roles=["operator"]).purpose("orders")
    began = time.perf_counter()
    report = access.load("purchase", frame, columns=COLUMNS)
    seconds = time.perf_counter() - began
    if report.sealed != len(frame):
        raise RuntimeError(f"not everything was sealed: {report!r}")
    return seconds


def rows_of(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Rows of the plain table: codes and cents, as an app would keep them."""
    columns = (
        frame["subject"],
        frame["at"].to_numpy("datetime64[us]").astype(np.int64),
        frame["item_no"],
        frame["basket"],
        frame["quantity"],
        *((frame[n] * 100).round().astype(np.int64) for n in ("value", "discount", "coupon")),
        frame["store"],
    )
    return zip(*(np.asarray(c).tolist() for c in columns), strict=True)


def connect(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """A connection as the stores have it: write-ahead log, commits synced or not."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def plain(path: Path, frame: pd.DataFrame) -> float:
    """Write the plain table; seconds, from the frame on."""
    with closing(connect(path)) as connection:
        connection.executescript(PLAIN)
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows_of(frame))
        connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return seconds
