"""Traits behind the gate: read with a permit only, of who has some; forgotten without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied
from privet.gate import artifact
from privet.policy import load
from privet.recommend import Hybrid
from privet.testing import agrees

PURPOSE = "recommendations"
ITEMS = {
    "kettle": "kitchen",
    "teapot": "kitchen",
    "mug": "kitchen",
    "lamp": "light",
    "bulb": "light",
    "torch": "light",
}
YOUNG = {f"young{n}": ("lamp", ("bulb", "torch")[n % 2]) for n in range(4)}
OLD = {f"old{n}": ("kettle", ("teapot", "mug")[n % 2]) for n in range(5)}
BAND = "{type: band, category: transaction, optional: true, values: [18-34, 35+]}"
AGE = {"young": "18-34", "old": "35+"}
MODEL = Hybrid(
    event="view",
    basket=None,
    traits=("age",),
    content=("category",),
    validate="share",
    windows=1,
    floor=1,
    least=1,
)


@pytest.fixture
def stocked(tmp_path: Path, clock: Any) -> Iterator[Callable[..., Deployment]]:
    """Makes shops where the young look at lights and the old, who are more, at the kitchen."""
    texts = load("pack:shop").documents
    data = texts["data"].replace(
        "optional: true}\n\nevents", f"optional: true}}\n  age: {BAND}\n\nevents"
    )
    policy = texts["policy"].replace("co_count_floor: 10, least: 5", "co_count_floor: 1, least: 1")
    opened: list[Deployment] = []

    def make(
        where: str, fields: str = ", profile.age", without: tuple[str, ...] = ()
    ) -> Deployment:
        folder = tmp_path / f"policy{len(opened)}"
        folder.mkdir()
        (folder / "data.yaml").write_text(data)
        allowed = policy.replace("fields: [view.*]", "fields: [view.*, profile.age]")
        allowed = allowed.replace(
            "purchase.order, view.item]", f"purchase.order, view.item{fields}]"
        )
        (folder / "policy.yaml").write_text(
            allowed.replace("purchase.quantity, view.*]", f"purchase.quantity, view.*{fields}]")
        )
        keyring = f"file:{tmp_path / f'keys{len(opened)}'}"
        shop = open_deployment(where, policy=folder, keyring=keyring, clock=clock, sync="OFF")
        opened.append(shop)
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items(
            [{"item": item, "text": item, "category": kind} for item, kind in ITEMS.items()]
        )
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for person, looked in {**YOUNG, **OLD}.items():
            if person in without:
                continue
            agrees(shop, person, PURPOSE)
            web.describe(person, age=AGE[person[:-1]])
            for n, item in enumerate(looked):
                web.record(person, "view", event_id=str(n), item=item)
        return shop

    yield make
    for shop in opened:
        shop.close()


def trained(shop: Deployment) -> Any:
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    version = trainer.models.train("m", MODEL)
    trainer.models.serve(version)
    return version


def digest(shop: Deployment) -> bytes:
    found: bytes = artifact.versions(shop._parts, PURPOSE, "m")[-1].digest
    return found


def test_who_is_new_gets_what_people_like_her_take(
    where: str, stocked: Callable[..., Deployment]
) -> None:
    shop = stocked(where)
    trained(shop)
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    for person, age in (("zoe", "young"), ("abe", "old"), ("nil", None)):
        agrees(shop, person, PURPOSE)
        if age:
            web.describe(person, age=AGE[age])
    zoe, abe, nil = (web.recommend(person, k=1) for person in ("zoe", "abe", "nil"))
    assert (zoe[0].item, abe[0].item) == ("lamp", "kettle")
    assert zoe[0].because == "popular with at least 1 customers whose age is like yours"
    assert nil[0].item == "kettle"  # what most people have
    assert nil[0].because == "popular with at least 1 customers"
    assert nil.personal


def test_no_trait_is_read_without_a_permit(where: str, stocked: Callable[..., Deployment]) -> None:
    shop = stocked(where, fields="")
    trainer = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE)
    with pytest.raises(AccessDenied):
        trainer.models.train("m", MODEL)
    plain = Hybrid(event="view", basket=None, floor=1, least=1)
    trainer.models.serve(trainer.models.train("m", plain))
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert len(web.recommend("old0", k=3)) == 3


def test_who_left_leaves_the_bytes_of_a_training_without_her(
    where: str, tmp_path: Path, stocked: Callable[..., Deployment]
) -> None:
    left = ("young0", "young1", "young2", "young3")  # the last of her trait takes it along
    shop, twin = stocked(where), stocked(str(tmp_path / "twin"), without=left)
    trained(shop)
    before = digest(shop)
    for person in left[:2]:
        shop.subject(person, proof="t").consent.withdraw(PURPOSE)
    for person in left[2:]:
        shop.subject(person, proof="t").rights.erase()
    trained(twin)
    assert digest(shop) == digest(twin) != before


def test_the_trait_of_who_has_no_ground_moves_no_byte(
    tmp_path: Path, stocked: Callable[..., Deployment]
) -> None:
    shop = stocked(str(tmp_path / "home"))
    shop.subject("old1", proof="t").consent.withdraw(PURPOSE)
    twin = stocked(str(tmp_path / "twin"), without=("old1",))
    trained(shop)
    trained(twin)
    assert digest(shop) == digest(twin)
