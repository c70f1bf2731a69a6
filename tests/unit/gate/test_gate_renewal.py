"""Whom to ask again: how many for a reader of consents, who for whoever may export."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, InvalidInput
from privet.notices import load_notice
from privet.policy import load

RECS, NEWS = "recommendations", "newsletter"
SHOP = load_notice("pack:shop")


@pytest.fixture
def shop(where: str, tmp_path: Any, clock: Any) -> Any:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    ) as opened:
        yield opened


def desk(shop: Deployment) -> Any:
    return shop.principal("d", roles=["privacy-desk"]).consent


def yes(shop: Deployment, *people: str, notice: str = "code") -> None:
    for person in people:
        answers = {RECS: True, NEWS: True}
        shop.subject(person, proof="t").consent.answer(answers, notice=notice, how="web")


def of(shop: Deployment, purpose: str, days: int = 30) -> Any:
    (found,) = desk(shop).renewals(purpose, within=timedelta(days=days))
    return found


def test_who_lapsed_who_will_and_when(shop: Deployment, clock: Any) -> None:
    yes(shop, "early")
    clock.advance(timedelta(days=20))
    yes(shop, "ada", "bob", "cy", "dan", "eve")
    shop.subject("cy", proof="t").consent.answer({RECS: False}, notice="code", how="web")
    desk(shop).restrict("dan", reason="contested")
    assert (of(shop, RECS).lapsed, of(shop, RECS).lapsing) == (0, 0)
    clock.advance(timedelta(days=346))  # twelve months after the first
    found = of(shop, RECS)
    assert (found.lapsed, found.lapsing, found.material) == (1, 3, 0)
    assert sum(found.weeks.values()) == 3
    assert found.notices == ()
    assert of(shop, RECS, days=1).lapsing == 0
    assert desk(shop).to_ask(RECS) == ["early", "ada", "bob", "eve"]
    yes(shop, "early")
    assert of(shop, RECS).lapsed == 0
    assert of(shop, NEWS).lapsing == 0  # the policy asks for no renewal of it


def test_a_material_notice_asks_those_who_answered_before(shop: Deployment, clock: Any) -> None:
    yes(shop, "ada", "bob")
    text = SHOP.document.replace("version: 2026-11", "version: v2\nmaterial: true\ngrace: 10d")
    shop.principal("ops", roles=["operator"]).admin.add_notice(text)
    yes(shop, "bob", notice="shop/v2/en")
    for purpose in (RECS, NEWS):
        found = of(shop, purpose)
        assert (found.lapsed, found.lapsing, found.material) == (0, 1, 1)
        assert found.notices == ("shop/v2/en",)
        assert desk(shop).to_ask(purpose) == ["ada"]
    clock.advance(timedelta(days=10))
    assert (of(shop, NEWS).lapsed, of(shop, NEWS).material) == (1, 1)


def test_counts_need_a_reader_and_a_list_needs_who_may_export(shop: Deployment) -> None:
    with pytest.raises(AccessDenied):
        shop.principal("w", roles=["storefront"]).consent.renewals()
    # The pack's desk may export; a storefront may not.
    assert "export" in load("pack:shop").permits["desk-rights"].actions
    with pytest.raises(AccessDenied):
        shop.principal("w", roles=["storefront"]).consent.to_ask(RECS)


def test_a_list_leaves_a_record_about_everybody_on_it(shop: Deployment, clock: Any) -> None:
    yes(shop, "ada")
    clock.advance(timedelta(days=360))
    desk(shop).to_ask(RECS)
    reads = shop.subject("ada", proof="t").rights.access()["reads"]
    assert ("privet:rights", "export") in {(r["purpose"], r["action"]) for r in reads}


@pytest.mark.parametrize("purpose", ["orders", "nothing", 7, None])
def test_only_consents_are_asked_for_again(shop: Deployment, purpose: Any) -> None:
    with pytest.raises(InvalidInput):
        desk(shop).renewals(purpose)


@pytest.mark.parametrize("within", [timedelta(days=-1), timedelta(days=99_999), 30, None])
def test_the_window_is_a_span_ahead(shop: Deployment, within: Any) -> None:
    with pytest.raises(InvalidInput):
        desk(shop).renewals(within=within)
