"""Models at rest and in memory: bound to their purpose, and gone when they are changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import IntegrityError, ModelUnavailable
from privet.gate import artifact
from privet.policy import load
from privet.recommend import Popularity
from privet.testing import agrees

PURPOSE = "recommendations"


@pytest.fixture
def shop(tmp_path: Path, clock: Any) -> Iterator[Deployment]:
    """Ada and Bea looked, and a model of them serves."""
    texts = load("pack:shop").documents
    (tmp_path / "data.yaml").write_text(texts["data"])
    (tmp_path / "policy.yaml").write_text(texts["policy"].replace("least: 5", "least: 1"))
    keyring = f"file:{tmp_path / 'k'}"
    with open_deployment(
        tmp_path / "home", policy=tmp_path, keyring=keyring, clock=clock, sync="OFF"
    ) as made:
        made.principal("o", roles=["operator"]).admin.load_items([{"item": "kettle", "text": "k"}])
        web = made.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for person in ("ada", "bea"):
            agrees(made, person, PURPOSE)
            web.record(person, "view", event_id="1", item="kettle")
        trainer = made.principal("t", roles=["trainer"]).purpose(PURPOSE)
        trainer.models.serve(trainer.models.train("p", Popularity(event="view", least=1)))
        yield made


@pytest.mark.parametrize("column", ["purpose", "slice"])
def test_a_model_row_that_was_changed_opens_nothing(shop: Deployment, column: str) -> None:
    parts = shop._parts
    (version,) = artifact.versions(parts, PURPOSE)
    other = "newsletter" if column == "purpose" else parts.policy.slice_hash("newsletter")
    with parts.home.data.write() as tx:
        tx.run(f"UPDATE model SET {column} = ?", (other,))
    if column == "purpose":
        with parts.home.data.write() as tx:  # and the slice that goes with it
            tx.run("UPDATE model SET slice = ?", (parts.policy.slice_hash(other),))
    with pytest.raises((IntegrityError, ModelUnavailable)) as refusal:
        artifact.load(parts, version.version)
    if column == "purpose":
        assert isinstance(refusal.value, IntegrityError)


def test_an_erasure_takes_the_model_out_of_memory(shop: Deployment) -> None:
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert web.recommend("ada", k=1).personal
    assert [key for key in shop._parts.cache if key.startswith("serving:")]
    shop.subject("ada", proof="p").rights.erase()
    assert not [key for key in shop._parts.cache if key.startswith("serving:")]
    assert web.recommend("bea", k=1).personal
