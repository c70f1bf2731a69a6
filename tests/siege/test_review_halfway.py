"""A withdrawal that died between the key and the cells, and a person who agrees again."""

from __future__ import annotations

import pytest

from privet.deployment import Deployment
from privet.errors import PrivetError
from privet.testing import agrees

PURPOSE = "recommendations"


class Died(BaseException):
    """The process ends here."""


def test_whoever_agrees_again_after_half_a_withdrawal_can_be_written_of(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for person in ("ada", "bea"):
        agrees(shop, person, PURPOSE)
        web.record(person, "view", event_id="1", item="kettle")
    parts = shop._parts

    def died(*_args: object) -> None:
        real(*_args)
        raise Died

    real = parts.keys.destroy_subject
    monkeypatch.setattr(parts.keys, "destroy_subject", died)
    own = shop.subject("ada", proof="p").consent
    with pytest.raises(Died):
        own.withdraw(PURPOSE)
    monkeypatch.undo()
    (form,) = own.ask([PURPOSE])
    own.answer({PURPOSE: True}, notice="n", how="web", seen=form["seen"])
    with pytest.raises(PrivetError):
        web.record("ada", "view", event_id="2", item="kettle")
    assert shop.maintenance.overdue()["withdrawals"] == 1
    assert shop.maintenance.run()["withdrawals"] == 1
    assert shop.maintenance.overdue()["withdrawals"] == 0
    assert web.record("ada", "view", event_id="2", item="kettle").new
    assert web.recommend("ada", k=1) is not None
    seen = shop.subject("ada", proof="p").rights.access()["events"]["view"]
    assert [row["event_id"] for row in seen] == ["2"]
