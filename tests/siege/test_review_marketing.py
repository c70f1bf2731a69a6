"""After an objection to direct marketing only her own fresh yes counts. Art. 21(2)-(3)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.consent import changes_of
from privet.deployment import Deployment, open_deployment
from privet.errors import Objected, PrivetError, StaleAnswer
from privet.policy import load
from privet.testing import agrees

NEWS, OFFERS, CLUB = "newsletter", "offers", "club"
EXTRA = """
  offers:
    text: Send you offers by post.
    basis: {legitimate-interest: LIA-9}
    direct_marketing: true
    retention: 13mo
  club:
    text: Send the club's magazine.
    basis: {contract: club}
    direct_marketing: true
    retention: 13mo
"""
OVERRIDE = "overrides: [desk-consent]\n"
PERMITS = """
  - {id: desk-consent, role: privacy-desk, for: "privet:consent", may: [read, answer, withdraw, object, begin]}
  - {id: post, role: operator, for: offers, may: [collect], fields: [profile.email]}
  - {id: magazine, role: operator, for: club, may: [collect], fields: [profile.email]}
"""  # noqa: E501
ASSESSMENT = """
  LIA-9:
    is: legitimate-interest
    text: Post to customers who have not objected.
"""


@pytest.fixture
def shop(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """The shop with direct marketing on each basis that a person can object to."""
    texts = load("pack:shop").documents
    (tmp_path / "data.yaml").write_text(texts["data"])
    policy = texts["policy"].replace("permits:\n", OVERRIDE + "permits:\n" + PERMITS, 1)
    assessments = "assessments:" + ASSESSMENT
    policy = policy.replace("assessments:\n", assessments, 1)
    (tmp_path / "policy.yaml").write_text(policy.replace("purposes:\n", "purposes:" + EXTRA, 1))
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        tmp_path / "home", policy=tmp_path, keyring=keyring, clock=clock, sync="OFF"
    ) as made:
        agrees(made, "ada", "orders", NEWS, CLUB)
        yield made


def holds(shop: Deployment, purpose: str) -> bool:
    desk = shop.principal("dpo", roles=["privacy-desk"])
    return desk.consent.eligible(["ada"], purpose)["ada"]


def loaded(kind: str) -> Callable[[Deployment, str], object]:
    def load_one(shop: Deployment, purpose: str) -> object:
        now = pd.Timestamp(shop._parts.clock.now())
        frame = pd.DataFrame({"subject": ["ada"], "purpose": [purpose], "kind": [kind]})
        frame["at"] = [now]
        desk = shop.principal("dpo", roles=["privacy-desk"]).consent
        return desk.load(frame, notice="n", channel="c", evidence="e")

    return load_one


HOST: dict[str, Callable[[Deployment, str], object]] = {
    "begin": lambda s, p: s.principal("d", roles=["privacy-desk"]).consent.begin("ada", p),
    "on behalf": lambda s, p: s.principal("d", roles=["privacy-desk"]).consent.on_behalf(
        "ada", {p: True}, notice="n", channel="phone", evidence="e"
    ),
}
BROUGHT = {"yes": loaded("yes"), "begun": loaded("begun")}
"""What a host brings in from elsewhere: where it fits, it is recorded and has no effect."""


@pytest.mark.parametrize("purpose", [NEWS, OFFERS, CLUB])
@pytest.mark.parametrize("how", HOST)
def test_no_host_ends_an_objection_to_direct_marketing(
    shop: Deployment, clock: Any, purpose: str, how: str
) -> None:
    assert holds(shop, purpose)
    shop.subject("ada", proof="p").consent.object(purpose)
    assert not holds(shop, purpose)
    size = shop._parts.log.size()
    with pytest.raises(PrivetError):
        HOST[how](shop, purpose)
    leaves = [body for _, body in shop._parts.log.leaves(size, 100)]
    assert not [body for body in leaves if body["kind"] == "ground"]
    assert not holds(shop, purpose)


@pytest.mark.parametrize("purpose", [NEWS, OFFERS, CLUB])
@pytest.mark.parametrize("kind", BROUGHT)
def test_nothing_brought_in_ends_an_objection_to_direct_marketing(
    shop: Deployment, clock: Any, purpose: str, kind: str
) -> None:
    shop.subject("ada", proof="p").consent.object(purpose)
    clock.advance(timedelta(days=1))
    size = shop._parts.log.size()
    with contextlib.suppress(PrivetError):  # a kind that does not fit the purpose
        BROUGHT[kind](shop, purpose)
    leaves = [body for _, body in shop._parts.log.leaves(size, 100) if body["kind"] == "ground"]
    told = [change.kind for body in leaves for change in changes_of(body["ground"])]
    assert set(told) <= {f"imported:{kind}"}
    assert not holds(shop, purpose)


@pytest.mark.parametrize("purpose", [OFFERS, CLUB])
def test_the_refusal_says_that_she_objected(shop: Deployment, purpose: str) -> None:
    shop.subject("ada", proof="p").consent.object(purpose)
    with pytest.raises(Objected) as refusal:
        HOST["begin"](shop, purpose)
    assert refusal.value.reason == "ground.objected"


def test_her_own_yes_that_saw_the_objection_ends_it(shop: Deployment) -> None:
    ada = shop.subject("ada", proof="p").consent
    ada.object(NEWS)
    with pytest.raises(StaleAnswer):
        ada.answer({NEWS: True}, notice="n", how="web")
    (form,) = ada.ask([NEWS])
    ada.answer({NEWS: True}, notice="n", how="web", seen=form["seen"])
    assert holds(shop, NEWS)
