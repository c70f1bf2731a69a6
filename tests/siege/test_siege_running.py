"""A policy activated while other processes train: none of them publishes under the one before."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied
from privet.gate import read as reading
from privet.policy import load
from privet.recommend import Popularity
from privet.testing import agrees

PURPOSE = "recommendations"
PEOPLE = [f"p{i}" for i in range(24)]


def opened(where: str, root: Path, policy: str | None = None) -> Deployment:
    return open_deployment(where, policy=policy, keyring=f"file:{root / 'k'}", sync="OFF")


def _trains(where: str, root: Path, told: Any) -> None:
    """Train again and again until it is refused."""
    reading.CHUNK = 4
    with opened(where, root) as shop:
        models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
        told.put("began")
        end, done = time.monotonic() + 60, 0
        while time.monotonic() < end:
            try:
                models.train("picks", Popularity(event="view"))
            except AccessDenied as refusal:
                told.put((refusal.reason, done))
                return
            done += 1
        told.put(("never", done))


def _versions(shop: Deployment) -> list[Any]:
    with shop._parts.home.data.read() as tx:
        return tx.all("SELECT model, version FROM model ORDER BY version")


@pytest.mark.parametrize("running", ["stop", "finish"])
def test_nothing_is_published_under_the_policy_before(
    where: str, tmp_path: Path, running: str
) -> None:
    with opened(where, tmp_path, "pack:shop") as shop:
        ops = shop.principal("ops", roles=["operator"])
        ops.admin.load_items([{"item": f"i{n}"} for n in range(4)])
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for n, who in enumerate(PEOPLE):
            agrees(shop, who, PURPOSE)
            web.record(who, "view", event_id=who, item=f"i{n % 4}", dwell=1.0)
        texts = load("pack:shop").documents
        (tmp_path / "data.yaml").write_text(texts["data"])
        named = f"\nrunning: {running}\ndata: data.yaml\n"
        said = texts["policy"].replace("\ndata: data.yaml\n", named)
        said = said.replace("privacy@example.com", "privacy@example.org")  # another policy
        (tmp_path / "policy.yaml").write_text(said)
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        children = [context.Process(target=_trains, args=(where, tmp_path, told)) for _ in range(2)]
        for child in children:
            child.start()
        assert [told.get(timeout=60) for _ in children] == ["began", "began"]
        time.sleep(0.5)
        ops.admin.activate(tmp_path)
        with shop._parts.home.data.read() as tx:
            running_then = {str(r[0]) for r in tx.all("SELECT id FROM run")}
        then = _versions(shop)
        found = [told.get(timeout=60) for _ in children]
        for child in children:
            child.join()
        assert [reason for reason, _ in found] == ["policy.replaced"] * 2, found
        late = [row for row in _versions(shop) if row not in then]
    if running == "stop":
        assert late == []
    else:  # at most what was running already
        assert len(late) <= len(running_then)
