"""Exact forgetting: whoever left was never there, for every kind that learns.

Two deployments are told of the same people, but one never saw those who leave the other:
by a withdrawal, by an erasure, and the only one who had an item. All that is learned from
those who remain must then be equal to the byte, and go on being so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.kinds import RECOMMENDERS, segmenters
from tests.world import (
    BOTH,
    ITEMS,
    START,
    Person,
    Row,
    bring,
    lists_of,
    models_of,
    opened,
    people,
    tell,
)

import privet
from privet.errors import PrivetError, StoreUnavailable
from privet.gate import removal
from privet.testing import FakeClock

WEEK = timedelta(days=7)
FEATURES = ["frequency", "monetary", "share:department", "time_of_day"]
ONLY = ITEMS[15]
"""An item that one person alone has."""


def everybody() -> list[Person]:
    """Everybody, and nobody but the first who leaves has the one item."""
    found = [replace(p, rows=tuple(r for r in p.rows if r.item != ONLY)) for p in people()]
    alone = next(n for n, p in enumerate(found) if p.agreed)
    rows = found[alone].rows
    at = START - timedelta(days=3)
    found[alone] = replace(found[alone], rows=(*rows, *(Row(at, ONLY, b, 1, 9.0) for b in "ab")))
    return found


AGREED = [p.id for p in everybody() if p.agreed]
LEAVE = (AGREED[0], AGREED[6], AGREED[11])
STAY = [p for p in AGREED if p not in LEAVE]


class Twin:
    """A deployment over some weeks, told of everybody but those named."""

    def __init__(self, where: str, root: Path, without: Sequence[str] = ()) -> None:
        self.clock = FakeClock(START - timedelta(days=100))
        self.shop = opened(where, root, self.clock)
        self.models = models_of(self.shop)
        nightly = self.shop.principal("nightly", roles=["trainer"])
        self.grouping = nightly.purpose("segmentation").segments
        self.people = [p for p in everybody() if p.id not in without]
        tell(self.shop, self.clock, self.people)

    def learn(self) -> None:
        for name, spec in RECOMMENDERS.items():
            self.models.serve(self.models.train(name, spec))
        for name, way in segmenters(FEATURES).items():
            self.grouping.train(name, way)
        self.grouping.serve(self.grouping.list()[0])

    def another_week(self, without: Iterable[str] = ()) -> None:
        self.clock.advance(WEEK)
        last = START - timedelta(days=30)
        staying = [p for p in self.people if p.id not in set(without)]
        bring(
            self.shop,
            [replace(p, rows=tuple(_a_week_on(r) for r in p.rows if r.at > last)) for p in staying],
        )

    def withdraw(self, person: str) -> None:
        self.shop.subject(person, proof="s").consent.withdraw(*BOTH)

    def erase(self, person: str) -> None:
        self.shop.subject(person, proof="s").rights.erase()

    def digests(self) -> dict[object, object]:
        learned = [*self.models.list(), *self.grouping.list()]
        return {(v.name, v.spec["until"]): (v.digest.hex(), v.subjects) for v in learned}

    def said(self) -> dict[str, object]:
        """All that is told of those who remain."""
        out: dict[str, object] = {}
        for version in self.models.list():
            card = dict(self.models.card(version).data)
            for name in ("version", "created", "state"):
                del card[name]
            out[f"{version.name} card"] = card
        for name in RECOMMENDERS:
            out[name] = lists_of(self.shop, name, STAY)
        for version in self.grouping.list():
            out[f"{version.name} {version.spec['until']}"] = repr(self.grouping.evaluate(version))
        return out


def _a_week_on(row: Row) -> Row:
    return replace(row, at=row.at + WEEK, basket=f"{row.basket} on")


def differing(one: dict[Any, object], other: dict[Any, object]) -> list[Any]:
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a deployment becomes that never saw those who leave: after two weeks, and three."""
    root = tmp_path_factory.mktemp("never")
    twin = Twin(str(root / "home"), root, LEAVE)
    twin.learn()
    twin.another_week()
    twin.learn()
    out: dict[str, Any] = {"digests": twin.digests(), "said": twin.said()}
    twin.another_week()
    twin.learn()
    out["on"] = twin.digests()
    twin.shop.close()
    return out


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Callable[[str], Twin]]:
    """Makes twins told of everybody, and closes them."""
    made: list[Twin] = []

    def make(where: str) -> Twin:
        made.append(Twin(where, tmp_path))
        return made[-1]

    yield make
    for twin in made:
        twin.shop.close()


def test_whoever_left_was_never_there(
    where: str, twins: Callable[[str], Twin], never: dict[str, Any]
) -> None:
    twin = twins(where)
    twin.learn()
    twin.another_week()
    twin.learn()
    before = twin.digests()
    assert set(differing(before, never["digests"])) >= {n for n in before if n[0] != "content"}  # type: ignore[index]
    twin.erase(LEAVE[0])
    twin.withdraw(LEAVE[1])
    twin.erase(LEAVE[2])
    assert differing(twin.digests(), never["digests"]) == []
    assert differing(twin.said(), never["said"]) == []
    twin.another_week(LEAVE)
    twin.learn()
    assert differing(twin.digests(), never["on"]) == []


def test_nor_where_each_removal_is_cut_off_and_taken_up_again(
    tmp_path: Path,
    twins: Callable[[str], Twin],
    never: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twin = twins(str(tmp_path / "home"))
    twin.learn()
    twin.another_week()
    twin.learn()
    replaced, calls = removal._replace, iter(range(10_000))

    def fails_each_fourth_time(*args: Any) -> Any:
        if next(calls) % 4 == 3:
            raise StoreUnavailable("cut off", reason="store.unreachable")
        return replaced(*args)

    monkeypatch.setattr(removal, "_replace", fails_each_fourth_time)
    for leaves, person in (
        (twin.erase, LEAVE[0]),
        (twin.withdraw, LEAVE[1]),
        (twin.erase, LEAVE[2]),
    ):
        until_done(lambda: leaves(person), twin.shop)  # noqa: B023
    assert next(calls) > 3 * len(RECOMMENDERS)
    assert differing(twin.digests(), never["digests"]) == []
    assert differing(twin.said(), never["said"]) == []


def until_done(begin: Callable[[], object], shop: privet.Deployment) -> None:
    """Begin, and go on as housekeeping does until nothing waits."""
    with contextlib.suppress(PrivetError):
        begin()
    for _ in range(200):
        waiting = shop.maintenance.overdue()
        if not waiting["erasures"] and not waiting["withdrawals"]:
            return
        shop.maintenance.run()
    raise AssertionError("a removal does not come to an end")
