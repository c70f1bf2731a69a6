"""A picture of a version: for those who may evaluate, recorded, of those with a ground."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import privet
from privet.errors import AccessDenied, InvalidInput
from privet.gate.parts import Caller
from privet.segments import KMeans
from privet.segments.evaluating import of_version
from privet.testing import agrees

SPEC = KMeans(["frequency", "monetary", "average_order"], k=2)


@pytest.fixture
def shop(tmp_path: Path, clock: Any) -> Iterator[Any]:
    shop = privet.open(tmp_path / "home", policy="pack:grocery", clock=clock, sync="OFF")
    operator = shop.principal("ops", roles=["operator"])
    operator.admin.load_items([{"item": "tea", "type": "TEA", "department": "GROCERY"}])
    people = [f"person-{n}" for n in range(120)]
    for person in people:
        agrees(shop, person, "orders", "segmentation")
    clock.advance(timedelta(days=7))
    dice = random.Random(0)
    sales = [
        (p, clock.now() - timedelta(hours=dice.randint(1, 150)), "tea", f"{n}-{b}", 1, 2.5)
        for n, p in enumerate(people)
        for b in range(2 + 8 * (n % 2))
    ]
    frame = pd.DataFrame(sales, columns=["subject", "at", "item", "basket", "quantity", "value"])
    frame = frame.assign(discount=0, coupon=0, store="s1")
    operator.purpose("orders").load("purchase", frame, columns={c: c for c in frame})
    yield shop
    shop.close()


def test_it_is_drawn_for_those_who_may_evaluate(shop: Any) -> None:
    group = shop.principal("n", roles=["trainer"]).purpose("segmentation").segments
    version = group.train("habits", SPEC)
    for what in ("pca", "tsne", "silhouette", "profile"):
        size = shop._parts.log.size()
        svg = group.picture(version, what)
        assert shop._parts.log.size() > size  # recorded
        assert svg == group.picture(version, what)
        assert b"person-" not in svg
    assert group.picture(version, form="png").startswith(b"\x89PNG")
    looking = shop.principal("a", roles=["analyst"]).purpose("segmentation").segments
    with pytest.raises(AccessDenied):
        looking.picture(version)
    others: list[Any] = [("scatter", "svg"), ("pca", "gif"), ([], "svg"), ("pca", None)]
    for what, form in others:
        with pytest.raises(InvalidInput) as refused:
            group.picture(version, what, form=form)
        assert refused.value.reason == "segments.picture"


def test_who_withdrew_is_in_none(shop: Any) -> None:
    group = shop.principal("n", roles=["trainer"]).purpose("segmentation").segments
    version = group.train("habits", SPEC)
    shop.subject("person-7", proof="s").consent.withdraw("segmentation")
    opened = of_version(shop._parts, Caller("n", frozenset({"trainer"})), version)
    assert len(opened.rows) == len(opened.labels) == 119
