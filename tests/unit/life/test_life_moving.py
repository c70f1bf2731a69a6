"""Where a law begins or ceases to hold a field, its values go under other keys; none is lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.corner import POLICY, Corner

from privet.gate import moving
from privet.gate.parts import Caller
from privet.gate.read import read
from privet.policy import load
from privet.vault import Vault

HELD = POLICY.replace(
    "retention: 2y",
    "retention: 2y, hold: {fields: [purchase.order, purchase.value], for: 6y, law: tax}",
)
NAMED = POLICY.replace(
    "retention: 2y", "retention: 2y, hold: {fields: [profile.name], for: 6y, law: tax}"
)
PEOPLE = ["ann", "ben", "cay"]


def opened(corner: Corner, who: str, *fields: str) -> dict[str, list[Any]]:
    parts = corner.shop._parts
    (sno,) = parts.subjects.find([who])
    found = read(parts, Caller("p", frozenset({"shop"})), "service", "read", fields, [sno])
    (chunk,) = found.chunks()
    return {n: list(c) for e in chunk.events.values() for n, c in e.columns.items()}


def places(corner: Corner, event: str = "purchase") -> set[tuple[frozenset[str], str]]:
    return {(s.fields, s.domain) for s in corner.admin.stored() if s.event == event}


WHOLE = {"order": ["o1"], "item": ["tea"], "value": [777]}
ALL = ("purchase.order", "purchase.item", "purchase.value")
APART = {
    (frozenset({"item"}), "service"),
    (frozenset({"order", "value"}), "service/hold"),
}


def test_what_a_law_begins_to_hold_moves_under_its_keys(corner):
    corner.buy(*PEOPLE)
    cost = corner.admin.cost(corner.write(HELD))
    assert (cost.people, len(cost.parts)) == (3, 2)
    corner.activate(corner.path)
    assert places(corner) == APART
    for who in PEOPLE:
        assert opened(corner, who, *ALL) == WHOLE
    with corner.shop._parts.home.data.read() as tx:
        assert moving.noted(tx) == []
    corner.buy("ann")  # the same order again: the tag still tells it
    assert opened(corner, "ann", *ALL) == WHOLE


def test_what_it_held_is_kept_by_an_erasure(corner):
    corner.buy("ann")
    corner.activate(corner.write(HELD))
    done = corner.shop.principal("dora", roles=["desk"]).rights.erase("ann")
    assert [(h.law, h.fields) for h in done.held] == [("tax", ("purchase.order", "purchase.value"))]
    assert places(corner) == {(frozenset({"order", "value"}), "service/hold")}


def test_what_it_ceases_to_hold_goes_with_an_erasure(corner):
    corner.activate(corner.write(HELD))
    corner.buy("ann")
    assert places(corner) == APART
    corner.activate(corner.write(POLICY), loosens=True)
    assert {domain for _, domain in places(corner)} == {"service"}
    assert opened(corner, "ann", *ALL) == WHOLE
    corner.shop.principal("dora", roles=["desk"]).rights.erase("ann")
    assert places(corner) == set()


def test_fields_of_a_profile_move_as_well(corner):
    corner.buy("ann")
    clerk = corner.shop.principal("carl", roles=["shop"]).purpose("service")
    clerk.describe("ann", name="Ann", city="Ghent")
    corner.activate(corner.write(NAMED))
    assert places(corner, "profile") == {
        (frozenset({"name"}), "service/hold"),
        (frozenset({"city"}), "service"),
    }
    assert opened(corner, "ann", "profile.name", "profile.city") == {
        "name": ["Ann"],
        "city": ["Ghent"],
    }


@pytest.fixture
def cut_off(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> Corner:
    """Activated, and killed when one person of three was moved."""
    corner.buy(*PEOPLE)
    real, done = Vault.move, []

    def dies(self: Vault, *args: Any) -> int:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(1)
        return real(self, *args)

    monkeypatch.setattr(Vault, "move", dies)
    with pytest.raises(KeyboardInterrupt):
        corner.admin.activate(corner.write(HELD))
    monkeypatch.undo()
    corner.again()
    assert corner.shop.policy == load(corner.path)
    assert len(places(corner)) == 3
    return corner


def test_a_move_that_is_broken_off_hides_nothing_and_goes_on(cut_off):
    for who in PEOPLE:
        assert opened(cut_off, who, *ALL) == WHOLE
        assert opened(cut_off, who, "purchase.value") == {"value": [777]}
        assert opened(cut_off, who, "purchase.item") == {"item": ["tea"]}
    assert cut_off.shop.maintenance.overdue()["cells"] == 3
    assert cut_off.shop.maintenance.run()["moving"] == 2
    assert places(cut_off) == APART
    assert cut_off.shop.maintenance.overdue()["cells"] == 0
    for who in PEOPLE:
        assert opened(cut_off, who, *ALL) == WHOLE


def test_who_is_erased_meanwhile_is_moved_first(cut_off):
    last = PEOPLE[-1]
    done = cut_off.shop.principal("dora", roles=["desk"]).rights.erase(last)
    assert [h.law for h in done.held] == ["tax"]
    cut_off.shop.maintenance.run()
    held = [s for s in cut_off.admin.stored() if s.domain == "service/hold"]
    assert sum(s.rows for s in held) == len(PEOPLE)


def test_the_next_activation_finishes_it_first(cut_off):
    cut_off.activate(cut_off.write(POLICY), loosens=True)
    assert {domain for _, domain in places(cut_off)} == {"service"}
    for who in PEOPLE:
        assert opened(cut_off, who, *ALL) == WHOLE


def test_her_access_shows_it_all_meanwhile(cut_off):
    for who in PEOPLE:
        told = cut_off.shop.principal("dora", roles=["desk"]).rights.access(who)
        assert str(told["events"]).count("777") == 1
