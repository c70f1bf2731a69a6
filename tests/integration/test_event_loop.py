"""Calls from an event loop: one commit for all who wait, and nobody answered before it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import privet
from privet import aio
from privet.audit.groups import Groups
from privet.db.store import FileLock
from privet.errors import AuditUnavailable
from privet.recommend import Popularity

PEOPLE = [f"p{n}" for n in range(16)]
PURPOSE = "recommendations"


@pytest.fixture
def shop(where: str, tmp_path: Path) -> Iterator[privet.Deployment]:
    with privet.open(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'ring'}", sync="OFF"
    ) as opened:
        fill(opened)
        yield opened


def fill(shop: privet.Deployment) -> None:
    shop.principal("ops", roles=["operator"]).admin.load_items(
        [{"item": item} for item in ("kettle", "lamp")]
    )
    web = web_of(shop)
    for person in PEOPLE:
        shop.subject(person, proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
        web.record(person, "view", event_id="1", item="kettle")
    models = shop.principal("n", roles=["trainer"]).purpose(PURPOSE).models
    models.serve(models.train("popular", Popularity(event="view")))


def web_of(shop: privet.Deployment) -> privet.Access:
    return shop.principal("web", roles=["storefront"]).purpose(PURPOSE)


class Held:
    """Commits that wait until they are let go."""

    def __init__(self, shop: privet.Deployment, patch: pytest.MonkeyPatch) -> None:
        self.begun, self.go, self.batches = threading.Event(), threading.Event(), []
        groups = shop._parts.log._groups
        real = groups._commit

        def commit(take: Callable[[], Any]) -> Any:
            def counted() -> Any:
                self.begun.set()
                assert self.go.wait(30)
                batch = take()
                self.batches.append(len(batch))
                return batch

            return real(counted)

        patch.setattr(groups, "_commit", commit)

    async def reached(self) -> None:
        """Until a commit waits."""
        assert await asyncio.to_thread(self.begun.wait, 30)


def test_it_answers_as_a_call_that_waits(shop: privet.Deployment) -> None:
    web = web_of(shop)

    async def asked() -> Any:
        return await aio.call(web.recommend, "p1", k=1)

    found, plain = asyncio.run(asked()), web.recommend("p1", k=1)
    assert found.personal
    assert [pick.item for pick in found] == [pick.item for pick in plain]
    assert found.record < plain.record


def test_all_in_flight_share_a_commit_and_nobody_is_answered_before_it(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = web_of(shop)
    before = shop._parts.log.size()

    async def serve() -> Any:
        held = Held(shop, monkeypatch)
        asked = [asyncio.create_task(aio.call(web.recommend, person)) for person in PEOPLE]
        await held.reached()
        for _ in range(100):  # the loop is free meanwhile
            await asyncio.sleep(0)
        assert not any(task.done() for task in asked)
        assert shop._parts.log.size() == before
        held.go.set()
        return await asyncio.gather(*asked), held.batches

    answers, batches = asyncio.run(serve())
    assert all(picks.personal for picks in answers)
    assert batches == [len(PEOPLE)]
    assert sorted(picks.record for picks in answers) == list(range(before, before + len(PEOPLE)))


def test_a_record_that_was_not_made_durable_answers_nobody(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = web_of(shop)

    def full(*_: Any) -> Any:
        raise AuditUnavailable("no", why="full", reason="store.full")

    async def serve() -> Any:
        asked = (aio.call(web.recommend, person) for person in PEOPLE)
        return await asyncio.gather(*asked, return_exceptions=True)

    with monkeypatch.context() as patch:
        patch.setattr(shop._parts.log._groups, "_commit", full)
        answers = asyncio.run(serve())
    assert [getattr(a, "reason", a) for a in answers] == ["store.full"] * len(PEOPLE)
    assert len({id(answer) for answer in answers}) == len(PEOPLE)
    assert web.recommend("p1").personal


def test_who_is_cancelled_gets_nothing_and_holds_nobody_up(
    shop: privet.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = web_of(shop)

    async def serve() -> Any:
        held = Held(shop, monkeypatch)
        first, second = (asyncio.create_task(aio.call(web.recommend, p)) for p in PEOPLE[:2])
        await held.reached()
        first.cancel()
        held.go.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(serve()).personal
    monkeypatch.undo()
    assert asyncio.run(aio.call(web.recommend, "p3")).personal


def test_a_thread_that_a_call_begins_waits_by_itself(shop: privet.Deployment) -> None:
    web = web_of(shop)

    def in_a_thread() -> Any:
        import contextvars

        found = []
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: found.append(context.run(web.recommend, "p1")))
        thread.start()
        thread.join()
        return found[0]

    assert asyncio.run(aio.call(in_a_thread)).personal


def test_loops_one_after_the_other_and_at_once(shop: privet.Deployment) -> None:
    web = web_of(shop)

    async def serve() -> Any:
        return await asyncio.gather(*(aio.call(web.recommend, p) for p in PEOPLE))

    assert all(picks.personal for picks in asyncio.run(serve()))
    found: list[Any] = []
    team = [threading.Thread(target=lambda: found.extend(asyncio.run(serve()))) for _ in range(3)]
    for member in team:
        member.start()
    web.recommend("p1")
    for member in team:
        member.join()
    assert len(found) == 3 * len(PEOPLE)


def test_no_lock_of_a_store_is_held_while_a_record_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a call that steps aside would let the others of its loop wait for it."""
    held: set[FileLock] = set()
    acquire, release, submit = FileLock.acquire, FileLock.release, Groups.submit
    waited = 0

    def acquired(lock: FileLock, store: str) -> None:
        acquire(lock, store)
        held.add(lock)

    def released(lock: FileLock) -> None:
        held.discard(lock)
        release(lock)

    def submitted(groups: Groups[Any, Any], item: Any) -> Any:
        nonlocal waited
        waited += 1
        assert not held
        return submit(groups, item)

    monkeypatch.setattr(FileLock, "acquire", acquired)
    monkeypatch.setattr(FileLock, "release", released)
    monkeypatch.setattr(Groups, "submit", submitted)
    with privet.open(tmp_path / "home", policy="pack:shop", sync="OFF") as shop:
        fill(shop)
        web_of(shop).recommend("p1")
        shop.maintenance.run()
        shop.maintenance.rotate()
        shop.subject("p1", proof="t").consent.withdraw(PURPOSE)
        shop.subject("p2", proof="t").rights.erase()
        shop.maintenance.run()
    assert waited > 40
