"""A permission has its evidence before it counts; a refusal counts before it has any."""

from __future__ import annotations

from typing import Any

import pytest

from privet.deployment import Deployment
from privet.errors import StoreUnavailable
from privet.gate import grounds
from privet.testing import agrees

PURPOSE = "recommendations"


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(grounds, "seal_private", full)


def test_a_yes_without_evidence_is_none(shop: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    agrees(shop, "ada", "orders")
    cut_off(monkeypatch)
    with pytest.raises(StoreUnavailable):
        agrees(shop, "ada", PURPOSE)
    assert shop.subject("ada", proof="p").consent.state()[PURPOSE] == "none"


def test_a_withdrawal_without_evidence_holds(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    agrees(shop, "ada", PURPOSE)
    cut_off(monkeypatch)
    desk = shop.principal("dpo", roles=["privacy-desk"]).consent
    with pytest.raises(StoreUnavailable):
        desk.withdraw("ada", PURPOSE, evidence="letter")
    assert shop.subject("ada", proof="p").consent.state()[PURPOSE] == "withdrawn"
