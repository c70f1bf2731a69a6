"""Loads and single events: the same checks, the same keys, nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.deployment import Deployment
from privet.errors import ConsentMissing, InvalidInput
from privet.ingest import LoadReport, frame
from privet.ingest.keys import row_keys
from privet.principals import Access
from privet.testing import FakeClock, agrees, deployment

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAP = {
    "who": "subject",
    "when": "at",
    "sku": "item",
    "no": "order",
    "n": "quantity",
    "paid": "value",
}


def lines(*rows: tuple[Any, ...], **columns: Any) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=["who", "sku", "no", "n", "paid"])
    when = pd.Series([WHEN] * len(rows), dtype="datetime64[us, UTC]")
    return made.assign(**{"when": when, **columns})


@pytest.fixture
def till(shop: Deployment) -> Access:
    return shop.principal("till", roles=["storefront"]).purpose("orders")


@pytest.fixture(scope="module")
def busy_till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """Of one shop for all examples: what they show holds whatever is in it already."""
    with deployment(tmp_path_factory.mktemp("loads"), clock=FakeClock(WHEN)) as shop:
        agrees(shop, "ada", "orders")
        agrees(shop, "bob", "orders")
        yield shop.principal("till", roles=["storefront"]).purpose("orders")


def purchases(shop: Deployment, who: str) -> list[dict[str, Any]]:
    found = shop.subject(who, proof="p").rights.access()["events"]["purchase"]
    return [{k: v for k, v in row.items() if k != "at"} for row in found]


def test_a_load_accounts_for_every_row(shop: Deployment, till: Access) -> None:
    agrees(shop, "ada", "orders")
    table = lines(
        ("ada", "kettle", "1", 1, 2.5),
        ("ada", "kettle", "1", 1, 2.5),
        ("ada", "teapot", "1", 1.5, 2.5),
        ("ada", "teapot", "1", 1, np.nan),
        ("nobody", "kettle", "2", 1, 2.5),
        (None, "kettle", "3", 1, 2.5),
        (True, "kettle", "4", 1, 2.5),
        ("ada", "lamp", "5", 1, 2.505),
    )
    report = till.load("purchase", table, columns=MAP)
    assert (report.rows, report.sealed, report.repeated) == (8, 1, 1)
    assert report.refused.to_dict("list") == {
        "row": [2, 3, 4, 5, 6, 7],
        "reason": [
            "purchase.quantity:type",
            "purchase.value:missing",
            "ground.missing",
            "subject:form",
            "subject:form",
            "purchase.value:type",
        ],
    }
    assert report.reasons()["subject:form"] == 2
    assert purchases(shop, "ada") == [
        {"item": "kettle", "order": "1", "quantity": 1, "value": "2.50"}
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ada", "bob", "nobody", None, 3]),
            st.sampled_from(["kettle", "lamp", "??", None]),
            st.sampled_from(["1", "2", 3]),
            st.sampled_from([1, 2.5, None, "x"]),
            st.sampled_from([1, "2.50", 2.505, float("inf")]),
        ),
        max_size=12,
    )
)
def test_the_report_adds_up_whatever_comes(busy_till: Access, rows: list[tuple[Any, ...]]) -> None:
    till = busy_till
    report = till.load("purchase", lines(*rows), columns=MAP)
    assert report.rows == report.sealed + report.repeated + len(report.refused) == len(rows)
    assert report.refused["row"].is_unique
    again = till.load("purchase", lines(*rows), columns=MAP)
    assert again.sealed == 0
    assert again.repeated == report.sealed + report.repeated


def test_a_file_and_a_form_agree_on_what_is_one_event(shop: Deployment, till: Access) -> None:
    agrees(shop, "ada", "orders")
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "7"}, {"item": "8"}])
    table = lines(("ada", 7, 1, 1, 2.5), ("ada", 8, 1, 1, 2.5))
    assert till.load("purchase", table, columns=MAP).sealed == 2
    for sku, no in ((7, 1), ("7", "1"), ("8", 1), (np.int64(8), "1")):
        assert not till.record("ada", "purchase", item=sku, order=no, quantity=1, value="2.5").new
    again = lines(("ada", "7", "1", 1, 2.5), ("ada", 8, 1, 1.0, "2.50"))
    assert till.load("purchase", again, columns=MAP).repeated == 2


def test_an_item_that_the_catalogue_learns_stays_the_same_event(
    shop: Deployment, till: Access
) -> None:
    agrees(shop, "ada", "orders")
    order = {"item": "wok", "order": "1", "quantity": 1, "value": "9.00"}
    assert till.record("ada", "purchase", **order).new
    assert purchases(shop, "ada")[0]["item"] == "wok"
    assert "wok" not in shop.catalogue.ids
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "wok"}])
    assert not till.record("ada", "purchase", **order).new
    assert till.load("purchase", lines(("ada", "wok", "1", 1, 9)), columns=MAP).repeated == 1
    assert purchases(shop, "ada")[0]["item"] == "wok"


def test_a_load_that_was_interrupted_stores_the_rest(
    shop: Deployment, till: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    agrees(shop, "ada", "orders")
    table = lines(*(("ada", "kettle", f"{i}", 1, 1) for i in range(10)))
    monkeypatch.setattr(frame, "BATCH", 4)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        till.load("purchase", table, columns=MAP, progress=stop)
    done: list[int] = []
    report = till.load("purchase", table, columns=MAP, progress=done.append)
    assert (report.sealed, report.repeated, done) == (6, 4, [4, 4, 2])
    assert len(purchases(shop, "ada")) == 10


def test_a_column_that_is_not_mapped_is_stored_nowhere(shop: Deployment, till: Access) -> None:
    agrees(shop, "ada", "orders")
    table = lines(("ada", "kettle", "1", 1, 1), note="CANARY-NOTE", at="CANARY-AT")
    assert till.load("purchase", table, columns=MAP).sealed == 1
    assert "CANARY" not in repr(shop.subject("ada", proof="p").rights.access())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, m: (t, {**m, "who": "item"}), "two columns"),
        (lambda t, m: (t, {**m, "extra": "colour"}), "not declared"),
        (lambda t, m: (t, {k: v for k, v in m.items() if v != "at"}), "mapped to at"),
        (lambda t, m: (t.drop(columns="no"), m), "not in the frame"),
        (lambda t, m: (pd.concat([t, t[["no"]]], axis=1), m), "in the frame twice"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(till: Access, change: Any, words: str) -> None:
    table, columns = change(lines(("ada", "kettle", "1", 1, 1)), MAP)
    with pytest.raises(InvalidInput, match=words) as refusal:
        till.load("purchase", table, columns=columns)
    assert refusal.value.reason == "load.columns"


def test_times_without_a_zone_are_refused(till: Access) -> None:
    table = lines(("ada", "kettle", "1", 1, 1), when=pd.to_datetime(["2026-01-01"]))
    with pytest.raises(InvalidInput) as refusal:
        till.load("purchase", table, columns=MAP)
    assert refusal.value.reason == "time.naive"


def test_times_that_cannot_be_are_marked(shop: Deployment, till: Access) -> None:
    agrees(shop, "ada", "orders")
    times = [WHEN + timedelta(days=30), datetime(1800, 1, 1, tzinfo=UTC), pd.NaT, WHEN]
    table = lines(
        *(("ada", "kettle", f"{i}", 1, 1) for i in range(4)),
        when=pd.Series(times, dtype="datetime64[us, UTC]"),
    )
    report = till.load("purchase", table, columns=MAP)
    assert (report.sealed, report.reasons()) == (1, {"at:range": 3})


def test_an_unknown_event_is_refused(till: Access) -> None:
    for act in (
        lambda: till.load("purchases", lines(), columns=MAP),
        lambda: till.record("ada", "purchases", item="kettle"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            act()
        assert refusal.value.reason == "event.unknown"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"colour": "red"}, "field.unknown"),
        ({}, "field.unknown"),
        ({"quantity": None}, "field.missing"),
        ({"quantity": "many"}, "field.type"),
        ({"value": float("nan")}, "field.missing"),
        ({"value": float("inf")}, "field.type"),
    ],
)
def test_a_single_event_says_what_is_wrong(
    shop: Deployment, till: Access, fields: dict[str, object], reason: str
) -> None:
    agrees(shop, "ada", "orders")
    whole = {"item": "kettle", "order": "1", "quantity": 1, "value": "1"}
    with pytest.raises(InvalidInput) as refusal:
        till.record("ada", "purchase", **({**whole, **fields} if fields else {}))
    assert refusal.value.reason == reason
    assert purchases(shop, "ada") == []


def test_a_profile_is_corrected_field_by_field(shop: Deployment, till: Access) -> None:
    agrees(shop, "ada", "orders")
    till.describe("ada", email="old@example.com")
    till.describe("ada", email="new@example.com")
    assert dict(till.profile("ada", "email")) == {"email": "new@example.com"}
    table = pd.DataFrame({"who": ["ada", "ada"], "mail": ["third@example.com", "last@example.com"]})
    report = till.load("profile", table, columns={"who": "subject", "mail": "email"})
    assert (report.rows, report.sealed) == (2, 2)
    assert dict(till.profile("ada", "email")) == {"email": "last@example.com"}
    everything = repr(shop.subject("ada", proof="p").rights.access())
    assert "old@" not in everything
    with pytest.raises(InvalidInput):
        till.profile("ada")


def test_nothing_is_written_after_a_withdrawal(shop: Deployment) -> None:
    ada = agrees(shop, "ada", "recommendations")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    assert web.record("ada", "view", event_id="1", item="kettle").new
    ada.consent.withdraw("recommendations")
    with pytest.raises(ConsentMissing) as refusal:
        web.record("ada", "view", event_id="2", item="kettle")
    assert refusal.value.reason == "ground.withdrawn"


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=9))
def test_keys_are_equal_only_where_all_parts_are(rows: list[tuple[str, str]]) -> None:
    first, second = (np.array([r[i] for r in rows], dtype=object) for i in (0, 1))
    keys = row_keys([first, second])
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (keys[i] == keys[j]) == (one == other)


def test_a_report_shows_no_value(shop: Deployment, till: Access) -> None:
    report = till.load("purchase", lines(("CANARY", "kettle", "1", 1, 1)), columns=MAP)
    assert isinstance(report, LoadReport)
    assert "CANARY" not in repr(report) + report.refused.to_csv()
