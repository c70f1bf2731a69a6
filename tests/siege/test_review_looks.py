"""Looks that open no cell: each is decided first and leaves a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privet.deployment import Deployment
from privet.errors import AccessDenied
from privet.gate import read as reading
from privet.gate.parts import Caller
from privet.testing import agrees
from privet.types import RIGHTS, SELF_ROLE

PURPOSE = "recommendations"

LOOKS: dict[str, Callable[[Deployment], object]] = {
    "eligible": lambda s: s.principal("d", roles=["privacy-desk"]).consent.eligible(
        ["ada", "nobody"], PURPOSE
    ),
    "state": lambda s: s.principal("d", roles=["privacy-desk"]).consent.state("ada"),
    "own state": lambda s: s.subject("ada", proof="p").consent.state(),
    "plan": lambda s: s.principal("d", roles=["privacy-desk"]).rights.plan("ada"),
    "own plan": lambda s: s.subject("ada", proof="p").rights.plan(),
}


@pytest.mark.parametrize("what", LOOKS)
def test_a_look_at_a_person_leaves_a_record_of_her(shop: Deployment, what: str) -> None:
    agrees(shop, "ada", PURPOSE)
    (ada,) = shop._parts.subjects.find(["ada"])
    assert ada is not None
    before = len(shop._parts.log.history(ada))
    LOOKS[what](shop)
    seen: list[dict[str, Any]] = shop._parts.log.history(ada)[before:]
    assert {record["kind"] for record in seen} == {"access"}


def test_a_look_at_nobody_known_leaves_none(shop: Deployment) -> None:
    size = shop._parts.log.size()
    assert set(shop.subject("nobody", proof="p").consent.state().values()) == {"none"}
    desk = shop.principal("d", roles=["privacy-desk"]).consent
    assert desk.eligible(["nobody"], PURPOSE) == {"nobody": False}
    assert shop._parts.log.size() == size


def test_features_are_refused_before_anybody_is_looked_up(shop: Deployment) -> None:
    agrees(shop, "ada", PURPOSE)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    refusals = []
    for person in ("ada", "nobody"):
        with pytest.raises(AccessDenied) as refusal:
            web.features(["recency"], subjects=[person])
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1]


def test_models_are_listed_for_those_who_work_with_them(shop: Deployment) -> None:
    assert shop.principal("t", roles=["trainer"]).purpose(PURPOSE).models.list() == []
    with pytest.raises(AccessDenied):
        shop.principal("web", roles=["storefront"]).purpose(PURPOSE).models.list()


def test_herself_is_never_everybody(shop: Deployment) -> None:
    agrees(shop, "ada", "orders")
    agrees(shop, "bea", "orders")
    ada, bea = shop._parts.subjects.find(["ada", "bea"])
    assert ada is not None
    assert bea is not None
    herself = Caller("self", frozenset({SELF_ROLE}), ada)
    for subjects in (None, [ada, bea]):
        with pytest.raises(AccessDenied) as refusal:
            reading.read(shop._parts, herself, RIGHTS, "read", ["profile.email"], subjects)
        assert refusal.value.reason == "self.only"
