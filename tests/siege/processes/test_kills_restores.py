"""``kill -9`` at any write of a backup or a restore: closed or whole, never half-made."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.restores import PURPOSE, Shop, found, number_of, rows_of, train

import privet
from privet.backup import making
from privet.db import Store, copying, loading
from privet.testing import FakeClock

EVERY = 6
"""Of the boundaries, so many apart: CI tries these, the long harness all of them."""


def _dying(point: int) -> None:
    """From now on, die at the n-th write: before a commit, after it, or at a file's renaming."""
    seen = 0
    write, replace, sync = Store.write, Path.replace, copying.sync

    def step() -> None:
        nonlocal seen
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def writing(self: Store) -> Iterator[Any]:
        with write(self) as tx:
            yield tx
            step()
        step()

    def replacing(self: Path, target: Path) -> Path:
        step()
        return replace(self, target)

    def syncing(path: Path) -> None:
        step()
        sync(path)

    Store.write = writing  # type: ignore[method-assign]
    Path.replace = replacing  # type: ignore[assignment,method-assign]
    for room in (copying, loading, making):
        room.sync = syncing  # type: ignore[attr-defined]


def _restore(told: Any, stand: Shop, where: str, point: int, more: dict[str, Any]) -> None:
    _dying(point)
    privet.restore(where, keyring=stand.keyring, clock=stand.clock, sync="OFF", **more)
    told.put("done")


def _back_up(told: Any, stand: Shop, place: Path, point: int) -> None:
    shop = stand.open()
    _dying(point)
    shop.maintenance.backup(place)
    told.put("done")


def _every(in_child: Callable[..., Any], *args: Any) -> Iterator[tuple[int, bool]]:
    """Do it again and again, killed at a later boundary each time, until it gets through."""
    work, stand, place, *more = args
    for point in range(1, 200, EVERY):
        process, told = in_child(work, stand, place, point, *more)
        process.join()
        done = not told.empty()
        yield point, done
        if done:
            assert point > EVERY
            return
    raise AssertionError("it never ended")


@pytest.fixture
def stand(tmp_path: Path) -> Shop:
    return Shop(str(tmp_path / "home"), tmp_path, FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))


@pytest.fixture
def newest(stand: Shop) -> dict[str, Any]:
    """A backup of before an erasure and a withdrawal, with a log of after them."""
    with stand.open("pack:shop") as shop:
        found(shop)
        train(shop)
        full = stand.back_up(shop, "full")
        shop.subject("p0", proof="t").rights.erase()
        shop.subject("p2", proof="t").consent.withdraw(PURPOSE, how="web")
        return {"backup": full, "audit": stand.back_up(shop, "newest") / "audit"}


def _check(shop: privet.Deployment) -> None:
    assert number_of(shop, "p0") is None
    assert set(rows_of(shop, 1).values()) == {0}
    assert shop.subject("p2", proof="t").consent.state()[PURPOSE] == "withdrawn"
    assert [r.timeline for r in shop.maintenance.restores()] == [2]
    assert [one for one in shop.maintenance.examine() if one.state != "ok"] == []


def test_a_restore_that_is_killed_has_opened_nothing_and_begins_again(
    stand: Shop, newest: dict[str, Any], in_child: Callable[..., Any], tmp_path: Path
) -> None:
    where = tmp_path / "elsewhere"
    again = Shop(str(where), stand.root, stand.clock)
    for _, done in _every(in_child, _restore, stand, str(where), newest):
        try:
            with again.open() as shop:  # killed after its very last commit
                _check(shop)
        except privet.StoreUnavailable as closed:
            assert closed.reason in {"store.missing", "store.restoring"}
            assert not done
            with pytest.raises(privet.StoreUnavailable):  # nor is another one begun in its place
                again.open("pack:shop")
            privet.restore(
                again.where, keyring=stand.keyring, clock=stand.clock, sync="OFF", **newest
            )
            with again.open() as shop:
                _check(shop)
        shutil.rmtree(where)


def test_a_home_that_is_killed_while_it_is_renewed_goes_on_by_the_same_plan(
    stand: Shop, newest: dict[str, Any], in_child: Callable[..., Any], tmp_path: Path
) -> None:
    where, copy = Path(stand.where), tmp_path / "copy"
    shutil.copytree(where, copy)
    for _, done in _every(in_child, _restore, stand, str(where), {"in_place": True}):
        try:
            with stand.open() as shop:
                begun = bool(shop.maintenance.restores())
        except privet.StoreUnavailable as closed:
            assert closed.reason == "store.restoring"
            begun = False
        assert begun or not done
        if not begun:
            privet.restore(
                stand.where, in_place=True, keyring=stand.keyring, clock=stand.clock, sync="OFF"
            )
        with stand.open() as shop:
            _check(shop)
        shutil.rmtree(where)
        shutil.copytree(copy, where)


def test_a_backup_that_is_killed_is_refused_and_made_again(
    stand: Shop, newest: dict[str, Any], in_child: Callable[..., Any], tmp_path: Path
) -> None:
    place = tmp_path / "killed"
    for point, done in _every(in_child, _back_up, stand, place):
        where = str(tmp_path / f"from-{point}")
        more = {"keyring": stand.keyring, "clock": stand.clock, "sync": "OFF"}
        whole = all((place / store / "manifest").exists() for store in ("data", "keys", "audit"))
        assert whole or not done
        if not whole:
            with pytest.raises(privet.StoreUnavailable) as torn:
                privet.restore(where, place, **more)
            assert torn.value.reason == "backup.torn"
            if any((place / store / "manifest").exists() for store in ("data", "keys")):
                shutil.rmtree(place)  # what has a manifest is never replaced by another
            with stand.open() as shop:
                shop.maintenance.backup(place)
        privet.restore(where, place, **more)
        shutil.rmtree(place)
