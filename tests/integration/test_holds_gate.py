"""What laws keep past an erasure, place by place: in the plan, the certificate and the sweep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from privet.audit.verifier import verify_certificate
from privet.deployment import Deployment, open_deployment
from privet.errors import Erased
from privet.gate import upkeep
from privet.gate.grounds import change
from privet.gate.wishes import Proof, Wish
from privet.maintenance import CALLER
from privet.policy import load
from privet.rights.answering import herself

DE = "Keeping of books there"
FR = "Keeping of receipts there"
EVERYWHERE = "Keeping of tax records"
HOLDS = f"""\
    jurisdictions:
      DE: {{hold: {{for: 10y, law: {DE}}}}}
      FR: {{hold: {{for: 3y, law: {FR}}}}}
"""
Open = Callable[..., Deployment]
BASE = "      for: 7y\n      law: Keeping of tax records\n"


@pytest.fixture
def opened(where: str, tmp_path: Path, clock: Any) -> Iterator[Open]:
    made: list[Deployment] = []

    def begin(base: str = BASE) -> Deployment:
        texts = load("pack:shop").documents
        policy = texts["policy"].replace(BASE, f"{base}{HOLDS}")
        assert HOLDS in policy
        directory = tmp_path / "policy"
        directory.mkdir()
        for name, text in {**texts, "policy": policy}.items():
            if "/" not in name:
                (directory / f"{name}.yaml").write_text(text)
        keyring = f"file:{tmp_path / 'k'}"
        shop = open_deployment(where, policy=directory, keyring=keyring, clock=clock, sync="OFF")
        made.append(shop)
        shop.principal("ops", roles=["operator"]).admin.load_items([{"item": "kettle"}])
        return shop

    yield begin
    for shop in made:
        shop.close()


def buys(shop: Deployment, person: str, place: str = "", order: str = "1") -> int:
    """She opens an account, says perhaps where she lives, and buys a kettle."""
    till = shop.principal("till", roles=["storefront"])
    till.consent.begin(person, "orders")
    (sno,) = shop._parts.subjects.find([person])
    assert sno is not None
    if place:
        moves(shop, int(sno), place)
    orders(shop, person, order)
    return int(sno)


def orders(shop: Deployment, person: str, order: str) -> None:
    shop.principal("till", roles=["storefront"]).purpose("orders").record(
        person, "purchase", order=f"{person}-{order}", item="kettle", quantity=1, value="9.99"
    )


def moves(shop: Deployment, sno: int, place: str) -> None:
    parts = shop._parts
    with parts.home.data.read() as tx:
        wish = Wish("recommendations", "yes", seen=parts.ledger.position(tx))
    change(parts, herself(sno), [(sno, wish)], Proof(jurisdiction=place))


def erased(shop: Deployment, person: str) -> Any:
    done = shop.principal("desk", roles=["privacy-desk"]).rights.erase(person)
    key = shop.principal("rev", roles=["auditor"]).audit.verifier_key
    assert verify_certificate(done.certificate, vkey=key).ok
    return done


def told(done: Any) -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = json.loads(done.certificate)["certificate"]["held"]
    return held


PLACES = {
    "DE": (DE, 2036),
    "FR": (FR, 2029),
    "IT": (EVERYWHERE, 2033),
    "": (FR, 2029),  # not known: the first to end
    "ZZ": (FR, 2029),
    "DE-BY": (DE, 2036),
}


def test_the_law_of_her_place_holds_and_of_an_unknown_one_the_first_to_end(opened: Open) -> None:
    shop = opened()
    desk = shop.principal("desk", roles=["privacy-desk"]).rights
    for n, (place, (law, year)) in enumerate(PLACES.items()):
        person = f"person-{n}"
        buys(shop, person, place)
        planned = {line.law for line in desk.plan(person) if line.fate == "held"}
        assert planned == {law}
        done = erased(shop, person)
        assert done.state == "held"
        assert {(h.law, h.until[:4]) for h in done.held} == {(law, str(year))}
        assert {(h["law"], h["until"][:4]) for h in told(done)} == {(law, str(year))}


def test_where_only_a_place_holds_nothing_is_held_elsewhere_or_of_an_unknown_place(
    opened: Open,
) -> None:
    shop = opened(base="")
    for person, place in (("ada", ""), ("bob", "IT")):
        buys(shop, person, place)
        assert erased(shop, person).state == "done"
    buys(shop, "cleo", "DE")
    assert [h["law"] for h in told(erased(shop, "cleo"))] == [DE]


def test_the_place_last_named_before_the_erasure_counts(opened: Open) -> None:
    shop = opened()
    sno = buys(shop, "ada", "DE")
    moves(shop, sno, "FR")
    assert [h["law"] for h in told(erased(shop, "ada"))] == [FR]


def later(clock: Any, years: int) -> None:
    clock.instant = datetime(2026 + years, 3, 12, tzinfo=UTC)


def held_rows(shop: Deployment, sno: int) -> int:
    with shop._parts.home.data.read() as tx:
        holdings = shop._parts.vault.holdings(tx, sno)
    return sum(h.rows for h in holdings if h.domain == "orders/hold" and h.event == "purchase")


def test_the_sweep_keeps_what_the_law_of_each_place_holds(opened: Open, clock: Any) -> None:
    shop = opened()
    snos = {place: buys(shop, f"p-{place or 'x'}", place) for place in ("DE", "FR", "IT", "")}
    left = []
    for years in (2, 4, 8, 11):
        later(clock, years)
        upkeep.sweep(shop._parts, CALLER)
        left.append({place for place, sno in snos.items() if held_rows(shop, sno)})
    assert left == [set(snos), {"DE", "IT"}, {"DE"}, set()]


def test_a_place_learned_later_prolongs_what_is_there_and_brings_nothing_back(
    opened: Open, clock: Any
) -> None:
    shop = opened()
    ada, bob = buys(shop, "ada"), buys(shop, "bob")
    later(clock, 1)
    moves(shop, ada, "DE")
    later(clock, 4)
    upkeep.sweep(shop._parts, CALLER)
    assert (held_rows(shop, ada) > 0, held_rows(shop, bob)) == (True, 0)
    assert upkeep.overdue(shop._parts) == 0  # looked at once, not at every run from now on
    moves(shop, bob, "DE")
    assert held_rows(shop, bob) == 0
    later(clock, 11)
    upkeep.sweep(shop._parts, CALLER)
    assert held_rows(shop, ada) == 0


def test_after_an_erasure_the_decided_hold_stands_until_its_day(opened: Open, clock: Any) -> None:
    shop = opened()
    sno = buys(shop, "ada")  # to be looked at early, since her place is not known yet
    later(clock, 1)
    orders(shop, "ada", "2")
    moves(shop, sno, "DE")
    done = erased(shop, "ada")
    (until,) = {h.until for h in done.held}
    assert until.startswith("2037")
    later(clock, 6)  # longer than an unknown place holds, and nobody knows hers any more
    shop.maintenance.run()
    assert held_rows(shop, sno) == 2
    clock.instant = datetime.fromisoformat(until) + timedelta(days=1)
    shop.maintenance.run()
    assert held_rows(shop, sno) == 0
    with shop._parts.home.data.read() as tx:
        assert tx.one("SELECT state FROM request") == ("done",)


LEFT = """\
after_erasure:
  records: Claims of ours
  suppression: {for: 3y, ground: Old files}
never: []
"""


def certified(done: Any) -> list[dict[str, Any]]:
    left: list[dict[str, Any]] = json.loads(done.certificate)["certificate"]["remains"]
    return left


def test_what_is_left_of_the_ledger_is_said_in_the_plan_and_the_certificate(
    where: str, tmp_path: Path, clock: Any
) -> None:
    texts = load("pack:shop").documents
    for name, text in {**texts, "policy": texts["policy"] + LEFT}.items():
        if "/" not in name:
            (tmp_path / f"{name}.yaml").write_text(text)
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        where, policy=tmp_path / "policy.yaml", keyring=keyring, clock=clock, sync="OFF"
    ) as shop:
        shop.principal("till", roles=["storefront"]).consent.begin("ada", "orders")
        desk = shop.principal("desk", roles=["privacy-desk"]).rights
        kept = {(p.name, p.law, p.until[:4]) for p in desk.plan("ada") if p.fate == "kept"}
        assert kept == {("records", "Claims of ours", ""), ("suppression", "Old files", "2029")}
        records, mark = certified(erased(shop, "ada"))
        assert records == {"what": "records", "ground": "Claims of ours", "until": None}
        assert (mark["ground"], mark["until"][:10]) == ("Old files", "2029-03-02")
        web = shop.principal("till", roles=["storefront"])
        clock.instant = datetime(2029, 3, 1, tzinfo=UTC)
        with pytest.raises(Erased):
            web.consent.begin("ada", "orders")
        clock.instant = datetime(2029, 3, 3, tzinfo=UTC)  # as long as the policy says, no longer
        web.consent.begin("ada", "orders")


def test_a_policy_that_says_nothing_of_it_has_grounds_all_the_same(opened: Open) -> None:
    shop = opened()
    buys(shop, "ada", "IT")
    assert [("Art. " in left["ground"]) for left in certified(erased(shop, "ada"))] == [True, True]
