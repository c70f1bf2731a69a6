"""First re-seal, then permit: reads and writes go on, and no cell opens more than is permitted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.corner import DATA, FINER, POLICY, Corner

from privet.errors import AccessDenied, StoreUnavailable
from privet.gate import activation, policies, resealing
from privet.policy import load
from privet.vault import compaction, reading

PEOPLE = [f"p{i}" for i in range(5)]
ORDER_AND_ITEM = frozenset({"order", "item"})


def values(corner: Corner, who: str, *names: str, role: str = "shop") -> dict[str, list]:
    """What is opened of her purchases, by the gate's own read."""
    from privet.gate.parts import Caller
    from privet.gate.read import read

    parts = corner.shop._parts
    caller = Caller("p-test", frozenset({role}))
    (sno,) = parts.subjects.find([who])
    found = read(parts, caller, "service", "read", [f"purchase.{n}" for n in names], [sno])
    (opened,) = found.chunks()
    return {name: list(column) for name, column in opened.events["purchase"].columns.items()}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """The fields that lay in each cell that was opened."""
    seen: list[frozenset[str]] = []
    real = reading.decode_cells

    def spy(room, cells, keys, wanted):  # type: ignore[no-untyped-def]
        seen.extend(room.layouts.by_grp[cell[3]].names for cell in cells)
        return real(room, cells, keys, wanted)

    monkeypatch.setattr(reading, "decode_cells", spy)
    monkeypatch.setattr(compaction, "decode_cells", spy)
    return seen


def layouts(corner: Corner) -> set[frozenset[str]]:
    return {s.fields for s in corner.admin.stored() if s.event == "purchase"}


def test_what_is_kept_apart_is_resealed_before_it_is_permitted(corner, opened):
    corner.buy(*PEOPLE)
    assert layouts(corner) == {ORDER_AND_ITEM | {"value"}}
    corner.write(FINER)
    cost = corner.admin.cost(corner.path)
    assert (cost.cells, cost.rows, cost.people) == (5, 5, 5)
    (sentence,) = cost.parts
    assert sentence.endswith("no longer sealed together (item order | value)")
    told: list[tuple[int, int]] = []
    corner.activate(corner.path, progress=lambda *done: told.append(done))
    assert told == [(5, 5)]
    assert layouts(corner) == {ORDER_AND_ITEM, frozenset({"value"})}
    opened.clear()
    assert values(corner, "p0", "item") == {"item": ["tea"]}
    assert opened == [ORDER_AND_ITEM]  # no value lay in what was opened for a shop assistant
    assert values(corner, "p0", "value", role="ops") == {"value": [777]}
    assert corner.admin.cost(corner.write(FINER)).people == 0


def test_the_resealing_is_on_record(corner):
    corner.buy("ann")
    digest = corner.activate(corner.write(FINER))
    (record,) = [r for r in corner.records() if r.get("task") == "resealing"]
    assert (record["hash"], record["set"]["n"]) == (digest, 1)


def test_where_nothing_gets_finer_nothing_is_resealed(corner):
    corner.buy(*PEOPLE)
    told: list[object] = []
    corner.write(POLICY.replace("2y", "1y"))
    assert corner.admin.cost(corner.path) == resealing.Cost((), 0, 0, 0)
    corner.activate(corner.path, progress=lambda *done: told.append(done))
    assert told == []
    assert [r for r in corner.records() if r.get("task") == "resealing"] == []


def test_reads_and_writes_go_on_under_the_old_policy(corner, monkeypatch):
    """Another handle, opened before, meets cells of a layout that it has never read of."""
    monkeypatch.setattr(resealing, "BATCH", 1)
    corner.buy(*PEOPLE)
    other = Corner.__new__(Corner)
    other.__dict__ |= corner.__dict__ | {"shop": corner.open()}
    steps: list[int] = []

    def meanwhile(done: int, _of: int) -> None:
        steps.append(done)
        for who in PEOPLE:
            assert set(values(other, who, "item", "value")["value"]) == {777}
        if len(steps) <= len(PEOPLE):
            other.buy(f"new{len(steps)}")
            other.buy(PEOPLE[-1], order=f"more{len(steps)}")

    corner.activate(corner.write(FINER), progress=meanwhile)
    with pytest.raises(AccessDenied, match=r"policy\.replaced"):
        values(other, "p0", "item")
    other.shop.close()
    assert layouts(corner) == {ORDER_AND_ITEM, frozenset({"value"})}
    assert len(values(corner, PEOPLE[-1], "item")["item"]) == 1 + len(PEOPLE)
    assert len(values(corner, "new1", "item")["item"]) == 1


def test_what_is_written_in_the_last_moment_is_resealed_after_it(corner, monkeypatch):
    corner.buy("ann")
    real, late = activation.recorded, []

    def recorded(*args, **more):  # type: ignore[no-untyped-def]
        if not late:
            late.append(corner.buy("eve"))
        return real(*args, **more)

    monkeypatch.setattr(activation, "recorded", recorded)
    corner.activate(corner.write(FINER))
    assert late
    assert layouts(corner) == {ORDER_AND_ITEM, frozenset({"value"})}


def test_where_it_is_broken_off_the_old_policy_holds_and_it_goes_on(corner, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 1)
    corner.buy(*PEOPLE)
    before = corner.shop.policy.hash
    corner.write(FINER)
    for stop in (1, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            corner.admin.activate(corner.path, progress=_breaks_off(stop))
        corner.again()
        assert corner.shop.policy.hash == before
        assert {v for who in PEOPLE for v in values(corner, who, "value")["value"]} == {777}
    told: list[tuple[int, int]] = []
    corner.activate(corner.path, progress=lambda *done: told.append(done))
    assert told == [(1, 1)]  # four people of five were done
    assert layouts(corner) == {ORDER_AND_ITEM, frozenset({"value"})}


def _breaks_off(at: int) -> Callable[[int, int], None]:
    def progress(done: int, _of: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    return progress


def test_maintenance_does_not_undo_what_is_resealed_meanwhile(corner, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 1)
    corner.buy(*PEOPLE)
    corner.write(FINER)
    with pytest.raises(KeyboardInterrupt):
        corner.admin.activate(corner.path, progress=_breaks_off(4))
    corner.again().maintenance.run()
    assert ORDER_AND_ITEM in layouts(corner)
    corner.clock.advance(resealing_over())
    corner.shop.maintenance.run()  # nobody went on: the policy in force cuts as it would
    assert layouts(corner) == {ORDER_AND_ITEM | {"value"}}


def resealing_over():  # type: ignore[no-untyped-def]
    from datetime import timedelta

    return timedelta(microseconds=resealing.LEASE_US + 1)


def test_another_policy_waits_for_the_one_that_is_being_activated(corner, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 1)
    corner.buy(*PEOPLE)
    corner.write(FINER)
    with pytest.raises(KeyboardInterrupt):
        corner.admin.activate(corner.path, progress=_breaks_off(1))
    corner.write(POLICY.replace("2y", "1y"))
    with pytest.raises(StoreUnavailable, match=r"policy\.busy"):
        corner.admin.activate(corner.path)
    corner.clock.advance(resealing_over())
    corner.activate(corner.path)


def test_where_nothing_was_resealed_a_read_refuses_and_opens_nothing(corner, opened):
    """However the policy came to be active: an old cell never opens for a narrower permit."""
    corner.buy("ann")
    parts, policy = corner.shop._parts, load(corner.write(FINER))
    told = activation.recorded(parts, _caller(), policy)
    with parts.home.data.write() as tx:
        policies.make_active(tx, policy)
        policies.note(tx, told)
    corner.again()
    opened.clear()
    for names, role in ((("item",), "shop"), (("value",), "ops")):
        with pytest.raises(StoreUnavailable, match=r"layout\.outdated"):
            values(corner, "ann", *names, role=role)
    assert opened == []
    corner.shop.maintenance.run()
    assert values(corner, "ann", "item") == {"item": ["tea"]}


def _caller():  # type: ignore[no-untyped-def]
    from privet.gate.parts import Caller

    return Caller("p-test", frozenset({"ops"}))


@pytest.fixture
def fewer() -> tuple[str, str]:
    """A policy and data without the field `value`, which lay with others."""
    policy = POLICY[: POLICY.index("denies:")]
    return policy, DATA.replace("      value: {type: int, category: account}\n", "")


def test_a_field_that_is_dropped_goes_apart_and_comes_back(corner, fewer, opened):
    """Its values are opened by nobody, and lie with nothing that is opened."""
    corner.buy("ann")
    corner.write(*fewer)
    corner.activate(corner.path, loosens=True)
    assert layouts(corner) == {ORDER_AND_ITEM, frozenset({"value"})}
    opened.clear()
    assert values(corner, "ann", "item") == {"item": ["tea"]}
    assert opened == [ORDER_AND_ITEM]
    assert corner.shop.maintenance.overdue()["cells"] == 0
    corner.activate(corner.write(FINER))
    assert values(corner, "ann", "value", role="ops") == {"value": [777]}
