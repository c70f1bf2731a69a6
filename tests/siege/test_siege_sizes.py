"""Too much of everything (attack 27): refused typed, at once, in bounded memory."""

from __future__ import annotations

import decimal
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import privet
from privet.errors import InvalidInput, PrivetError
from privet.testing import FakeClock, agrees, deployment

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WHO = "ada-lovelace"
MEGABYTE = "x" * (1 << 20)
HUGE = 10**10_000  # more digits than Python turns into text
HALF = "\ud800"
GOOD: dict[str, Any] = {"item": "i", "order": "o", "quantity": 1, "value": 1}
SAID = {"notice": "n", "channel": "c", "evidence": "e"}
SECONDS = 0.5  # on a busy machine; most take less than a millisecond
GROWTH = 32 << 20


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Shop:
    """A deployment with Ada in it, and everybody who may come with something too large."""

    def __init__(self, root: Path) -> None:
        self.open = deployment(root, clock=FakeClock(START))
        self.ada = agrees(self.open, WHO, "orders", "recommendations")
        self.till = self.as_("storefront").purpose("orders")
        self.web = self.as_("storefront").purpose("recommendations")
        self.loading = self.as_("operator").purpose("orders")
        self.desk = self.as_("privacy-desk")
        self.admin = self.as_("operator").admin

    def as_(self, role: str) -> privet.Principal:
        return self.open.principal(role, roles=[role])

    def buy(self, **other: object) -> object:
        return self.till.record(WHO, "purchase", **{**GOOD, **other})

    def answer(self, answers: object = None, **other: Any) -> object:
        said = {"notice": "n", "how": "web", **other}
        given = {"newsletter": True} if answers is None else answers
        return self.ada.consent.answer(given, **said)  # type: ignore[arg-type]

    def load(self, **other: object) -> dict[str, int]:
        """Reasons for which a row with these values was refused."""
        frame = pd.DataFrame({"who": [WHO], "at": [pd.Timestamp(START)], **GOOD})
        for name, value in other.items():
            frame[name] = pd.Series([value], dtype=object)
        return self.loading.load("purchase", frame, columns=COLUMNS).reasons()


COLUMNS = {"who": "subject", "at": "at", **{name: name for name in GOOD}}
MANY: Mapping[str, bool] = {f"key-{n}": True for n in range(10**6)}
FIELDS = {f"field_{n}": 1 for n in range(10**5)}
DEEP = nested(100_000)

Act = Callable[[Shop], object]
ACTS: dict[str, Act] = {
    "an id of a megabyte": lambda s: s.till.record(MEGABYTE, "purchase", **GOOD),
    "an endless id": lambda s: s.till.record(HUGE, "purchase", **GOOD),
    "an endless subject": lambda s: s.open.subject(HUGE, proof="p").consent.state(),
    "a subject of a megabyte": lambda s: s.open.subject(MEGABYTE, proof="p"),
    "a proof of a megabyte": lambda s: s.open.subject(WHO, proof=MEGABYTE),
    "a name of a megabyte": lambda s: s.open.principal(MEGABYTE, roles=["trainer"]),
    "a role of a megabyte": lambda s: s.as_(MEGABYTE),
    "a hundred thousand roles": lambda s: s.open.principal("x", roles=FIELDS),
    "a purpose of a megabyte": lambda s: s.as_("trainer").purpose(MEGABYTE),
    "an event of a megabyte": lambda s: s.till.record(WHO, MEGABYTE, **GOOD),
    "an item of a megabyte": lambda s: s.buy(item=MEGABYTE),
    "an endless item": lambda s: s.buy(item=HUGE),
    "an endless order": lambda s: s.buy(order=HUGE),
    "an endless quantity": lambda s: s.buy(quantity=HUGE),
    "a megabyte of digits": lambda s: s.buy(quantity="9" * (1 << 20)),
    "an endless exponent": lambda s: s.buy(quantity=decimal.Decimal("1e999999")),
    "an endless fraction": lambda s: s.buy(value=decimal.Decimal("1e-999999")),
    "a float beyond all": lambda s: s.buy(value=1e308),
    "an infinite quantity": lambda s: s.buy(quantity=float("inf")),
    "a complex quantity": lambda s: s.buy(quantity=1j),
    "an array": lambda s: s.buy(quantity=np.zeros(3)),
    "a deep quantity": lambda s: s.buy(quantity=DEEP),
    "a deep item": lambda s: s.buy(item=DEEP),
    "a deep text": lambda s: s.till.describe(WHO, email=DEEP),
    "a text of a megabyte": lambda s: s.till.describe(WHO, email=MEGABYTE),
    "a million keys as a text": lambda s: s.till.describe(WHO, email=MANY),
    "a hundred thousand fields": lambda s: s.till.record(WHO, "purchase", **FIELDS),
    "a profile of as many": lambda s: s.till.describe(WHO, **FIELDS),
    "as many asked for": lambda s: s.till.profile(WHO, *FIELDS),
    "a field of a megabyte": lambda s: s.till.profile(WHO, MEGABYTE),
    "a million answers": lambda s: s.answer(MANY),
    "answers that are none": lambda s: s.answer(5),
    "an answer of a megabyte": lambda s: s.answer({MEGABYTE: True}),
    "a notice of megabytes": lambda s: s.answer(notice=MEGABYTE * 8),
    "a way of a megabyte": lambda s: s.answer(how=MEGABYTE),
    "an event id of a megabyte": lambda s: s.answer(event_id=MEGABYTE),
    "half a character as notice": lambda s: s.answer(notice=HALF),
    "half a character as way": lambda s: s.answer(how=HALF),
    "half a character as event id": lambda s: s.answer(event_id=HALF),
    "an event id that is a number": lambda s: s.answer(event_id=5),
    "an endless position": lambda s: s.answer(seen=HUGE),
    "a position that is a text": lambda s: s.answer(seen="5"),
    "a position that is a fraction": lambda s: s.answer(seen=0.5),
    "evidence of a megabyte": lambda s: s.desk.consent.on_behalf(
        WHO, {"newsletter": True}, notice="n", channel="c", evidence=MEGABYTE
    ),
    "a letter of a megabyte": lambda s: s.desk.consent.withdraw(
        WHO, "newsletter", evidence=MEGABYTE
    ),
    "a reason of a megabyte": lambda s: s.desk.consent.restrict(WHO, reason=MEGABYTE),
    "a million withdrawals": lambda s: s.ada.consent.withdraw(*MANY),
    "a million questions": lambda s: s.ada.consent.ask(list(MANY)),
    "as many features": lambda s: s.web.features(list(FIELDS)),
    "a feature of a megabyte": lambda s: s.web.features([f"share:{MEGABYTE}"]),
    "features of an endless id": lambda s: s.web.features(["recency"], subjects=[HUGE]),
    "an endless list": lambda s: s.web.recommend(WHO, k=HUGE),
    "a list as long as a text": lambda s: s.web.recommend(WHO, k="5"),  # type: ignore[arg-type]
    "a list as long as true": lambda s: s.web.recommend(WHO, k=True),
    "a list among lists": lambda s: s.web.recommend(WHO, among=[DEEP]),  # type: ignore[list-item]
    "a list for an endless id": lambda s: s.web.recommend(HUGE),
    "lists for endless ids": lambda s: s.web.recommend_many([WHO, HUGE]),
    "lists for a megabyte": lambda s: s.web.recommend_many([MEGABYTE]),
    "eligible of a megabyte": lambda s: s.desk.consent.eligible([MEGABYTE], "orders"),
    "a request of a megabyte": lambda s: s.desk.rights.erase(WHO, request=MEGABYTE),
    "half a character as request": lambda s: s.desk.rights.erase(WHO, request=HALF),
    "an item id of a megabyte": lambda s: s.admin.load_items([{"item": MEGABYTE}]),
    "an endless item id": lambda s: s.admin.load_items([{"item": HUGE}]),  # type: ignore[dict-item]
    "half a character of an item": lambda s: s.admin.load_items([{"item": "a", "text": HALF}]),
    "megabytes about an item": lambda s: s.admin.load_items([{"item": "a", "text": MEGABYTE}]),
    "a deep text of an item": lambda s: s.admin.load_items(
        [{"item": "a", "text": DEEP}]  # type: ignore[dict-item]
    ),
    "items that are none": lambda s: s.admin.load_items([5]),  # type: ignore[list-item]
    "columns without end": lambda s: s.admin.load_items(
        [{"item": "a"}], columns=dict.fromkeys(FIELDS, "text")
    ),
    "a model of a megabyte": lambda s: s.web.models.train(MEGABYTE, None),  # type: ignore[arg-type]
    "a policy of a megabyte": lambda s: s.admin.activate(MEGABYTE),
    "a pack of a megabyte": lambda s: s.admin.activate(f"pack:{MEGABYTE}"),
    "a policy that is a number": lambda s: s.admin.activate(5),  # type: ignore[arg-type]
    "a frame that is none": lambda s: s.loading.load(
        "purchase", 5, columns=COLUMNS  # type: ignore[arg-type]
    ),
    "as many columns": lambda s: s.loading.load(
        "purchase", pd.DataFrame({"who": [WHO]}), columns={**COLUMNS, **dict.fromkeys(FIELDS, "x")}
    ),
    "a file of a megabyte": lambda s: s.ada.rights.export(f"/{MEGABYTE}"),
    "a file with a hole": lambda s: s.ada.rights.export("/a\0b"),
    "an audit of a megabyte": lambda s: s.as_("auditor").audit.export(f"/{MEGABYTE}"),
    "an audit with a hole": lambda s: s.as_("auditor").audit.export("/a\0b"),
    "a home of a megabyte": lambda s: privet.open(f"/{MEGABYTE}", policy="pack:shop"),
    "a home with a hole": lambda s: privet.open("/a\0b", policy="pack:shop"),
}  # fmt: skip

ROWS: dict[str, tuple[dict[str, object], str]] = {
    "an endless id": ({"who": HUGE}, "subject:form"),
    "an id beyond 64 bits": ({"who": 2**63}, "subject:form"),
    "an id of a megabyte": ({"who": MEGABYTE}, "subject:form"),
    "a list as id": ({"who": [1]}, "subject:form"),
    "an endless item": ({"item": HUGE}, "purchase.item:type"),
    "a list as item": ({"item": [1]}, "purchase.item:type"),
    "a dictionary as order": ({"order": {1: 2}}, "purchase.order:type"),
    "an endless order": ({"order": HUGE}, "purchase.order:type"),
    "an endless quantity": ({"quantity": HUGE}, "purchase.quantity:type"),
    "a deep quantity": ({"quantity": DEEP}, "purchase.quantity:type"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("sizes"))
    made.buy()  # what is loaded at first use is no answer's fault
    made.load()
    with pytest.raises(PrivetError):
        made.buy(quantity="x")
    yield made
    made.open.close()


@pytest.mark.parametrize("what", ACTS)
def test_too_much_is_refused_typed_at_once_and_in_bounded_memory(shop: Shop, what: str) -> None:
    before, began = memory(), time.perf_counter()
    with pytest.raises(PrivetError) as refusal:
        ACTS[what](shop)
    took, grown = time.perf_counter() - began, memory() - before
    assert took < SECONDS
    assert grown < GROWTH
    assert refusal.value.reason
    assert len(str(refusal.value)) < 1000
    assert MEGABYTE[:100] not in repr(refusal.value.to_json())


@pytest.mark.parametrize("what", ROWS)
def test_a_row_with_too_much_is_refused_alone(shop: Shop, what: str) -> None:
    values, reason = ROWS[what]
    began = time.perf_counter()
    assert shop.load(**values) == {reason: 1}
    assert time.perf_counter() - began < SECONDS


def test_nothing_of_it_was_kept(shop: Shop) -> None:
    kept = shop.ada.rights.access()
    assert [row["order"] for row in kept["events"]["purchase"]] == ["o"]
    assert kept["profile"] == {}
    assert shop.ada.consent.state()["newsletter"] == "none"
    assert shop.open.catalogue.ids == ()


def test_a_list_among_a_million_entries_is_an_answer(shop: Shop) -> None:
    began = time.perf_counter()
    assert not shop.web.recommend(WHO, among=list(MANY)).picks
    assert time.perf_counter() - began < 2


def test_a_far_time_is_refused(shop: Shop) -> None:
    for at in (START + timedelta(days=400), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(InvalidInput) as refusal:
            shop.till.record(WHO, "purchase", at=at, **GOOD)
        assert refusal.value.reason == "time.future"
    for wrong in ("2026-01-01", 5, START.date()):
        with pytest.raises(InvalidInput):
            shop.till.record(WHO, "purchase", at=wrong, **GOOD)  # type: ignore[arg-type]
