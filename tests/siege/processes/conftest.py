"""A shop in a directory that several processes open, and children that can be killed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.policy import load
from privet.recommend import ItemItem, Popularity

PURPOSE = "recommendations"
ITEMS = [f"item-{n}" for n in range(12)]


def views(people: int, each: int = 4) -> pd.DataFrame:
    """Views of so many people, each with a key of its own."""
    rows = [
        {
            "who": f"p{n}",
            "when": pd.Timestamp("2026-01-05", tz="UTC") + pd.Timedelta(minutes=7 * n + k),
            "what": ITEMS[(n * 5 + k * (n % 3 + 1)) % len(ITEMS)],
            "key": f"v{n}-{k}",
        }
        for n in range(people)
        for k in range(each)
    ]
    return pd.DataFrame(rows)


class Place:
    """Where a home is, to be opened by any process."""

    def __init__(self, root: Path, policy: Path) -> None:
        self.root, self.policy = root, policy

    def open(self) -> privet.Deployment:
        return privet.open(self.root / "home", policy=self.policy, sync="OFF")

    def found(self, people: int) -> None:
        """Create the home: so many people agreed and looked around; two models are live."""
        with self.open() as shop:
            shop.principal("op", roles=["operator"]).admin.load_items(
                [{"item": i, "title": i, "text": i} for i in ITEMS]
            )
            if not people:
                return
            desk = shop.principal("desk", roles=["privacy-desk"])
            frame = pd.DataFrame(
                {
                    "subject": [f"p{n}" for n in range(people)],
                    "purpose": PURPOSE,
                    "kind": "yes",
                    "at": pd.Timestamp.now(tz="UTC") - pd.Timedelta(hours=1),
                }
            )
            desk.consent.load(frame, notice="n", channel="test", evidence="test")
            self.load(shop, people)
            self.train(shop)

    def load(self, shop: privet.Deployment, people: int) -> privet.LoadReport:
        web = shop.principal("op", roles=["storefront"]).purpose(PURPOSE)
        columns = {"who": "subject", "when": "at", "what": "item", "key": "event_id"}
        return web.load("view", views(people), columns=columns)

    def train(self, shop: privet.Deployment) -> None:
        models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
        for name, spec in (
            ("pairs", ItemItem(event="view", floor=1)),
            ("popular", Popularity(event="view", least=1)),
        ):
            models.serve(models.train(name, spec))


def _fork(work: Callable[..., None], *args: Any) -> Any:
    """Run in a forked child; ``work`` gets a queue to tell what it has done. Not joined."""
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    process = context.Process(target=work, args=(told, *args), daemon=True)
    process.start()
    return process, told


@pytest.fixture
def in_child() -> Callable[..., Any]:
    return _fork


@pytest.fixture(scope="session")
def open_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's policy with floors of one."""
    directory = tmp_path_factory.mktemp("open-policy")
    texts = load("pack:shop").documents
    floors = "co_count_floor: 10, least: 5"
    assert floors in texts["policy"]
    (directory / "data.yaml").write_text(texts["data"])
    (directory / "policy.yaml").write_text(
        texts["policy"].replace(floors, "co_count_floor: 1, least: 1")
    )
    return directory


@pytest.fixture
def place(tmp_path: Path, open_policy: Path) -> Place:
    return Place(tmp_path, open_policy)
