"""Callers at the same time share a commit, and share its failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from privet.audit.groups import Groups
from privet.errors import AuditUnavailable


def test_those_who_come_during_a_commit_go_together_in_the_next() -> None:
    batches: list[list[int]] = []
    entered, gate = threading.Event(), threading.Event()

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        batch = list(take())
        batches.append(batch)
        entered.set()
        gate.wait(10)
        return [item * 10 for item in batch]

    groups: Groups[int, int] = Groups(commit)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(groups.submit, 0)
        assert entered.wait(10)
        rest = [pool.submit(groups.submit, i) for i in range(1, 9)]
        while len(groups._queue) < 8:
            threading.Event().wait(0.001)
        gate.set()
        assert first.result(10) == 0
        assert [f.result(10) for f in rest] == [i * 10 for i in range(1, 9)]
    assert batches[0] == [0]
    assert sorted(batches[1]) == list(range(1, 9))
    assert len(batches) == 2


def test_a_failed_batch_fails_each_caller_with_an_error_of_its_own() -> None:
    cause = AuditUnavailable("no", why="full", remedy="room", reason="store.full")
    entered, gate = threading.Event(), threading.Event()

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        batch = take()
        entered.set()
        gate.wait(10)
        if 0 in batch:
            return list(batch)
        raise cause

    groups: Groups[int, int] = Groups(commit)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(groups.submit, 0)
        assert entered.wait(10)
        rest = [pool.submit(groups.submit, i) for i in (1, 2, 3)]
        while len(groups._queue) < 3:
            threading.Event().wait(0.001)
        gate.set()
        assert first.result(10) == 0
        errors = [f.exception(10) for f in rest]
    assert len({id(e) for e in errors} | {id(cause)}) == 4
    assert all(isinstance(e, AuditUnavailable) and e.reason == "store.full" for e in errors)


def test_an_interrupted_leader_leaves_no_follower_waiting_and_none_with_a_result() -> None:
    entered, gate = threading.Event(), threading.Event()
    fail = True

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        batch = take()
        entered.set()
        gate.wait(10)
        if fail and 0 not in batch:
            raise KeyboardInterrupt
        return list(batch)

    groups: Groups[int, int] = Groups(commit)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(groups.submit, 0)
        assert entered.wait(10)
        rest = [pool.submit(groups.submit, i) for i in (1, 2)]
        while len(groups._queue) < 2:
            threading.Event().wait(0.001)
        gate.set()
        assert first.result(10) == 0
        kinds = sorted(type(f.exception(10)).__name__ for f in rest)
    assert kinds == ["AuditUnavailable", "KeyboardInterrupt"]
    fail = False
    assert groups.submit(7) == 7


def test_the_next_caller_after_a_failure_is_served() -> None:
    outcomes = iter([AuditUnavailable("no"), None])

    def commit(take: Callable[[], Sequence[str]]) -> list[str]:
        error = next(outcomes)
        if error is not None:
            raise error
        return list(take())

    groups: Groups[str, str] = Groups(commit)
    with pytest.raises(AuditUnavailable):
        groups.submit("a")
    assert groups.submit("b") == "b"
