"""What happened with one person, read for the purpose that shows it to her."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.errors import AccessDenied, ConsentMissing, Erased, InvalidInput, UnknownSubject
from privet.policy import load

FILMS = {"harbour": "Thriller", "psalms": "Religious music"}


@pytest.fixture
def service(where: str, tmp_path: Path, clock: Any) -> Iterator[privet.Deployment]:
    with privet.open(
        where, policy="pack:media", keyring=f"file:{tmp_path / 'ring'}", clock=clock, sync="OFF"
    ) as made:
        operator = made.principal("ops", roles=["operator"]).admin
        operator.load_items([{"item": i, "genre": g, "rating": "0"} for i, g in FILMS.items()])
        app = made.principal("app", roles=["storefront"])
        app.consent.begin("ada", "watching")
        watching = app.purpose("watching")
        watching.describe("ada", age="0-12")  # a child may go on where she stopped as well
        for n, film in enumerate(("psalms", "harbour", "harbour")):
            at = clock.now() - timedelta(days=n)
            watching.record("ada", "watch", at=at, play=f"p{n}", item=film, seconds=60, position=n)
        yield made


def watching(service: privet.Deployment) -> privet.principals.Access:
    return service.principal("app", roles=["storefront"]).purpose("watching")


def test_where_she_stopped_is_read_on_the_contract_oldest_first(
    service: privet.Deployment, clock: Any
) -> None:
    rows = watching(service).events("ada", "watch", "item", "position")
    assert [(row["item"], row["position"]) for row in rows] == [
        ("harbour", 2.0),
        ("harbour", 1.0),
        ("psalms", 0.0),  # a purpose shows her all that it collected itself
    ]
    assert rows[0]["at"] < rows[1]["at"] < rows[2]["at"]
    assert all(set(row) == {"at", "item", "position"} for row in rows)
    clock.advance(timedelta(days=365))
    assert len(watching(service).events("ada", "watch", "item")) == 1  # twelve months, and no more


def test_what_is_read_leaves_a_record(service: privet.Deployment) -> None:
    watching(service).events("ada", "watch", "item")
    desk = service.principal("desk", roles=["privacy-desk"]).rights
    assert [read["fields"] for read in desk.access("ada")["reads"]].count(["watch.item"]) == 1


def test_nobody_without_permit_ground_or_field_reads_any(service: privet.Deployment) -> None:
    app, operator = watching(service), service.principal("ops", roles=["operator"])
    for access, event, field, error in (
        (app, "charge", "value", AccessDenied),  # the app sees no bills
        (app, "watch", "nothing", AccessDenied),
        (app, "nothing", "item", AccessDenied),
        (operator.purpose("watching"), "watch", "item", AccessDenied),
    ):
        with pytest.raises(error):
            access.events("ada", event, field)
    with pytest.raises(InvalidInput):
        app.events("ada", "watch")
    with pytest.raises(UnknownSubject):
        app.events("bob", "watch", "item")
    service.principal("app", roles=["storefront"]).consent.end("ada", "watching")
    with pytest.raises(ConsentMissing):
        app.events("ada", "watch", "item")
    service.principal("desk", roles=["privacy-desk"]).rights.erase("ada")
    with pytest.raises((UnknownSubject, Erased)):
        app.events("ada", "watch", "item")


def test_it_is_minimized_as_the_policy_says(where: str, tmp_path: Path, clock: Any) -> None:
    for name, text in load("pack:shop").documents.items():
        if name in {"policy", "data"}:
            changed = text.replace(
                "fields: [purchase.*, profile.*]}\n  - {id: load-orders",
                "fields: [purchase.*, profile.*],"
                " minimize: {last: 1 event, time: month, purchase.value: round(10)}}\n"
                "  - {id: load-orders",
            )
            (tmp_path / f"{name}.yaml").write_text(changed)
    ring = f"file:{tmp_path / 'ring'}"
    with privet.open(where, policy=tmp_path, keyring=ring, clock=clock, sync="OFF") as shop:
        till = shop.principal("till", roles=["storefront"])
        till.consent.begin("ada", "orders")
        orders = till.purpose("orders")
        for n in range(2):
            at = clock.now() - timedelta(hours=n)
            orders.record(
                "ada", "purchase", at=at, order=f"o{n}", item="tea", quantity=1, value="17"
            )
        assert orders.events("ada", "purchase", "order", "value") == [
            {"at": "2026-02-28T23:00:00Z", "order": "o0", "value": "20.00"}
        ]
