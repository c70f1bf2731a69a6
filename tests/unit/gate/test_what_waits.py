"""What maintenance owes is told, also the two things that only it can bring to an end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import privet

IDLE = {"erasures": 0, "withdrawals": 0, "holds": 0, "cells": 0, "epochs": 0}


def told(shop: privet.Deployment) -> tuple[str, str]:
    (found,) = (f for f in shop.maintenance.examine() if f.check == "maintenance")
    return found.state, found.what


def test_nothing_waits_in_a_new_home(shop: privet.Deployment) -> None:
    assert shop.maintenance.overdue() == IDLE
    assert told(shop) == ("ok", "nothing waits")


def test_a_key_epoch_that_should_have_ended_waits(shop: privet.Deployment, clock: Any) -> None:
    clock.advance(timedelta(days=30) - timedelta(microseconds=1))
    assert shop.maintenance.overdue() == IDLE
    clock.advance(timedelta(microseconds=1))
    assert shop.maintenance.overdue() == {**IDLE, "epochs": 1}
    assert told(shop) == ("warn", "waiting: 1 epochs")
    shop.maintenance.run()
    assert shop.maintenance.overdue() == IDLE


def test_a_hold_that_has_ended_waits(shop: privet.Deployment, clock: Any) -> None:
    clerk = shop.principal("web", roles=["storefront"])
    clerk.consent.begin("ada", "orders")
    order = {"order": "o-1", "item": "kettle", "quantity": 1, "value": "39.90"}
    clerk.purpose("orders").record("ada", "purchase", **order)
    assert shop.subject("ada", proof="t").rights.erase().state == "held"
    assert shop.maintenance.overdue()["holds"] == 0
    clock.advance(timedelta(days=7 * 366))
    assert shop.maintenance.overdue()["holds"] == 1
    assert "1 holds" in told(shop)[1]
    shop.maintenance.run()
    assert shop.maintenance.overdue()["holds"] == 0
