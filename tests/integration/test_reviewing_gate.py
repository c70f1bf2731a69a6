"""A home's own log under a candidate policy, and what of its policy nobody used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput, PolicyError
from privet.gate.read import read
from privet.policy import Policy, compile_documents, load

PEOPLE = [f"person-{n}" for n in range(66)]
DERIVED = ("purchase.value", "profile.age", "profile.income")
FIELDS = "purchase.value, profile.age, profile.income]\n    minimize: {time: week"


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """Seventy people of whom an analyst derived two figures, and a clerk read one address."""
    shop = open_deployment(
        where, policy="pack:grocery", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    )
    told = [
        {"subject": person, "purpose": purpose, "kind": kind, "at": clock.now()}
        for person in PEOPLE
        for purpose, kind in (("orders", "begun"), ("segmentation", "yes"))
    ]
    clerks = shop.principal("clerk", roles=["privacy-desk", "storefront"])
    clerks.consent.load(pd.DataFrame(told), notice="n1", channel="letter", evidence="scan")
    till = shop.principal("till", roles=["storefront"]).purpose("orders")
    till.describe(PEOPLE[0], email="a@example.com")
    derive(shop, *DERIVED)
    clock.advance(timedelta(days=10))
    derive(shop, "purchase.value", "profile.age")
    till.profile(PEOPLE[0], "email")
    clock.advance(timedelta(minutes=5))
    yield shop
    shop.close()


def derive(shop: Deployment, *fields: str) -> None:
    analyst = shop.principal("ann", roles=["analyst"])
    read(shop._parts, analyst._caller, "segmentation", "derive", fields)


def candidate() -> Policy:
    """The pack without incomes for whoever looks at what groups are like."""
    texts = dict(load("pack:grocery").documents)
    assert FIELDS in texts["policy"]
    less = FIELDS.replace(", profile.income", "")
    return compile_documents({**texts, "policy": texts["policy"].replace(FIELDS, less)})


def auditor(shop: Deployment) -> Any:
    return shop.principal("aud", roles=["auditor"]).audit


def test_a_period_is_replayed_and_its_people_counted(shop: Deployment, clock: Any) -> None:
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    found = auditor(shop).replay(candidate(), since=long_ago)
    (change,) = found.changes
    assert (change.outcome, change.requests, change.people) == ("refused", 1, 66)
    assert change.ask.fields == frozenset(DERIVED)
    assert found.not_replayed.get("unreadable", 0) == 0
    lately = auditor(shop).replay(candidate(), since=clock.now() - timedelta(days=1))
    assert lately.changes == ()
    assert 0 < lately.requests < found.requests
    before = auditor(shop).replay(
        candidate(), since=long_ago, until=clock.now() - timedelta(days=1)
    )
    assert before.changes == found.changes


def test_the_same_policy_changes_nothing(shop: Deployment) -> None:
    found = auditor(shop).replay("pack:grocery", since=datetime(2000, 1, 1, tzinfo=UTC))
    assert found.changes == ()
    assert found.same == found.requests > len(PEOPLE)


def test_what_nobody_used_lately_is_named(shop: Deployment) -> None:
    lately = auditor(shop).unused(5)
    assert {"learn", "campaign", "load-orders"} <= set(lately.permits)
    assert "personas" not in lately.permits
    assert "profile.income" in lately.fields["personas"]
    assert "profile.email" not in lately.fields["take-orders"]
    longer = auditor(shop).unused(30)
    assert "profile.income" not in longer.fields["personas"]


def test_the_look_is_recorded_before_and_is_for_who_may_export(shop: Deployment) -> None:
    size = shop._parts.log.size()
    auditor(shop).unused(1)
    ((_, body),) = shop._parts.log.leaves(size, 9)
    assert (body["purpose"], body["action"]) == ("privet:accountability", "export")
    with pytest.raises(AccessDenied):
        shop.principal("ann", roles=["analyst"]).audit.unused(1)


def test_what_is_no_period_and_no_policy_is_refused(shop: Deployment, clock: Any) -> None:
    for days in (0, 10**6):
        with pytest.raises(InvalidInput, match=r"days\.range"):
            auditor(shop).unused(days)
    with pytest.raises(InvalidInput, match=r"argument\.type"):
        auditor(shop).unused("90")
    with pytest.raises(InvalidInput, match=r"time\.naive"):
        auditor(shop).replay("pack:shop", since=datetime(2026, 1, 1))
    with pytest.raises(PolicyError):
        auditor(shop).replay("pack:none", since=clock.now())
