"""The two shops side by side, made once and shared by the themes."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import shop
from privet.recommend import ItemItem

if TYPE_CHECKING:
    import sqlite3

    import pandas as pd

    from privet.deployment import Deployment
    from privet.principals import Access

SLICES = 24
"""Loads that the shop's sales came in: histories lie as a year of nightly loads leaves them."""


class Bench:
    """What the themes measure on; each part is made when it is first asked for."""

    def __init__(self, directory: Path, size: shop.Size) -> None:
        self.directory = directory
        self.size = size
        self._closing = ExitStack()

    def close(self) -> None:
        """Close what was opened."""
        self._closing.close()

    @cached_property
    def sales(self) -> pd.DataFrame:
        """All purchases, in order of time."""
        return shop.sales(self.size)

    @cached_property
    def ids(self) -> list[str]:
        """Who is asked about in the point figures: those who bought something."""
        found: list[str] = self.sales["subject"].drop_duplicates().tolist()
        return (found * (self.size.points // len(found) + 1))[: self.size.points]

    @cached_property
    def shop(self) -> Deployment:
        """The deployment, durable, with all sales and a model."""
        opened = self._closing.enter_context(self._open(durable=True))
        shop.begin(opened, self.size)
        for part in np.array_split(np.arange(len(self.sales)), SLICES):
            shop.load(opened, self.sales.iloc[part])
        learning = opened.principal("nightly", roles=["trainer"]).purpose("recommendations")
        learning.models.serve(learning.models.train("picks", ItemItem()))
        return opened

    @cached_property
    def without_disk(self) -> Deployment:
        """The same deployment through a second handle that does not wait for the disk."""
        _ = self.shop
        return self._closing.enter_context(self._open(durable=False))

    @cached_property
    def plain(self) -> sqlite3.Connection:
        """The plain table with the same rows."""
        shop.plain(self.plain_path, self.sales)
        connection = shop.connect(self.plain_path)
        self._closing.callback(connection.close)
        return connection

    @property
    def plain_path(self) -> Path:
        """The plain table's file."""
        return self.directory / "plain.db"

    @property
    def home(self) -> Path:
        """The deployment's directory."""
        return self.directory / "home"

    def grouping(self, opened: Deployment) -> Access:
        """Who computes features."""
        return opened.principal("nightly", roles=["trainer"]).purpose("segmentation")

    def web(self, opened: Deployment) -> Access:
        """Who asks for recommendations."""
        return opened.principal("web", roles=["storefront"]).purpose("recommendations")

    def compact(self) -> None:
        """Run maintenance until it finds nothing to pack."""
        while self.shop.maintenance.overdue()["cells"]:
            self.shop.maintenance.run()

    def _open(self, *, durable: bool) -> Deployment:
        return shop.opened(self.home, self.directory / "keyring", durable=durable)
