"""Rules with a condition hold at the gate: by place, moment, number, reach and environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied
from privet.gate.grounds import change
from privet.gate.read import read
from privet.gate.wishes import Proof, Wish
from privet.policy import load
from privet.rights.answering import herself
from privet.testing import agrees

PURPOSE = "recommendations"
FIELDS = ("view.item",)
Open = Callable[..., Deployment]


@pytest.fixture
def opened(where: str, tmp_path: Path, clock: Any) -> Iterator[Open]:
    """The shop under a policy with one more deny, or with a condition on its training."""
    texts = load("pack:shop").documents
    made: list[Deployment] = []

    def begin(deny: str = "", train: str = "") -> Deployment:
        directory = tmp_path / "policy"
        directory.mkdir()
        (directory / "data.yaml").write_text(texts["data"])
        policy = texts["policy"]
        if deny:
            rule = f"{{id: no, text: No., for: [{PURPOSE}], may_not: [train, recommend], {deny}}}"
            policy = policy.replace("\ntests:", f"\ndenies:\n  - {rule}\n\ntests:")
        if train:
            policy = policy.replace("{id: learn, ", f"{{id: learn, when: {{{train}}}, ")
        (directory / "policy.yaml").write_text(policy)
        keyring = f"file:{tmp_path / 'k'}"
        shop = open_deployment(where, policy=directory, keyring=keyring, clock=clock, sync="OFF")
        made.append(shop)
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        return shop

    yield begin
    for shop in made:
        shop.close()


def lives(shop: Deployment, person: str, where: str) -> int:
    """She agrees, looks at a kettle, and says where she lives."""
    agrees(shop, person, PURPOSE)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    web.record(person, "view", event_id=f"{person}-1", item="kettle")
    parts = shop._parts
    (sno,) = parts.subjects.find([person])
    assert sno is not None
    if where:
        moves(shop, int(sno), where)
    return int(sno)


def moves(shop: Deployment, sno: int, where: str) -> None:
    wish = Wish(PURPOSE, "yes", seen=10**6)
    parts = shop._parts
    with parts.home.data.read() as tx:
        wish = Wish(PURPOSE, "yes", seen=parts.ledger.position(tx))
    change(parts, herself(sno), [(sno, wish)], Proof(jurisdiction=where))


def training(shop: Deployment, **how: Any) -> Any:
    """An authorised read of everybody, for training."""
    trainer = shop.principal("nightly", roles=["trainer"], environment=how.pop("environment", None))
    return read(shop._parts, trainer._caller, PURPOSE, "train", FIELDS, **how)


def released(reading: Any) -> set[int]:
    return {int(s) for chunk in reading.chunks() for s in chunk.events["view"].subjects}


def test_everybody_under_a_jurisdiction_is_decided_together_and_the_unknown_as_the_strictest(
    opened: Open,
) -> None:
    shop = opened(deny="when: {jurisdiction: [DE, US-CA]}")
    people = {
        code: lives(shop, f"person-{i}", code)
        for i, code in enumerate(["FR", "DE", "US-CA", "US-NV", "US", "ZZ", "", "CH"])
    }
    asked = training(shop)
    allowed = {people[code] for code in ("FR", "US-NV", "CH")}
    assert set(asked.warrant.subjects) == allowed
    assert released(asked) == allowed


def test_one_person_is_told_why(opened: Open) -> None:
    shop = opened(deny="when: {jurisdiction: [DE]}")
    web = shop.principal("web", roles=["storefront"])
    for person, code, reason in (
        ("ada", "DE", "deny"),
        ("bob", "", "place.unknown"),
        ("cleo", "FR", ""),
    ):
        sno = lives(shop, person, code)
        asked = lambda sno=sno: read(shop._parts, web._caller, PURPOSE, "recommend", FIELDS, [sno])
        if not reason:
            assert released(asked()) == {sno}
            continue
        with pytest.raises(AccessDenied) as refusal:
            asked()
        assert refusal.value.reason == reason
        trail = shop.principal("audit", roles=["auditor"]).audit.history(person)
        assert any("denial" in str(line) for line in trail)


def test_who_moves_during_a_read_is_left_out_of_what_is_opened_afterwards(opened: Open) -> None:
    shop = opened(deny="when: {jurisdiction: [DE]}")
    ada, bob = lives(shop, "ada", "FR"), lives(shop, "bob", "FR")
    asked = training(shop)
    assert set(asked.warrant.subjects) == {ada, bob}
    moves(shop, ada, "DE")
    assert released(asked) == {bob}


def test_the_moment_counts_and_a_window_that_closes_ends_a_running_read(
    opened: Open, clock: Any
) -> None:
    shop = opened(train="hours: 10:00-11:00, jurisdiction: [FR]")  # it is 10:30 in Berlin
    ada = lives(shop, "ada", "FR")
    asked = training(shop)
    assert released(asked) == {ada}
    clock.advance(timedelta(minutes=30))
    with pytest.raises(AccessDenied) as refusal:
        released(asked)
    assert refusal.value.reason == "time.refused"
    with pytest.raises(AccessDenied) as refusal:
        training(shop)
    assert refusal.value.reason == "time.refused"


def test_the_number_of_people_is_of_those_who_are_left(opened: Open) -> None:
    shop = opened(
        deny="when: {jurisdiction: [DE]}",
        train="people_from: 3 people",
    )
    for i, code in enumerate(["FR", "FR", "DE"]):
        lives(shop, f"person-{i}", code)
    with pytest.raises(AccessDenied) as refusal:
        training(shop)
    assert refusal.value.reason == "people.refused"
    lives(shop, "person-9", "CH")
    assert len(released(training(shop))) == 3


def test_how_far_back_a_read_reaches_counts(opened: Open, clock: Any) -> None:
    shop = opened(train="data_under: 7d")
    lives(shop, "ada", "FR")
    now = int(clock.now().timestamp() * 1e6)
    with pytest.raises(AccessDenied) as refusal:
        training(shop)
    assert refusal.value.reason == "data.refused"
    day = 86_400_000_000
    assert training(shop, since=now - 6 * day)
    with pytest.raises(AccessDenied):
        training(shop, since=now - 8 * day)


def test_the_environment_is_read_at_each_decision_and_failing_to_read_it_refuses(
    opened: Open,
) -> None:
    shop = opened(train="environment: {network: [office]}")
    lives(shop, "ada", "FR")
    place = ["office"]

    def network() -> str:
        return place[0]

    assert training(shop, environment={"network": network})
    assert training(shop, environment={"network": "office"})
    place[0] = "cafe"
    for environment, reason in (
        ({"network": network}, "attribute.refused"),
        ({"network": lambda: place[7]}, "attribute.error"),
        ({"network": 7}, "attribute.error"),
        ({}, "attribute.unknown"),
        (None, "attribute.unknown"),
    ):
        with pytest.raises(AccessDenied) as refusal:
            training(shop, environment=environment)
        assert refusal.value.reason == reason


@pytest.fixture
def minors(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """A shop that knows ages, under a policy that wants no profiling of children."""
    texts = load("pack:grocery").documents
    directory = tmp_path / "grocery"
    directory.mkdir()
    (directory / "data.yaml").write_text(
        texts["data"].replace("id: household}", "id: household, age: profile.age}")
    )
    rule = "{id: minors, text: No., for: [recommendations], when: {age_under: 21}}"
    (directory / "policy.yaml").write_text(
        texts["policy"].replace("\ntests:", f"\ndenies:\n  - {rule}\n\ntests:")
    )
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(where, policy=directory, keyring=keyring, clock=clock, sync="OFF") as shop:
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        yield shop


def is_aged(shop: Deployment, person: str, band: str) -> int:
    agrees(shop, person, "orders", PURPOSE)
    if band:
        shop.principal("web", roles=["storefront"]).purpose("orders").describe(person, age=band)
    (sno,) = shop._parts.subjects.find([person])
    assert sno is not None
    return int(sno)


def test_children_and_those_of_unknown_age_are_not_profiled(minors: Deployment, clock: Any) -> None:
    shop = minors
    people = {
        band: is_aged(shop, f"person-{i}", band)
        for i, band in enumerate(["19-24", "25-34", "65+", ""])
    }
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for i, band in enumerate(people):
        person, seen = f"person-{i}", {"event_id": f"e{i}", "item": "kettle", "dwell": 3.0}
        if band in {"25-34", "65+"}:
            assert web.record(person, "view", **seen).new
            continue
        with pytest.raises(AccessDenied) as refusal:
            web.record(person, "view", **seen)
        assert refusal.value.reason == "age.unknown"  # the younger band reaches below 21
    asked = training(shop)
    assert set(asked.warrant.subjects) == released(asked) == {people["25-34"], people["65+"]}
    history = shop.principal("audit", roles=["auditor"]).audit.history("person-1")
    assert any("profile.age" in str(line) for line in history)


def test_a_model_is_made_without_those_whom_a_rule_excludes_and_served_to_the_others(
    minors: Deployment, clock: Any
) -> None:
    """The whole way under a rule on age: train, serve, evaluate nobody else, recommend."""
    from privet.recommend import Popularity

    shop = minors
    purpose = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for i in range(24):
        is_aged(shop, f"grown-{i}", "35-44")
        purpose.record(f"grown-{i}", "view", event_id=f"g{i}", item="kettle", dwell=1.0)
    is_aged(shop, "child", "19-24")
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    version = models.train("popular", Popularity(by="item"))
    models.serve(version)
    assert models.card(version)
    hers, childs = purpose.recommend("grown-1"), purpose.recommend("child")
    assert hers.personal
    assert not childs.personal
    both = purpose.recommend_many(["grown-2", "child"])
    assert both["grown-2"].personal
    assert not both["child"].personal
    (sno,) = shop._parts.subjects.find(["child"])
    assert sno is not None
    assert int(sno) not in set(training(shop).warrant.subjects)


def test_a_load_refuses_the_rows_of_whom_a_rule_excludes_and_says_why(
    minors: Deployment, clock: Any
) -> None:
    import pandas as pd

    for i, band in enumerate(["19-24", "25-34", ""]):
        is_aged(minors, f"person-{i}", band)
    frame = pd.DataFrame(
        {
            "who": ["person-0", "person-1", "person-2", "nobody"],
            "at": [clock.now()] * 4,
            "key": list("abcd"),
            "item": ["kettle"] * 4,
            "dwell": [1.0] * 4,
        }
    )
    loader = minors.principal("ops", roles=["operator"]).purpose(PURPOSE)
    columns = {"who": "subject", "at": "at", "key": "event_id", "item": "item", "dwell": "dwell"}
    report = loader.load("view", frame, columns=columns)
    assert report.sealed == 1
    assert report.reasons() == {"age.unknown": 2, "ground.missing": 1}


def test_an_age_that_was_told_long_ago_has_grown(minors: Deployment, clock: Any) -> None:
    """Twice 19 to 24: three years later nobody of them can be under 21 for certain, nor above."""
    from privet.gate.ages import ages

    sno = is_aged(minors, "ada", "19-24")
    parts = minors._parts
    caller = minors.principal("nightly", roles=["trainer"])._caller
    from pyroaring import BitMap

    from privet.policy import Ask

    ask = Ask(caller.roles, PURPOSE, "train", frozenset({"view.item"}))
    clock.advance(timedelta(days=400))
    assert ages(parts, caller, ask, BitMap([sno])) == {sno: (19, 26)}
    clock.advance(timedelta(days=400))  # past the retention of what it was collected for
    assert ages(parts, caller, ask, BitMap([sno])) == {}


def test_what_the_policy_refuses_anyway_is_refused_before_anybody_is_looked_up(
    opened: Open,
) -> None:
    shop = opened(train="jurisdiction: [FR]")
    trainer = shop.principal("nightly", roles=["trainer"])
    with pytest.raises(AccessDenied) as refusal:
        read(shop._parts, trainer._caller, PURPOSE, "train", ["view.shoe"])
    assert refusal.value.reason == "field.unknown"
    with pytest.raises(AccessDenied) as refusal:
        read(shop._parts, trainer._caller, PURPOSE, "train", ["purchase.value"])
    assert refusal.value.reason == "field.refused"
