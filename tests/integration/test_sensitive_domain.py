"""What reveals a special category is sealed apart, and opened only with a ground for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.gate import catalogue
from privet.policy import apart, load
from privet.recommend import PersonalFrequency, Popularity
from privet.vault.keys import Keys

TYPES = {
    "bread": "PREMIUM BREAD",
    "milk": "FLUID MILK WHITE ONLY",
    "pills": "ADULT ANALGESICS",
    "test": "PREGNANCY TEST KITS",
    "beer": "BEERALEMALT LIQUORS",
}
SENSITIVE = {"pills", "test"}
PEOPLE = [f"h{n}" for n in range(6)]


def policy(root: Path, *edits: tuple[str, str]) -> Path:
    """The grocery pack, with a least size that suits six people."""
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        changed = text.replace("least: 50", "least: 2").replace("least: 20", "least: 2")
        for old, new in edits if name == "policy" else ():
            assert old in changed
            changed = changed.replace(old, new, 1)
        (root / f"{name}.yaml").write_text(changed)
    return root / "policy.yaml"


class Market:
    """Six people who buy some of everything, and the doors to their shop."""

    def __init__(self, where: str, tmp: Path, clock: Any, *edits: tuple[str, str]) -> None:
        self.clock = clock
        document = policy(tmp / "p", *edits)
        key = f"file:{tmp / 'k'}"
        self.shop = privet.open(where, policy=document, keyring=key, clock=clock, sync="OFF")
        self.parts = self.shop.principal("op", roles=["operator"])._parts
        self.operator = self.shop.principal("op", roles=["operator"])
        self.operator.admin.load_items([{"item": i, "type": t} for i, t in TYPES.items()])
        self.till = self.shop.principal("till", roles=["storefront"])
        self.desk = self.shop.principal("desk", roles=["privacy-desk"]).rights
        trainer = self.shop.principal("t", roles=["trainer"])
        self.models = trainer.purpose("recommendations").models
        self.group = trainer.purpose("segmentation")
        for person in PEOPLE:
            self.till.consent.begin(person, "orders")
            answers = {"recommendations": True, "segmentation": True}
            self.shop.subject(person, proof="s").consent.answer(answers, notice="n", how="web")

    def rows(self) -> pd.DataFrame:
        at = pd.Timestamp(self.clock.now())
        lines = [
            {"who": p, "t": at - timedelta(days=3 * n + d), "i": item, "b": f"{p}-{n}"}
            for p in PEOPLE
            for n in range(3)
            for d, item in enumerate(TYPES)
        ]
        return pd.DataFrame(lines).assign(q=1, v="2.00", d="0.00", c="0.00", s="s1")

    def load(self) -> Any:
        columns = {"who": "subject", "t": "at", "i": "item", "b": "basket", "q": "quantity"}
        columns |= {"v": "value", "d": "discount", "c": "coupon", "s": "store"}
        return self.operator.purpose("orders").load("purchase", self.rows(), columns=columns)

    def serve(self) -> None:
        for name, spec in (
            ("habit", PersonalFrequency(by="type", least=2)),
            ("top", Popularity(by="type", least=2)),
        ):
            self.models.serve(self.models.train(name, spec))

    def keyed(self, person: str) -> set[str]:
        sno = self.parts.subjects.find([person])[0]
        return self.parts.vault.keyed_domains([sno])[sno]

    def bought(self, person: str) -> list[str]:
        return sorted(r["item"] for r in self.desk.access(person)["events"].get("purchase", ()))


@pytest.fixture
def market(where: str, tmp_path: Path, clock: Any) -> Iterator[Market]:
    made = Market(where, tmp_path, clock)
    assert made.load().sealed == len(made.rows())
    yield made
    made.shop.close()


def test_nothing_sensitive_is_in_any_list_reason_or_feature_and_all_of_it_in_the_access(
    market: Market,
) -> None:
    market.serve()
    access = market.till.purpose("recommendations")
    types = {TYPES[item] for item in SENSITIVE}
    for person in PEOPLE:
        for model in ("habit", "top"):
            picks = access.recommend(person, 10, model=model)
            assert picks.personal == (model == "habit") or model == "top"
            assert not types & {pick.item for pick in picks}
            assert not any(kind in pick.because for pick in picks for kind in types)
        assert market.bought(person) == sorted([*TYPES] * 3)
    frame = market.group.features(["share:type", "monetary"])
    assert not any(kind in column for column in frame for kind in types)
    assert set(frame["monetary"]) == {3 * (len(TYPES) - len(SENSITIVE)) * 2.0}


def test_no_key_of_the_domain_is_touched_without_a_ground_for_it(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts = market.parts.vault._room.layouts
    sealed_apart = {dom for name, dom in layouts.domains.items() if name.endswith("/sensitive")}
    asked: set[int] = set()
    real = Keys.of_subjects

    def counting(keys: Keys, snos: Any, doms: Any) -> Any:
        found = real(keys, snos, doms)
        asked.update(dom for _, dom in found)
        return found

    monkeypatch.setattr(Keys, "of_subjects", counting)
    market.serve()
    market.till.purpose("recommendations").recommend(PEOPLE[0])
    market.group.features(["share:type"])
    assert asked
    assert not asked & sealed_apart
    market.desk.access(PEOPLE[0])
    assert len(asked & sealed_apart) == 2  # what is held, and what is not


def test_with_those_keys_destroyed_everything_else_is_as_it_was(market: Market) -> None:
    market.serve()
    access = market.till.purpose("recommendations")

    def all_of_it() -> tuple[Any, ...]:
        lists = {p: [(k.item, k.score, k.because) for k in access.recommend(p)] for p in PEOPLE}
        return lists, market.group.features(["share:type", "monetary", "frequency"]).to_csv()

    before = all_of_it()
    digests = [v.digest for v in market.models.list()]
    doms = [
        dom
        for name, dom in market.parts.vault._room.layouts.domains.items()
        if name.endswith("/sensitive")
    ]
    for sno in market.parts.subjects.find(PEOPLE):
        assert len(market.parts.keys.destroy_subject(sno, doms)) == 2
    assert all_of_it() == before
    market.serve()
    assert [v.digest for v in market.models.list()][: len(digests)] == digests
    assert market.bought(PEOPLE[0]) == sorted([*(set(TYPES) - SENSITIVE)] * 3)


def test_a_row_is_kept_once_wherever_it_is_sealed(market: Market) -> None:
    again = market.load()
    assert (again.sealed, again.repeated) == (0, len(market.rows()))
    assert {apart("orders"), apart("orders/hold")} <= market.keyed(PEOPLE[0])
    person = PEOPLE[1]
    line = {"item": "pills", "basket": "b-new", "quantity": 1, "value": "1.00"}
    line |= {"discount": "0.00", "coupon": "0.00", "store": "s1"}
    orders = market.till.purpose("orders")
    assert orders.record(person, "purchase", **line).new
    assert not orders.record(person, "purchase", **line).new


def test_whoever_never_bought_such_a_thing_has_no_key_there(
    where: str, tmp_path: Path, clock: Any
) -> None:
    market = Market(where, tmp_path, clock)
    line = {"basket": "b", "quantity": 1, "value": "1.00", "discount": "0.00"}
    line |= {"coupon": "0.00", "store": "s1"}
    orders = market.till.purpose("orders")
    orders.record(PEOPLE[0], "purchase", item="bread", **line)
    orders.record(PEOPLE[1], "purchase", item="test", **line)
    assert not any(name.endswith("/sensitive") for name in market.keyed(PEOPLE[0]))
    assert {n for n in market.keyed(PEOPLE[1]) if n.startswith("orders")} == {
        "orders/sensitive",
        "orders/hold/sensitive",
    }
    market.shop.close()


def test_an_erasure_destroys_it_and_a_hold_keeps_it_with_the_rest(market: Market) -> None:
    lines = {line.name: line.fate for line in market.desk.plan(PEOPLE[0])}
    assert lines["orders/sensitive/purchase"] == "destroyed"
    assert lines["orders/hold/sensitive/purchase"] == "held"
    erased = market.desk.erase(PEOPLE[0])
    assert erased.state == "held"
    sno_domains = market.parts.vault.keyed_domains(range(1, 20)).values()
    kept = [names for names in sno_domains if "orders" not in names and "orders/hold" in names]
    assert kept == [{"orders/hold", "orders/hold/sensitive", "identity"}]


def test_retention_sweeps_it_as_the_rest(market: Market) -> None:
    market.clock.advance(timedelta(days=900))
    market.shop.maintenance.run()
    with market.parts.home.data.read() as tx:
        sno = market.parts.subjects.find([PEOPLE[2]])[0]
        held = {h.domain: h.rows for h in market.parts.vault.holdings(tx, sno)}
    assert "orders" not in held
    assert "orders/sensitive" not in held
    assert held["orders/hold/sensitive"] == 3 * len(SENSITIVE)


def test_a_withdrawal_destroys_what_its_purpose_collected_on_both_sides(market: Market) -> None:
    shop = market.till.purpose("recommendations")
    for n, item in enumerate(("bread", "pills")):
        shop.record(PEOPLE[3], "view", event_id=f"v{n}", item=item)
    both = {"recommendations", apart("recommendations")}
    assert both <= market.keyed(PEOPLE[3])
    market.shop.subject(PEOPLE[3], proof="s").consent.withdraw("recommendations")
    assert not both & market.keyed(PEOPLE[3])
    assert market.shop.maintenance.overdue()["withdrawals"] == 0


GROUND = (
    (
        "never: [health, religion, sexuality, pregnancy, origin]",
        "never: [religion, sexuality, pregnancy, origin]",
    ),
    ("    renew: 12mo", "    renew: 12mo\n    special: {health: explicit-consent}"),
)


def test_a_purpose_with_a_ground_learns_from_that_and_from_nothing_else_there(
    where: str, tmp_path: Path, clock: Any
) -> None:
    market = Market(where, tmp_path, clock, *GROUND)
    market.load()
    market.serve()
    picks = market.till.purpose("recommendations").recommend(PEOPLE[0], 10, model="habit")
    items = {pick.item for pick in picks}
    assert TYPES["pills"] in items
    assert TYPES["test"] not in items
    assert not any("share:type=ADULT" in c for c in market.group.features(["share:type"]))
    market.shop.close()


def test_an_item_that_turns_out_sensitive_is_hidden_at_once(market: Market) -> None:
    market.operator.admin.load_items([{"item": "milk", "type": "LAXATIVES"}])
    assert catalogue.items(market.parts).hidden[catalogue.items(market.parts).codes["milk"]]
    market.serve()
    picks = market.till.purpose("recommendations").recommend(PEOPLE[0], 10, model="habit")
    assert {pick.item for pick in picks} <= {TYPES["bread"], TYPES["beer"]}
    frame = market.group.features(["share:type", "monetary"])
    assert set(frame["monetary"]) == {3 * 2 * 2.0}  # bread and beer, three times each
    assert not any("LAXATIVES" in column for column in frame)
    assert market.bought(PEOPLE[0]) == sorted([*TYPES] * 3)


def test_what_has_a_minimum_age_is_for_whoever_is_known_to_have_reached_it(market: Market) -> None:
    market.serve()
    access = market.till.purpose("recommendations")
    beer = TYPES["beer"]
    for age, shown in ((None, False), (20, False), (21, True), (80, True)):
        for model in ("habit", "top"):
            picks = access.recommend(PEOPLE[0], 10, model=model, age=age)
            assert (beer in {pick.item for pick in picks}) == shown
    frame = market.group.features(["share:type"])
    assert not any(beer in column for column in frame)
