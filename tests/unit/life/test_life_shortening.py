"""A retention that a policy shortens: what was sealed to be kept for longer goes as well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.corner import POLICY, Corner

from privet.errors import StoreUnavailable
from privet.gate import upkeep
from privet.gate.batches import Pace
from privet.maintenance import CALLER

SHORT = POLICY.replace("retention: 2y", "retention: 1mo")
PEOPLE = ["ann", "ben", "cay", "dan"]


def rows(corner: Corner) -> int:
    return sum(kept.rows for kept in corner.shop.maintenance.check().kept)


def faults(corner: Corner) -> dict[str, int]:
    return {fault.code: fault.count for fault in corner.shop.maintenance.check().faults}


def test_what_was_to_be_kept_for_longer_is_swept(corner: Corner) -> None:
    corner.buy(*PEOPLE)
    corner.clock.advance(timedelta(days=60))
    corner.buy("ann", order="o2")
    assert corner.shop.maintenance.run()["retention"] == 0
    corner.activate(corner.write(SHORT))
    assert faults(corner) == {"retention.late": 4}
    assert corner.shop.maintenance.overdue()["cells"] == 4
    assert corner.shop.maintenance.run()["retention"] == 4
    assert rows(corner) == 1
    assert faults(corner) == {}
    assert corner.shop.maintenance.overdue()["cells"] == 0
    corner.clock.advance(timedelta(days=40))  # what stayed lapses by the shorter time as well
    assert corner.shop.maintenance.run()["retention"] == 1
    assert rows(corner) == 0


def test_it_goes_on_where_it_was_broken_off(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    corner.buy(*PEOPLE)
    corner.clock.advance(timedelta(days=60))
    corner.activate(corner.write(SHORT))
    monkeypatch.setattr("privet.gate.batches.MANY", 1)
    parts, seen = corner.shop._parts, []

    def twice(done: int, of: int) -> None:
        seen.append((done, of))
        if done == 2:
            raise StoreUnavailable("the disk is full", reason="store.full")

    with pytest.raises(StoreUnavailable):
        upkeep.sweep(parts, CALLER, Pace(twice))
    assert seen == [(1, 4), (2, 4)]
    assert corner.shop.maintenance.overdue()["cells"] in {2, 3}
    corner.again()
    assert corner.shop.maintenance.run()["retention"] in {2, 3}
    assert faults(corner) == {}


def test_a_home_that_lived_through_it_before_is_mended_by_a_look_at_it(corner: Corner) -> None:
    corner.buy(*PEOPLE)
    corner.clock.advance(timedelta(days=60))
    corner.activate(corner.write(SHORT))
    with corner.shop._parts.home.data.write() as tx:  # as a version that noted nothing left it
        tx.run("DELETE FROM meta WHERE key = 'shortened'")
    assert corner.shop.maintenance.run()["retention"] == 0
    assert faults(corner) == {"retention.late": 4}
    assert corner.shop.maintenance.run()["retention"] == 4
    assert faults(corner) == {}


def test_a_longer_retention_notes_nothing(corner: Corner) -> None:
    corner.buy("ann")
    corner.activate(corner.write(POLICY.replace("retention: 2y", "retention: 3y")))
    assert corner.shop.maintenance.overdue()["cells"] == 0
