"""Retention and renewal that are stricter in places hold at reads and answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import ConsentMissing
from privet.gate.grounds import change
from privet.gate.read import read
from privet.gate.wishes import Proof, Wish
from privet.policy import load
from privet.rights.answering import herself
from privet.testing import agrees

PURPOSE = "recommendations"
RULES = "{DE: {retention: 30d, renew: 2mo}, US-CA: {retention: 60d, renew: 3mo}}"


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    texts = load("pack:shop").documents
    directory = tmp_path / "policy"
    directory.mkdir()
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(
        texts["policy"].replace(
            "    renew: 12mo\n", f"    renew: 12mo\n    jurisdictions: {RULES}\n"
        )
    )
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        where, policy=directory, keyring=keyring, clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        yield opened


def answers(shop: Deployment, person: str, where: str) -> int:
    agrees(shop, person, PURPOSE)
    parts = shop._parts
    (sno,) = parts.subjects.find([person])
    assert sno is not None
    with parts.home.data.read() as tx:
        wish = Wish(PURPOSE, "yes", seen=parts.ledger.position(tx))
    change(parts, herself(int(sno)), [(int(sno), wish)], Proof(jurisdiction=where))
    return int(sno)


def views(shop: Deployment, person: str, number: int) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    web.record(person, "view", event_id=f"{person}-{number}", item="kettle")


def rows(shop: Deployment) -> dict[int, int]:
    """How many rows of whom a training reads."""
    trainer = shop.principal("nightly", roles=["trainer"])
    found: dict[int, int] = {}
    for chunk in read(shop._parts, trainer._caller, PURPOSE, "train", ["view.item"]).chunks():
        events = chunk.events["view"]
        for i, sno in enumerate(events.subjects):
            found[int(sno)] = int(events.starts[i + 1] - events.starts[i])
    return found


def test_data_is_used_for_as_long_as_the_law_of_each_persons_place_allows(
    shop: Deployment, clock: Any
) -> None:
    people = {
        code: answers(shop, f"person-{i}", code)
        for i, code in enumerate(["FR", "DE", "US-CA", "US-NV", "US", ""])
    }
    names = [f"person-{i}" for i in range(6)]
    for name in names:
        views(shop, name, 1)
    clock.advance(timedelta(days=40))
    for name in names:
        views(shop, name, 2)
    told = {code: rows(shop)[sno] for code, sno in people.items()}
    assert told == {"FR": 2, "DE": 1, "US-CA": 2, "US-NV": 2, "US": 2, "": 1}
    clock.advance(timedelta(days=15))  # the first is 55 days old, the second 15
    assert rows(shop)[people["US-CA"]] == 2
    assert rows(shop)[people["DE"]] == 1


def test_a_consent_lapses_as_the_law_of_the_place_that_was_named_with_it_asks(
    shop: Deployment, clock: Any
) -> None:
    people = {
        code: answers(shop, f"person-{i}", code) for i, code in enumerate(["FR", "DE", "US-CA", ""])
    }
    clock.advance(timedelta(days=70))
    parts = shop._parts
    with parts.home.data.read() as tx:
        still = parts.ledger.eligible(tx, [PURPOSE], parts.now)
    assert {code for code, sno in people.items() if sno in still} == {"FR", "US-CA"}
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    with pytest.raises(ConsentMissing) as refusal:
        web.record("person-1", "view", event_id="late", item="kettle")
    assert refusal.value.reason == "ground.lapsed"
