"""A policy that was replaced: no desk, no maintenance and no writer goes on under it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied
from privet.policy import load
from privet.testing import agrees

PURPOSE = "recommendations"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The same policy with one word changed."""
    texts = load("pack:shop").documents
    directory = tmp_path / "other"
    directory.mkdir()
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(
        texts["policy"].replace("privacy@example.com", "privacy@example.org")
    )
    return directory


DESKS: dict[str, Callable[[Deployment], object]] = {
    "erase": lambda s: s.principal("d", roles=["privacy-desk"]).rights.erase("ada"),
    "plan": lambda s: s.principal("d", roles=["privacy-desk"]).rights.plan("ada"),
    "link": lambda s: s.principal("d", roles=["privacy-desk"]).rights.link("ada", "c"),
    "eligible": lambda s: s.principal("d", roles=["privacy-desk"]).consent.eligible(["a"], PURPOSE),
    "state": lambda s: s.principal("d", roles=["privacy-desk"]).consent.state("ada"),
    "history": lambda s: s.principal("a", roles=["auditor"]).audit.history("ada"),
    "items": lambda s: s.principal("o", roles=["operator"]).admin.load_items([{"item": "x"}]),
    "activate": lambda s: s.principal("o", roles=["operator"]).admin.activate("pack:shop"),
    "own erasure": lambda s: s.subject("ada", proof="p").rights.erase(),
    "maintenance": lambda s: s.maintenance.run(),
}


@pytest.mark.parametrize("what", DESKS)
def test_a_handle_with_a_replaced_policy_does_nothing_more(
    shop: Deployment, other: Path, what: str
) -> None:
    agrees(shop, "ada", PURPOSE)
    shop.principal("ops", roles=["operator"]).admin.activate(other)
    with pytest.raises(AccessDenied) as refusal:
        DESKS[what](shop)
    assert refusal.value.reason == "policy.replaced"


def test_an_activation_waits_for_a_write_that_is_under_way(
    where: str, tmp_path: Path, clock: Any, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        where, policy="pack:shop", keyring=keyring, clock=clock, sync="OFF"
    ) as shop:
        ops = shop.principal("ops", roles=["operator"])
        ops.admin.load_items([{"item": "kettle"}])
        agrees(shop, "ada", PURPOSE)
        activating = threading.Thread(target=ops.admin.activate, args=(other,))
        real, order = shop._parts.ledger.epoch, []

        def slow(*args: Any, **how: Any) -> Any:  # right after the writer looked at the policy
            activating.start()
            activating.join(0.5)
            order.append(activating.is_alive())
            monkeypatch.undo()
            return real(*args, **how)

        monkeypatch.setattr(shop._parts.ledger, "epoch", slow)
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        assert web.record("ada", "view", event_id="1", item="kettle").new
        activating.join()
        assert order == [True]
