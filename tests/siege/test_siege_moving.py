"""Somebody moves, or comes of another age, while what she is in is made: it is made without her.

A rule with a condition on people refuses her from then on, as a withdrawal would; her grounds
stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from privet.audit.log import Log
from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied
from privet.gate import publication
from privet.policy import load
from privet.recommend import ItemItem, Popularity
from privet.testing import agrees

PURPOSE = "recommendations"
RULES = {
    "place": "jurisdiction: [DE]",
    "age": "age_under: 25",
}
METHODS = {
    "place": Popularity(event="view", by="item"),
    "age": ItemItem(event="view", by="item"),
}
PEOPLE = 26
HER = "person-3"


@pytest.fixture(params=sorted(RULES))
def why(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(why: str, where: str, tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    texts = load("pack:grocery").documents
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "data.yaml").write_text(
        texts["data"].replace("id: household}", "id: household, age: profile.age}")
    )
    rule = (
        f"{{id: not-them, text: No., for: [{PURPOSE}], may_not: [train], when: {{{RULES[why]}}}}}"
    )
    policy = texts["policy"]
    assert "\ndenies:" not in policy
    (folder / "policy.yaml").write_text(
        policy.replace("\ntests:", f"\ndenies:\n  - {rule}\n\ntests:", 1)
    )
    with open_deployment(
        where, policy=folder, keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as opened:
        names = [{"item": item} for item in ("kettle", "teapot", "lamp")]
        opened.principal("ops", roles=["operator"]).admin.load_items(names)
        for number in range(PEOPLE):
            lives(opened, number)
        yield opened


def lives(shop: Deployment, number: int) -> None:
    name = f"person-{number}"
    agrees(shop, name, "orders", PURPOSE)
    shop.subject(name, proof="s").consent.answer(
        {"newsletter": False}, notice="n", how="web", country="FR"
    )
    web = shop.principal("web", roles=["storefront"])
    web.purpose("orders").describe(name, age="35-44")
    for item in ("kettle", "teapot" if number % 2 else "lamp"):
        seen = {"event_id": f"{name}-{item}", "item": item, "dwell": 3.0}
        web.purpose(PURPOSE).record(name, "view", **seen)


def changes(shop: Deployment, why: str, name: str = HER) -> None:
    """What the rule asks for becomes true of her."""
    if why == "place":
        shop.subject(name, proof="s").consent.answer(
            {"newsletter": False}, notice="n", how="web", country="DE"
        )
    else:
        web = shop.principal("web", roles=["storefront"])
        web.purpose("orders").describe(name, age="19-24")


def trained(shop: Deployment, method: Any) -> Any:
    models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
    return models.train("popular", method)


def once(does: Callable[[], None]) -> Callable[[], None]:
    left = [does]

    def first() -> None:
        if left:
            left.pop()()

    return first


@pytest.mark.parametrize("moment", ["before it narrows", "after it narrowed"])
def test_a_model_is_published_without_her(
    shop: Deployment, why: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    method = METHODS[why]
    change = once(lambda: changes(shop, why))
    published, appended = publication.publish, Log.append

    def publish(*args: Any, **more: Any) -> Any:
        if moment == "before it narrows":
            change()
        return published(*args, **more)

    def append(self: Log, entries: Any) -> Any:
        # The record of the training is written between its last look and its commit.
        written = any(e.body["kind"] == "model" for e in entries)
        if written and moment == "after it narrowed":
            change()
        return appended(self, entries)

    with monkeypatch.context() as patched:
        patched.setattr(publication, "publish", publish)
        patched.setattr(Log, "append", append)
        raced = trained(shop, method)
    assert raced.subjects == PEOPLE - 1
    assert raced.digest == trained(shop, method).digest  # it never saw her


def test_whoever_all_are_refused_by_now_are_in_no_model(
    shop: Deployment, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publication.publish

    def publish(*args: Any, **more: Any) -> Any:
        for number in range(PEOPLE):
            changes(shop, why, f"person-{number}")
        return published(*args, **more)

    monkeypatch.setattr(publication, "publish", publish)
    with pytest.raises(AccessDenied) as refusal:
        trained(shop, Popularity(event="view", by="item"))
    assert refusal.value.reason in {"place.refused", "age.refused", "age.unknown", "deny"}
    with shop._parts.home.data.read() as tx:
        assert tx.all("SELECT 1 FROM contribution") == []
        assert tx.all("SELECT 1 FROM run") == []


def test_an_import_that_tells_of_another_place_moves_every_purpose(shop: Deployment) -> None:
    """What is about to be published for any purpose begins again, as by her own word."""
    parts = shop._parts
    desk = shop.principal("desk", roles=["privacy-desk"]).consent
    at = pd.Timestamp(parts.clock.now()) - pd.Timedelta(days=1)
    frame = pd.DataFrame(
        {"subject": [HER, "person-4"], "purpose": "segmentation", "kind": "no", "at": at}
    )

    def epoch() -> int:
        with parts.home.data.read() as tx:
            found: int = parts.ledger.epoch(tx, PURPOSE)
        return found

    before = epoch()
    desk.load(frame.iloc[:1], notice="n", channel="c", evidence="e", country="FR")
    assert epoch() == before  # where she is known to be
    desk.load(frame.iloc[1:], notice="n", channel="c", evidence="e", country="DE")
    assert epoch() == before + 1
