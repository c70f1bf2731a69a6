"""Rows that were sealed before their item was known to be sensitive are moved apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.policy import load
from privet.vault import separating

PEOPLE = [f"p{n}" for n in range(6)]
BUYERS = PEOPLE[:4]
"""Who ever bought what turns out to be sensitive; the others never did."""
ITEMS = {"bread": "BREAD", "drops": "DROPS", "tea": "TEA", "pills": "ADULT ANALGESICS"}
APART = {"orders/sensitive", "orders/hold/sensitive"}


class Shop:
    def __init__(self, where: str, root: Path, clock: Any) -> None:
        self.root, self.clock = root, clock
        root.mkdir(exist_ok=True)
        for name, text in load("pack:grocery").documents.items():
            loose = text.replace("least: 20", "least: 2").replace("least: 50", "least: 2")
            (root / f"{name}.yaml").write_text(loose)
        self.where = where
        self.open()
        self.admin.load_items([{"item": i, "type": t} for i, t in ITEMS.items()])
        till = self.shop.principal("till", roles=["storefront"])
        for person in PEOPLE:
            till.consent.begin(person, "orders")
            yes = {"recommendations": True, "segmentation": True}
            self.shop.subject(person, proof="s").consent.answer(yes, notice="n", how="web")
            till.purpose("recommendations").record(person, "view", event_id=person, item="tea")

    def open(self) -> None:
        self.shop = privet.open(
            self.where,
            policy=self.root / "policy.yaml",
            keyring=f"file:{self.root / 'k'}",
            clock=self.clock,
            sync="OFF",
        )
        self.admin = self.shop.principal("op", roles=["operator"]).admin

    def frame(self) -> pd.DataFrame:
        rows = [
            (person, pd.Timestamp(self.clock.now()) - timedelta(days=n), item, f"{person}-{n}")
            for person in PEOPLE
            for n in range(5)
            for item in (
                "bread",
                "tea",
                *(("drops", "pills") if person in BUYERS and n > 2 else ()),
            )
        ]
        frame = pd.DataFrame(rows, columns=["subject", "at", "item", "basket"])
        return frame.assign(quantity=1, value=2, discount=0, coupon=0, store="s")

    def load(self) -> Any:
        frame = self.frame()
        loading = self.shop.principal("op", roles=["operator"]).purpose("orders")
        return loading.load("purchase", frame, columns={c: c for c in frame})

    def turn(self) -> None:
        """The shop learns what the drops are."""
        self.admin.load_items([{"item": "drops", "type": "LAXATIVES"}])

    def amounts(self) -> float:
        """What a purpose sees that reads amounts and no items."""
        frame = (
            self.shop.principal("a", roles=["analyst"])
            .purpose("analytics")
            .features(["monetary"], subjects=PEOPLE)
        )
        return float(frame["monetary"].sum())

    def held(self) -> dict[str, list[Any]]:
        desk = self.shop.principal("desk", roles=["privacy-desk"]).rights
        return {p: desk.access(p)["events"]["purchase"] for p in PEOPLE}

    def domains(self) -> dict[str, set[str]]:
        parts = self.shop._parts
        snos = dict(zip(PEOPLE, parts.subjects.find(PEOPLE), strict=True))
        keyed = parts.vault.keyed_domains([s for s in snos.values() if s is not None])
        return {person: keyed[sno] for person, sno in snos.items() if sno is not None}


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Shop]:
    made = Shop(where, tmp_path / "s", clock)
    made.load()
    yield made
    made.shop.close()


def test_a_run_of_maintenance_moves_them_and_nothing_else(shop: Shop) -> None:
    before, whole = shop.held(), shop.amounts()
    assert shop.shop.maintenance.overdue()["cells"] == 0
    shop.turn()
    assert shop.amounts() == whole, "who reads no items cannot leave them out"
    assert shop.shop.maintenance.overdue()["cells"] == len(PEOPLE)
    assert shop.shop.maintenance.run()["separation"] == len(BUYERS) * 2
    assert shop.shop.maintenance.overdue()["cells"] == 0
    assert shop.amounts() == whole - len(BUYERS) * 2 * 2
    assert shop.held() == before
    again = shop.load()
    assert (again.sealed, again.repeated) == (0, len(shop.frame()))
    assert shop.shop.maintenance.run()["separation"] == 0
    assert all("recommendations/sensitive" not in held for held in shop.domains().values())


def test_it_is_under_keys_of_its_own_then(shop: Shop) -> None:
    shop.turn()
    shop.shop.maintenance.run()
    assert all((held >= APART) == (p in BUYERS) for p, held in shop.domains().items())
    whole, parts = shop.amounts(), shop.shop._parts
    doms = [parts.vault._room.layouts.domains[name] for name in APART]
    for sno in parts.subjects.find(BUYERS):
        parts.keys.destroy_subject(sno, doms)
    assert shop.amounts() == whole
    left = {line["item"] for lines in shop.held().values() for line in lines}
    assert left == {"bread", "tea"}


def test_a_policy_that_learns_of_it_moves_them_too(shop: Shop) -> None:
    document = shop.root / "data.yaml"
    text = document.read_text()
    document.write_text(
        text.replace("            - LAXATIVES\n", "            - LAXATIVES\n            - DROPS\n")
    )
    assert document.read_text() != text
    before, whole = shop.held(), shop.amounts()
    shop.admin.activate(shop.root / "policy.yaml")
    shop.shop.close()
    shop.open()
    assert shop.shop.maintenance.run()["separation"] == len(BUYERS) * 2
    assert shop.amounts() < whole
    assert shop.held() == before


def test_an_item_that_is_only_told_of_otherwise_moves_nothing(shop: Shop) -> None:
    shop.admin.load_items(
        [{"item": "drops", "type": "DROPS", "brand": "b"}, {"item": "pills", "type": "LAXATIVES"}]
    )
    assert shop.shop.maintenance.overdue()["cells"] == 0
    assert shop.shop.maintenance.run()["separation"] == 0


def test_an_erasure_a_hold_and_retention_treat_both_sides_alike(shop: Shop) -> None:
    shop.turn()
    shop.shop.maintenance.run()
    desk = shop.shop.principal("desk", roles=["privacy-desk"]).rights
    fates = {line.name: line.fate for line in desk.plan(BUYERS[0])}
    assert fates["orders/sensitive/purchase"] == "destroyed"
    assert fates["orders/hold/sensitive/purchase"] == "held"
    assert desk.erase(BUYERS[0]).state == "held"
    shop.clock.advance(timedelta(days=900))
    shop.shop.maintenance.run()
    parts = shop.shop._parts
    (sno,) = parts.subjects.find([BUYERS[1]])
    with parts.home.data.read() as tx:
        rows = {h.domain: h.rows for h in parts.vault.holdings(tx, sno)}
    assert "orders/sensitive" not in rows
    assert rows["orders/hold/sensitive"] == 4


def test_where_others_write_meanwhile_it_begins_again_and_loses_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, put, calls = shop.held(), separating.put, iter(range(1000))

    def late(*args: Any) -> bool:
        return next(calls) % 3 == 2 and bool(put(*args))

    monkeypatch.setattr(separating, "put", late)
    shop.turn()
    assert shop.shop.maintenance.run()["separation"] == len(BUYERS) * 2
    assert shop.held() == before
    monkeypatch.setattr(separating, "put", lambda *_: False)
    shop.admin.load_items([{"item": "tea", "type": "SLEEPING AIDS"}])
    assert shop.shop.maintenance.run()["separation"] == -1
    assert shop.shop.maintenance.overdue()["cells"] > 0
    monkeypatch.setattr(separating, "put", put)
    assert shop.shop.maintenance.run()["separation"] == len(PEOPLE) * 6
    assert shop.held() == before
