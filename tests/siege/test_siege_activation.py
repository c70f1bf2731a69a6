"""``kill -9`` at any commit of an activation; reads and writes of other processes meanwhile.

Whatever is cut off: the policy in force is the old one or the new one, nobody's rows are lost or
there twice, and no cell opens a field that the policy in force keeps apart from what is asked.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.corner import FINER, POLICY, Corner

from privet.db import Store
from privet.errors import AccessDenied, StoreUnavailable
from privet.gate import resealing
from privet.gate.parts import Caller
from privet.gate.read import read
from privet.policy import load
from privet.testing import FakeClock
from privet.vault import compaction, reading

PEOPLE = [f"p{i}" for i in range(4)]
APART = frozenset({"order", "item"})
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
POINTS = range(1, 60)


def corner_at(root: Path, where: str) -> Corner:
    return Corner(where, root / "keys", FakeClock(START), root / "documents")


def reopened(root: Path, where: str) -> Corner:
    """The same home with the documents as they lie there."""
    made = Corner.__new__(Corner)
    made.where, made.keys, made.clock = where, root / "keys", FakeClock(START)
    made.root = root / "documents"
    made.shop = made.open()
    return made


def items(corner: Corner, who: str, name: str = "item", role: str = "shop") -> list[Any]:
    parts = corner.shop._parts
    (sno,) = parts.subjects.find([who])
    asked = [f"purchase.{name}"]
    found = read(parts, Caller("p-t", frozenset({role})), "service", "read", asked, [sno])
    (opened,) = found.chunks()
    return list(opened.events["purchase"].columns[name])


def _killed_at(root: Path, where: str, point: int, after: bool) -> None:
    """Activate, and die at the n-th transaction that writes: before or after its commit."""
    resealing.BATCH = 1
    seen = 0
    real = Store.write

    @contextmanager
    def counted(self: Store) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        mine = seen
        with real(self) as tx:
            yield tx
            if mine == point and not after:
                os.kill(os.getpid(), signal.SIGKILL)
        if mine == point:
            os.kill(os.getpid(), signal.SIGKILL)

    corner = reopened(root, where)
    Store.write = counted  # type: ignore[method-assign]
    corner.admin.activate(corner.path)
    (root / "acknowledged").touch()


def test_an_activation_that_is_killed_anywhere_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = tmp_path, tmp_path / "home"
    corner = corner_at(root, str(home))
    corner.buy(*PEOPLE)
    old, new = corner.shop.policy.hash, load(corner.write(FINER)).hash
    corner.shop.close()
    shutil.copytree(home, root / "before")
    opened: list[frozenset[str]] = []
    _spied(monkeypatch, opened)
    context = multiprocessing.get_context("fork")
    held = set()
    for point in POINTS:
        for after in (False, True):
            shutil.rmtree(home)
            shutil.copytree(root / "before", home)
            child = context.Process(target=_killed_at, args=(root, str(home), point, after))
            child.start()
            child.join()
            corner = reopened(root, str(home))
            held.add(corner.shop.policy.hash)
            _is_whole(corner, corner.shop.policy.hash == new, opened)
            if corner.shop.policy.hash == old:
                corner.activate(corner.path)
            corner.shop.maintenance.run()
            _is_whole(corner, True, opened)
            assert {s.fields for s in corner.admin.stored() if s.event == "purchase"} == {
                APART,
                frozenset({"value"}),
            }
            corner.shop.close()
        if (root / "acknowledged").exists():
            break
    else:
        pytest.fail("no activation ever came to its end")
    assert held == {old, new}


def _spied(monkeypatch: pytest.MonkeyPatch, opened: list[frozenset[str]]) -> None:
    real = reading.decode_cells

    def spy(room: Any, cells: Any, keys: Any, wanted: Any) -> Any:
        if wanted is not None:  # a read, and not a re-sealing
            opened.extend(room.layouts.by_grp[cell[3]].names for cell in cells)
        return real(room, cells, keys, wanted)

    monkeypatch.setattr(reading, "decode_cells", spy)
    monkeypatch.setattr(compaction, "decode_cells", spy)


def _is_whole(corner: Corner, new: bool, opened: list[frozenset[str]]) -> None:
    """Everybody's rows are there once; under the new policy no value is opened for an item."""
    for who in PEOPLE:
        opened.clear()
        try:
            assert items(corner, who) == ["tea"]
        except StoreUnavailable as refusal:
            assert (refusal.reason, new) == ("layout.outdated", True)
            assert opened == []
        if new:
            assert set(opened) <= {APART}
        else:
            assert items(corner, who, "value") == [777]


def _reader(root: Path, where: str, told: Any) -> None:
    """Read and write until the policy is another one; what was seen that must not be."""
    corner, wrong, reads, writes = reopened(root, where), [], 0, 0
    end = time.monotonic() + 60
    told.put("began")
    while time.monotonic() < end:
        try:
            for who in PEOPLE:
                if set(items(corner, who, "value")) != {777}:
                    wrong.append("rows are missing")
                reads += 1
            corner.buy(PEOPLE[0], order=f"{os.getpid()}-{writes}")
            writes += 1
            if len(items(corner, PEOPLE[0])) < 1 + writes:
                wrong.append("a row that was acknowledged is missing")
        except AccessDenied as refusal:
            told.put((refusal.reason, wrong, reads, writes))
            return
        except StoreUnavailable as refusal:
            if refusal.reason not in {"store.busy", "store.contended"}:
                wrong.append(refusal.reason)
    told.put(("never", wrong, reads, writes))


def test_other_processes_read_and_write_until_the_moment_of_activation(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BATCH", 1)
    corner = corner_at(tmp_path, where)
    corner.buy(*PEOPLE)
    corner.write(FINER)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    others = [context.Process(target=_reader, args=(tmp_path, where, told))]
    for other in others:
        other.start()
    assert [told.get(timeout=60) for _ in others] == ["began"]
    corner.activate(corner.path, progress=lambda _done, _of: time.sleep(0.15))
    found = [told.get(timeout=60) for _ in others]
    for other in others:
        other.join()
    writes = sum(one[3] for one in found)
    assert [(reason, wrong) for reason, wrong, _, _ in found] == [("policy.replaced", [])]
    assert min(reads for _, _, reads, _ in found) > 0
    assert writes > 0
    assert len(items(corner, PEOPLE[0])) >= 1 + writes
    assert {s.fields for s in corner.admin.stored() if s.event == "purchase"} == {
        APART,
        frozenset({"value"}),
    }
    corner.shop.close()


def test_of_two_that_activate_at_once_one_is_told(where: str, tmp_path: Path) -> None:
    corner = corner_at(tmp_path, where)
    corner.buy("ann")
    texts = [POLICY.replace("2y", f"{n}y") for n in (1, 3)]
    (tmp_path / "go").unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    children = []
    for n, text in enumerate(texts):
        place = tmp_path / f"policy-{n}"
        place.mkdir()
        (place / "policy.yaml").write_text(text)
        shutil.copy(tmp_path / "documents" / "data.yaml", place)
        children.append(context.Process(target=_activating, args=(tmp_path, where, place, told)))
        children[-1].start()
    for child in children:
        child.join()
    outcomes = [told.get(timeout=10) for _ in children]
    done = [digest for digest, _ in outcomes if digest]
    assert {reason for digest, reason in outcomes if not digest} <= {
        "policy.replaced",
        "policy.busy",
    }
    assert len(done) >= 1
    corner.again()
    history = [one.hash for one in corner.admin.history()]
    assert corner.shop.policy.hash == history[-1]
    assert sorted(history[1:]) == sorted(done)  # each that was acknowledged held, and no other
    corner.shop.close()


def _activating(root: Path, where: str, place: Path, told: Any) -> None:
    corner = reopened(root, where)
    try:
        told.put((corner.admin.activate(place), ""))
    except (AccessDenied, StoreUnavailable) as refusal:
        told.put(("", refusal.reason))
    corner.shop.close()
