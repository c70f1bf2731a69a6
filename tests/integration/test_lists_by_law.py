"""Lists and models under two laws: who is learnt from, and who gets a list of her own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.policy import pin
from privet.recommend import ItemItem

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: UTC
categories: {behaviour: {from_device: true}, demographic: {}}
profile:
  age: {type: int, category: demographic, optional: true}
events:
  view:
    unique: [event_id]
    fields: {event_id: {type: id, category: behaviour}, item: {type: item, category: behaviour}}
items: {fields: {type: text}}
"""

POLICY = """\
privet: policy/1
name: picks
data: data.yaml
imports: [GDPR, CCPA]
controller: {name: Example Shop, contact: privacy@example.com}
purposes:
  account: {text: Know how old you are., basis: {contract: account}, retention: 2y}
  picks:
    text: Suggest what goes with what you looked at.
    basis: {opt-out: Cal. Civ. Code 1798.121, where: [US-CA]}
    retention: 13mo
    models: {least: 3, co_count_floor: 2}
  news: {text: Send you news., basis: consent, retention: 1y}
roles: {storefront: {}, trainer: {}}
permits:
  - {id: know-age, role: storefront, for: account, may: [collect, read], fields: [profile.age]}
  - {id: begin-contract, role: storefront, for: "privet:consent", may: [begin, end]}
  - {id: news-age, role: storefront, for: news, may: [collect], fields: [profile.age]}
  - {id: follow, role: storefront, for: picks, may: [collect], fields: [view.*]}
  - {id: suggest, role: storefront, for: picks, may: [recommend], fields: [view.item]}
  - {id: learn, role: trainer, for: picks, may: [train, evaluate, serve], fields: [view.item]}
"""


@pytest.fixture
def shop(tmp_path: Path, clock: Any) -> Iterator[privet.Deployment]:
    folder = tmp_path / "policy"
    folder.mkdir()
    pinned = POLICY.replace("GDPR", pin("gdpr")).replace("CCPA", pin("ccpa-cpra"))
    (folder / "policy.yaml").write_text(pinned, encoding="utf-8")
    (folder / "data.yaml").write_text(DATA, encoding="utf-8")
    home = str(tmp_path / "home")
    with privet.open(
        home, policy=folder, keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.load_items(
            [{"item": name, "type": name.upper()} for name in ("tea", "cup", "pot")]
        )
        yield opened


def customer(shop: privet.Deployment, name: str, place: str, age: int | None) -> None:
    """Somebody of a place and an age, as far as they are known, who was not asked about picks."""
    web = shop.principal("web", roles=["storefront"])
    web.consent.begin(name, "account")
    if age is not None:
        web.purpose("account").describe(name, age=age)
    if place:
        her = shop.subject(name, proof="t").consent
        her.answer({"news": False}, notice="n", how="web", country=place)


def looks(shop: privet.Deployment, name: str, *items: str) -> None:
    picks = shop.principal("web", roles=["storefront"]).purpose("picks")
    for item in items:
        picks.record(name, "view", event_id=f"{name}-{item}", item=item)


def test_models_and_lists_are_of_those_whom_the_law_leaves_in(shop: privet.Deployment) -> None:
    for n in range(4):
        customer(shop, f"p{n}", "US-CA", 30)
        looks(shop, f"p{n}", "tea", "cup", "pot")
    for name, place, age in (("kim", "US-CA", 14), ("lou", "US-CA", None), ("dee", "", 30)):
        customer(shop, name, place, age)
        with pytest.raises(privet.AccessDenied):
            looks(shop, name, "tea")
    models = shop.principal("nightly", roles=["trainer"]).purpose("picks").models
    version = models.train("together", ItemItem(event="view"))
    models.serve(version)
    assert version.subjects == 4
    ask = shop.principal("web", roles=["storefront"]).purpose("picks")
    lists = {name: ask.recommend(name, 2) for name in ("p0", "kim", "lou", "dee")}
    assert {name: one.personal for name, one in lists.items()} == {
        "p0": True,
        "kim": False,
        "lou": False,
        "dee": False,
    }
    shop.subject("p0", proof="t").consent.opt_out("picks", how="gpc")
    assert not ask.recommend("p0", 2).personal
