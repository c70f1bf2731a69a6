# ruff: noqa: E501 (documents stand as an author would write them)
"""One shop under the law of the Union and of California, on both databases: who is in what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, ConsentMissing, InvalidInput, Objected, StaleAnswer
from privet.gate.read import read
from privet.policy import pin, run_tests
from privet.subject import Subject
from privet.types import Id

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: UTC
categories: {transaction: {}, demographic: {}, health: {special: true}}
profile:
  age: {type: int, category: demographic, optional: true}
  allergy: {type: text, category: health, optional: true}
events:
  purchase:
    unique: [order, item]
    fields: {order: {type: id, category: transaction}, item: {type: item, category: transaction}}
items: {fields: {name: text}}
"""

POLICY = """\
privet: policy/1
name: two-laws
data: data.yaml
imports: [GDPR, CCPA]
controller: {name: Example Shop, contact: privacy@example.com}
recipients:
  ads: {is: controller, country: US, contract: ADS-1, safeguard: Standard contractual clauses, receives: [purchase.item]}
assessments:
  CA-1: {is: compatibility, text: What was bought is shared only where people are told and may say no.}
purposes:
  orders: {text: Take and deliver your orders., basis: {contract: account}, retention: 2y}
  sharing:
    text: Share what you bought with partners who advertise to you.
    basis: {opt-out: Cal. Civ. Code 1798.120, where: [US-CA]}
    reuses: {orders: {assessment: CA-1}}
    recipients: [ads]
    retention: 13mo
  sharing-agreed:
    parent: sharing
    text: Share what you bought with partners who advertise to you, where you said yes.
    basis: consent
    reuses: {orders: {assessment: CA-1}}
    recipients: [ads]
  hints:
    text: Guess from your allergies what you might like.
    basis: {opt-out: Cal. Civ. Code 1798.121, where: [US-CA]}
    retention: 13mo
roles: {storefront: {}, marketing: {}}
permits:
  - {id: take-orders, role: storefront, for: orders, may: [collect, read], fields: [purchase.*, profile.age]}
  - {id: begin-contract, role: storefront, for: "privet:consent", may: [begin, end]}
  - {id: share, role: marketing, for: sharing, may: [export], fields: [purchase.item], to: [ads]}
  - {id: share-agreed, role: marketing, for: sharing-agreed, may: [export], fields: [purchase.item], to: [ads]}
  - {id: hint, role: storefront, for: hints, may: [collect, read], fields: [profile.allergy]}
tests:
  - {name: a Californian of thirty, given: {jurisdiction: US-CA, age: 30}, as: marketing, for: sharing, may: export, fields: [purchase.item], to: ads, then: allow}
  - {name: of an unknown place, given: {age: 30}, as: marketing, for: sharing, may: export, fields: [purchase.item], to: ads, then: ConsentMissing}
  - {name: of an unknown place and age, as: marketing, for: sharing, may: export, fields: [purchase.item], to: ads, then: AccessDenied}
  - {name: in the Union, given: {jurisdiction: FR, age: 30}, as: marketing, for: sharing-agreed, may: export, fields: [purchase.item], to: ads, then: ConsentMissing}
"""

SHARED, AGREED = "sharing", "sharing-agreed"


def opened(where: str, folder: Path, clock: Any) -> Deployment:
    """A home in ``where`` whose policy imports both laws."""
    folder.mkdir()
    pinned = POLICY.replace("GDPR", pin("gdpr")).replace("CCPA", pin("ccpa-cpra"))
    (folder / "policy.yaml").write_text(pinned, encoding="utf-8")
    (folder / "data.yaml").write_text(DATA, encoding="utf-8")
    shop = open_deployment(
        where, policy=folder, keyring=f"file:{folder / 'k'}", clock=clock, sync="OFF"
    )
    shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
    return shop


@pytest.fixture
def shop(where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    with opened(where, tmp_path / "policy", clock) as one:
        yield one


@pytest.fixture
def here(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """The same on SQLite alone."""
    with opened(str(tmp_path / "home"), tmp_path / "policy", clock) as one:
        yield one


def customer(shop: Deployment, name: str, place: str, age: int | None = 30) -> Subject:
    """Somebody who ordered a kettle; her place is told with a no to being shared unasked."""
    web = shop.principal("web", roles=["storefront"])
    web.consent.begin(name, "orders")
    orders = web.purpose("orders")
    orders.record(name, "purchase", order=f"o-{name}", item="kettle")
    if age is not None:
        orders.describe(name, age=age)
    her = shop.subject(name, proof="session")
    if place:
        her.consent.answer({AGREED: False}, notice="n-1", how="web", country=place)
    return her


def agrees(her: Subject, age: int, place: str) -> None:
    seen = her.consent.ask([AGREED])[0]["seen"]
    her.consent.answer({AGREED: True}, notice="n-1", how="web", seen=seen, age=age, country=place)


def caller(shop: Deployment) -> Any:
    return shop.principal("nightly", roles=["marketing"])._caller


def ordinals(shop: Deployment, names: Sequence[Id]) -> dict[int, Id]:
    found = zip(shop._parts.subjects.find(list(names)), names, strict=True)
    return {int(sno): name for sno, name in found if sno is not None}


def released(shop: Deployment, purpose: str, *names: Id) -> set[Id]:
    """Whose purchases an export for a purpose releases to the advertiser."""
    named = ordinals(shop, names)
    reading = read(shop._parts, caller(shop), purpose, "export", ["purchase.item"], to="ads")
    chunks = [chunk.events["purchase"] for chunk in reading.chunks()]
    return {named[int(sno)] for events in chunks for sno in events.subjects}


def refused(shop: Deployment, purpose: str, name: str) -> AccessDenied:
    """Why hers are not, when she alone is asked for."""
    (sno,) = ordinals(shop, [name])
    with pytest.raises(AccessDenied) as caught:
        read(shop._parts, caller(shop), purpose, "export", ["purchase.item"], [sno], to="ads")
    return caught.value


def denials(shop: Deployment, purpose: str) -> list[str]:
    """The reasons of refusals on record for a purpose, oldest first."""
    bodies = [body for _, body in shop._parts.log.leaves(0, 10_000)]
    return [
        b["reason"] for b in bodies if b.get("kind") == "denial" and b.get("purpose") == purpose
    ]


def test_the_policy_passes_its_tests_and_those_of_both_laws(here: Deployment) -> None:
    results = run_tests(here.policy)
    assert all(result.passed for result in results)
    assert {"gdpr", "ccpa-cpra"} <= {result.name.partition(":")[0] for result in results}


def test_each_person_falls_under_the_law_of_her_place(shop: Deployment) -> None:
    people = {"ann": "US-CA", "bob": "US-NY", "cyd": "FR", "dee": "", "eve": "US"}
    for name, place in people.items():
        customer(shop, name, place)
    assert released(shop, SHARED, *people) == {"ann"}
    for name in ("bob", "cyd", "dee", "eve"):
        refusal = refused(shop, SHARED, name)
        assert (type(refusal), refusal.reason) == (ConsentMissing, "ground.place")
    assert denials(shop, SHARED) == ["ground.place"] * 4


def test_who_opted_out_is_in_no_release(shop: Deployment) -> None:
    ann, bob = customer(shop, "ann", "US-CA"), customer(shop, "bob", "US-CA")
    agrees(bob, 30, "US-CA")
    ann.consent.opt_out(SHARED, how="gpc")
    bob.consent.opt_out(SHARED, how="settings")  # what he said of a part before does not hold
    cyd = customer(shop, "cyd", "US-CA")
    assert released(shop, SHARED, "ann", "bob", "cyd") == {"cyd"}
    for purpose, name, kind in ((SHARED, "ann", Objected), (AGREED, "bob", ConsentMissing)):
        assert type(refused(shop, purpose, name)) is kind
    assert denials(shop, SHARED) == ["ground.opted-out"]
    assert denials(shop, AGREED) == ["ground.withdrawn"]
    cyd.consent.opt_out(SHARED, how="gpc")
    with pytest.raises(AccessDenied):
        released(shop, SHARED, "ann", "bob", "cyd")


def test_an_opt_out_while_a_release_runs_holds_for_what_is_not_open_yet(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    customer(shop, "bob", "US-CA")
    named = ordinals(shop, ["ann", "bob"])
    reading = read(shop._parts, caller(shop), SHARED, "export", ["purchase.item"], to="ads")
    ann.consent.opt_out(SHARED, how="gpc")
    chunks = [chunk.events["purchase"] for chunk in reading.chunks()]
    assert [named[int(sno)] for events in chunks for sno in events.subjects] == ["bob"]


def test_in_the_union_only_a_yes_is_a_ground(shop: Deployment) -> None:
    cyd = customer(shop, "cyd", "FR")
    assert refused(shop, AGREED, "cyd").reason == "ground.missing"
    agrees(cyd, 30, "FR")
    assert released(shop, AGREED, "cyd") == {"cyd"}
    assert refused(shop, SHARED, "cyd").reason == "ground.place"


def test_a_californian_of_fourteen_is_asked_before(shop: Deployment) -> None:
    kim = customer(shop, "kim", "US-CA", 14)
    customer(shop, "ann", "US-CA", 16)
    assert released(shop, SHARED, "kim", "ann") == {"ann"}
    refusal = refused(shop, SHARED, "kim")
    assert (type(refusal), refusal.reason) == (AccessDenied, "deny")
    assert refused(shop, AGREED, "kim").reason == "ground.missing"
    agrees(kim, 14, "US-CA")
    assert released(shop, AGREED, "kim") == {"kim"}
    assert denials(shop, SHARED) == ["deny"]


def test_whose_age_nobody_knows_is_no_adult(here: Deployment) -> None:
    customer(here, "lou", "US-CA", None)
    assert refused(here, SHARED, "lou").reason == "age.unknown"
    with pytest.raises(AccessDenied):
        released(here, SHARED, "lou")


def test_who_was_fifteen_is_asked_until_she_tells_that_she_is_sixteen(
    here: Deployment, clock: Any
) -> None:
    customer(here, "max", "US-CA", 15)
    assert refused(here, SHARED, "max").reason == "deny"
    clock.advance(timedelta(days=180))  # by now sixteen, perhaps
    assert refused(here, SHARED, "max").reason == "age.unknown"
    here.principal("web", roles=["storefront"]).purpose("orders").describe("max", age=16)
    assert released(here, SHARED, "max") == {"max"}


def test_below_thirteen_a_parent_says_yes(here: Deployment) -> None:
    tim = customer(here, "tim", "US-CA", 12)
    seen = tim.consent.ask([AGREED])[0]["seen"]
    yes = {AGREED: True}
    with pytest.raises(AccessDenied) as refusal:
        tim.consent.answer(yes, notice="n-1", how="web", seen=seen, age=12, country="US-CA")
    assert refusal.value.reason == "consent.child"
    desk = here.principal("desk", roles=["privacy-desk"]).consent
    said = {"notice": "n-1", "channel": "form", "evidence": "form 4", "age": 12, "country": "US-CA"}
    desk.on_behalf("tim", yes, actor="parent", **said)
    assert released(here, AGREED, "tim") == {"tim"}


def test_what_is_sensitive_is_limited_when_she_says_so_and_gone(shop: Deployment) -> None:
    """Cal. Civ. Code 1798.121: what was kept for more than the service is used no more."""
    ann = customer(shop, "ann", "US-CA")
    customer(shop, "cyd", "FR")
    hints = shop.principal("web", roles=["storefront"]).purpose("hints")
    hints.describe("ann", allergy="nuts")
    assert hints.profile("ann", "allergy") == {"allergy": "nuts"}
    with pytest.raises(ConsentMissing) as abroad:
        hints.describe("cyd", allergy="milk")
    assert abroad.value.reason == "ground.place"
    customer(shop, "kim", "US-CA", 14)
    for name, reason in (("cyd", "ground.place"), ("kim", "deny")):
        with pytest.raises(AccessDenied) as alone:
            hints.profile(name, "allergy")
        assert alone.value.reason == reason
    assert "nuts" in str(ann.rights.access())
    ann.consent.opt_out("hints", how="settings")
    for use in (
        lambda: hints.profile("ann", "allergy"),
        lambda: hints.describe("ann", allergy="nuts"),
    ):
        with pytest.raises(Objected) as refusal:
            use()
        assert refusal.value.reason == "ground.opted-out"
    assert "nuts" not in str(ann.rights.access())


@pytest.mark.parametrize("place", ["us-ca", "California", "US-CAL1", "XX-", "\u0421A"])
def test_a_place_that_is_none_is_refused_and_none_is_known(here: Deployment, place: str) -> None:
    her = customer(here, "ann", "")
    with pytest.raises(InvalidInput) as refusal:
        her.consent.answer({AGREED: True}, notice="n-1", how="web", age=30, country=place)
    assert refusal.value.reason == "consent.country"
    assert refused(here, SHARED, "ann").reason == "ground.place"


def test_a_part_of_the_country_that_there_is_not_may_be_any(here: Deployment) -> None:
    customer(here, "ann", "US-ZZ")
    assert refused(here, SHARED, "ann").reason == "ground.place"


def test_the_last_place_that_was_told_counts(here: Deployment) -> None:
    her = customer(here, "ann", "FR")
    her.consent.answer({AGREED: False}, notice="n-1", how="web", country="US-CA")
    assert released(here, SHARED, "ann") == {"ann"}
    her.consent.answer({AGREED: False}, notice="n-1", how="web", country="FR")
    assert refused(here, SHARED, "ann").reason == "ground.place"


def test_of_two_answers_at_once_the_refusal_holds(shop: Deployment) -> None:
    ann = customer(shop, "ann", "US-CA")
    seen = ann.consent.ask([SHARED])[0]["seen"]
    ann.consent.opt_out(SHARED, how="gpc")
    with pytest.raises(StaleAnswer):  # the same second, from another tab
        ann.consent.answer({SHARED: True}, notice="n-1", how="web", seen=seen, country="US-CA")
    with pytest.raises(InvalidInput):
        ann.consent.answer({SHARED: False, AGREED: True}, notice="n-1", how="web", age=30)
    assert refused(shop, SHARED, "ann").reason == "ground.opted-out"
