"""Each law pack opens a deployment by itself, and its rules hold where its people are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, ConsentMissing, Objected
from privet.gate.read import read
from privet.subject import Subject

Open = Callable[[str], Deployment]


@pytest.fixture
def opened(tmp_path: Path, clock: Any) -> Iterator[Open]:
    homes: list[Deployment] = []

    def opening(pack: str) -> Deployment:
        home = open_deployment(
            str(tmp_path / pack),
            policy=f"pack:{pack}",
            keyring=f"file:{tmp_path / pack}.key",
            clock=clock,
            sync="OFF",
        )
        homes.append(home)
        home.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        return home

    yield opening
    for home in homes:
        home.close()


def customer(home: Deployment, place: str, age: int = 30) -> Subject:
    """Somebody who ordered a kettle; her place is told with a no to the news."""
    staff = home.principal("staff", roles=["staff"])
    parts = home._parts
    her = home.subject("ann", proof="session")
    her.consent.answer({"news": False}, notice="n-1", how="web", age=age, country=place)
    desk = home.principal("desk", roles=["privacy-desk"]).consent
    with pytest.raises(AccessDenied):  # who begins contracts, the law does not say
        desk.begin("ann", "service")
    assert parts.subjects.find(["ann"]) != [None]
    with pytest.raises(ConsentMissing):
        staff.purpose("service").record("ann", "purchase", order="o-1", item="kettle")
    return her


def why(home: Deployment, purpose: str, action: str, field: str, to: str | None = None) -> str:
    """Why what is asked for is refused for her; empty where it is not."""
    caller = home.principal("staff", roles=["staff"])._caller
    (sno,) = home._parts.subjects.find(["ann"])
    try:
        read(home._parts, caller, purpose, action, [field], [int(sno or 0)], to=to)  # type: ignore[arg-type]
    except AccessDenied as refusal:
        return refusal.reason
    return ""


def test_a_californian_limits_the_use_of_what_is_sensitive(opened: Open) -> None:
    """Cal. Civ. Code 1798.121: from then on it is not used, and what was kept for it is gone."""
    home = opened("ccpa-cpra")
    ann = customer(home, "US-CA")
    profiling = home.principal("staff", roles=["staff"]).purpose("profiling")
    with pytest.raises(AccessDenied) as refusal:  # nobody knows how old she is
        profiling.describe("ann", allergy="nuts")
    assert refusal.value.reason == "age.unknown"
    assert why(home, "profiling", "derive", "profile.allergy") == "age.unknown"
    ann.consent.opt_out("profiling", how="settings")
    assert why(home, "profiling", "derive", "profile.allergy") == "ground.opted-out"
    with pytest.raises(Objected):
        profiling.describe("ann", allergy="nuts")


def test_a_brazilian_needs_a_ground_of_article_7(opened: Open) -> None:
    home = opened("lgpd")
    ann = customer(home, "BR")
    assert why(home, "care", "read", "profile.allergy") == "ground.missing"
    ann.consent.answer({"care": True}, notice="n-1", how="web", age=30, country="BR")
    home.principal("staff", roles=["staff"]).purpose("care").describe("ann", allergy="nuts")
    assert why(home, "care", "read", "profile.allergy") == ""
    assert why(home, "care", "export", "profile.allergy", "partner") == "deny"
    assert why(home, "demand", "export", "purchase.item", "partner") == "age.unknown"
    ann.consent.withdraw("care")
    assert why(home, "care", "read", "profile.allergy") == "ground.withdrawn"


def test_a_canadian_is_asked_or_may_say_no(opened: Open) -> None:
    home = opened("pipeda")
    ann = customer(home, "CA-ON")
    assert why(home, "demand", "derive", "purchase.item") == "deny"
    assert why(home, "care-assumed", "read", "profile.allergy") == "deny"
    assert why(home, "sharing", "export", "purchase.item", "partner") == ""
    ann.consent.opt_out("sharing", how="settings")
    assert why(home, "sharing", "export", "purchase.item", "partner") == "ground.opted-out"
    ann.consent.answer({"care": True}, notice="n-1", how="web", age=30, country="CA-ON")
    assert why(home, "care", "read", "profile.allergy") == ""
