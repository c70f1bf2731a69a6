"""Keys and warrants: what no copy, no crash and no closed handle may give or take."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from privet.deployment import Deployment
from privet.errors import HandleInvalid, StoreUnavailable
from privet.testing import agrees
from privet.types import Warrant

PURPOSE = "recommendations"


def test_a_warrant_copied_for_more_people_opens_nothing() -> None:
    warrant = Warrant.issue(7, PURPOSE, frozenset({1}))
    assert warrant.covers(1)
    assert not replace(warrant, subjects=frozenset({1, 2})).covers(2)
    assert not Warrant(7, PURPOSE, frozenset({1})).covers(1)
    with pytest.raises(TypeError, match="process"):
        copy.copy(warrant)


@pytest.mark.parametrize("name", ["data", "keys", "audit"])
@pytest.mark.parametrize("use", ["write", "truncate_log", "vacuum"])
def test_a_closed_store_is_refused_as_such(shop: Deployment, name: str, use: str) -> None:
    store = getattr(shop._parts.home, name)
    shop.close()
    with pytest.raises(HandleInvalid) as refusal:
        _use(store, use)
    assert refusal.value.reason == "handle.closed"


def _use(store: Any, use: str) -> None:
    if use == "write":
        with store.write():
            pass
    else:
        getattr(store, use)()


def test_a_rotation_whose_commit_was_not_heard_of_destroys_no_secret_in_use(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    agrees(shop, "ada", PURPOSE)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    web.record("ada", "view", event_id="1", item="kettle")
    keys = shop._parts.keys
    real: Callable[[], Any] = keys.store.write

    @contextmanager
    def committed_but_unheard() -> Iterator[Any]:
        with real() as tx:
            yield tx
        raise StoreUnavailable("the connection was lost after the commit")

    monkeypatch.setattr(keys.store, "write", committed_but_unheard)
    with pytest.raises(StoreUnavailable):
        keys.rotate()
    monkeypatch.undo()
    keys.forget()  # as another process, or this one a quarter of an hour later
    assert web.record("ada", "view", event_id="1", item="kettle").new is False
    keys.rotate()
    keys.forget()
    assert web.record("ada", "view", event_id="1", item="kettle").new is False
