"""A kind that is fitted as a whole, and EASE, behind the gate: forgetting leaves no trace.

Two deployments are fed alike, but one never saw who leaves the other. Digests must agree,
however she left: withdrawn, erased, or while the model was trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import InvalidInput
from privet.gate import artifact, publication
from privet.policy import load
from privet.recommend import (
    EASE,
    KINDS,
    Contributions,
    Hybrid,
    NextBasket,
    Popularity,
    PopularityFitted,
    Recommender,
    State,
)
from privet.recommend import training as recommending
from privet.recommend.base import Forgets
from privet.testing import agrees

PURPOSE = "recommendations"
ITEMS = ("kettle", "teapot", "lamp", "mug")
LOOKED = {"ada": (0, 1), "bea": (1, 2), "cleo": (0, 1, 2), "dora": (2, 3), "eve": (0, 3)}


@dataclass(frozen=True, kw_only=True)
class Chained(Recommender):
    """Popular entries, with a mark of who was fitted on and in which order."""

    kind: ClassVar[str] = "chained"
    forgets: ClassVar[Forgets] = "refit"

    def empty(self, size: int) -> State:
        return self.fit(size, Contributions.of(()))

    def fit(self, size: int, kept: Contributions, items: Any = None) -> State:
        chain = hashlib.sha256()
        for entries in kept:
            chain.update(len(entries).to_bytes(4, "big") + entries.tobytes())
        counts = np.bincount(kept.entries, minlength=size).astype(np.int64)
        mark = np.frombuffer(chain.digest(), "<i8").astype(np.int64)
        return State(size, {"chain": mark, "counts": counts})

    def finish(self, state: State, catalogue: Any, names: Any = None) -> PopularityFitted:
        counts = state.arrays["counts"]
        return PopularityFitted(
            level=catalogue.level(self.by, names),
            event=self.event,
            least=1,
            shares=np.where(counts > 0, counts, -np.inf),
        )


MODELS = {
    "chained": Chained(event="view"),
    "ease": EASE(event="view", floor=1, least=1, weights="recency", regularization=1),
    "next-basket": NextBasket(event="view", basket=None, floor=1, least=1),
    "hybrid": Hybrid(event="view", basket=None, floor=1, least=1),
    "hybrid-fixed": Hybrid(
        event="view", basket=None, floor=1, least=1, weights={"fresh.ease-root": 1.0}
    ),
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "chained", Chained)  # type: ignore[arg-type]


@pytest.fixture
def stocked(tmp_path: Path, clock: Any) -> Iterator[Callable[..., Deployment]]:
    """Makes shops whose people have looked at things; floors of one."""
    texts = load("pack:shop").documents
    policy = texts["policy"].replace("co_count_floor: 10, least: 5", "co_count_floor: 1, least: 1")
    (tmp_path / "data.yaml").write_text(texts["data"])
    (tmp_path / "policy.yaml").write_text(policy)
    opened: list[Deployment] = []

    def make(where: str, without: tuple[str, ...] = ()) -> Deployment:
        keyring = f"file:{tmp_path / f'keys{len(opened)}'}"
        shop = open_deployment(where, policy=tmp_path, keyring=keyring, clock=clock, sync="OFF")
        opened.append(shop)
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": item, "text": item} for item in ITEMS])
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for person in [p for p in LOOKED if p not in without]:
            agrees(shop, person, PURPOSE)
            for n in LOOKED[person]:
                web.record(person, "view", event_id=str(n), item=ITEMS[n])
        return shop

    yield make
    for shop in opened:
        shop.close()


def withdraws(shop: Deployment, person: str) -> None:
    shop.subject(person, proof="t").consent.withdraw(PURPOSE)


def erased(shop: Deployment, person: str) -> None:
    shop.subject(person, proof="t").rights.erase()


def train(shop: Deployment, name: str) -> Any:
    return (
        shop.principal("nightly", roles=["trainer"])
        .purpose(PURPOSE)
        .models.train(name, MODELS[name])
    )


def newest(shop: Deployment, name: str) -> artifact.Version:
    return artifact.versions(shop._parts, PURPOSE, name)[-1]


@pytest.mark.parametrize("name", MODELS)
def test_who_left_leaves_the_digest_of_a_training_without_her(
    where: str, tmp_path: Path, stocked: Callable[..., Deployment], name: str
) -> None:
    shop, twin = stocked(where), stocked(str(tmp_path / "twin"), without=("bea", "dora"))
    train(shop, name)
    before = newest(shop, name).digest
    withdraws(shop, "dora")
    one_left = newest(shop, name).digest
    erased(shop, "bea")
    train(twin, name)
    after, never = newest(shop, name), newest(twin, name)
    assert (after.subjects, never.subjects) == (3, 3)
    assert after.digest == never.digest
    assert len({before, one_left, after.digest}) == 3


@pytest.mark.parametrize("name", MODELS)
def test_who_leaves_while_a_model_is_trained_is_not_in_it(
    where: str,
    tmp_path: Path,
    stocked: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    shop, twin = stocked(where), stocked(str(tmp_path / "twin"), without=("cleo",))
    publish = publication.publish

    def late(*args: Any) -> Any:
        monkeypatch.setattr(publication, "publish", publish)
        erased(shop, "cleo")
        return publish(*args)

    monkeypatch.setattr(publication, "publish", late)
    train(shop, name)
    train(twin, name)
    assert newest(shop, name).subjects == 4
    assert newest(shop, name).digest == newest(twin, name).digest


@pytest.mark.parametrize("name", ["ease", "next-basket", "hybrid-fixed"])
def test_it_is_learned_anew_where_it_cannot_be_subtracted(
    where: str,
    tmp_path: Path,
    stocked: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    shop, twin = stocked(where), stocked(str(tmp_path / "twin"), without=("ada",))
    train(shop, name)
    monkeypatch.setattr(shop._parts, "unlearn", lambda spec, state, gone: None)
    monkeypatch.setattr(publication, "BATCH", 2)
    withdraws(shop, "ada")
    train(twin, name)
    assert newest(shop, name).digest == newest(twin, name).digest


def test_a_refitted_model_serves_without_who_left(
    where: str, stocked: Callable[..., Deployment]
) -> None:
    shop = stocked(where)
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    trainer.models.serve(train(shop, "chained"))
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert "mug" in {pick.item for pick in web.recommend("ada", k=4)}
    withdraws(shop, "dora")
    withdraws(shop, "eve")  # nobody else looked at the mug
    found = {pick.item for pick in web.recommend("ada", k=4)}
    assert found == {"kettle", "teapot", "lamp"}


def test_who_has_no_ground_moves_no_byte(
    tmp_path: Path, stocked: Callable[..., Deployment]
) -> None:
    shop = stocked(str(tmp_path / "home"))
    withdraws(shop, "bea")
    twin = stocked(str(tmp_path / "twin"), without=("bea",))
    for name in MODELS:
        train(shop, name)
        train(twin, name)
        assert newest(shop, name).digest == newest(twin, name).digest


def test_more_than_fits_in_memory_is_refused_before_it_is_held(
    tmp_path: Path, stocked: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stocked(str(tmp_path / "home"))
    monkeypatch.setattr(recommending, "MOST_KEPT", 9)
    with pytest.raises(InvalidInput) as caught:
        train(shop, "chained")
    assert caught.value.reason == "recommend.size"
    monkeypatch.setattr(recommending, "MOST_KEPT", 11)
    assert train(shop, "chained").subjects == 5


def test_floors_below_the_policy_are_refused(shop: Deployment) -> None:
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    for model in (
        EASE(event="view", floor=9),
        NextBasket(event="view", basket=None, least=4),
        Hybrid(event="view", basket=None, least=4),
        Hybrid(event="view", basket=None, floor=9),
    ):
        with pytest.raises(InvalidInput) as caught:
            trainer.models.train("m", model)
        assert caught.value.reason == "recommend.floor"


def test_popularity_is_still_subtracted(
    tmp_path: Path, stocked: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stocked(str(tmp_path / "home"))
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    trainer.models.train("popular", Popularity(event="view", least=1))
    monkeypatch.setattr(shop._parts, "relearn", None)
    withdraws(shop, "ada")
    assert newest(shop, "popular").subjects == 4
