"""Two dozen people, half a year of what they did, and a deployment that is told of it.

What a deployment makes of it comes as text that compares to the byte, so that two of them
can be told apart by a single number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

import privet
from privet.policy import load
from privet.recommend import Recommender
from privet.testing import FakeClock

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PEOPLE = 24
HIDDEN = ("laxatives", "test kit")
OF_AGE = "lager"
ITEMS = [*(f"item-{n:02}" for n in range(16)), *HIDDEN, OF_AGE]
TYPES = {
    "laxatives": "LAXATIVES",
    "test kit": "PREGNANCY TEST KITS",
    "lager": "BEERALEMALT LIQUORS",
}
AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")
NOT_GIVEN = ("never", "no", "withdrawn", "lapsed", "restricted", "objected")
BOTH = ("recommendations", "segmentation")


@dataclass(frozen=True)
class Row:
    at: datetime
    item: str
    basket: str
    quantity: int
    value: float


@dataclass(frozen=True)
class Person:
    """One person as the app knows her; ``standing`` says how she stands to both purposes."""

    id: str
    standing: str
    rows: tuple[Row, ...]
    age: str
    also: bool = False

    @property
    def agreed(self) -> bool:
        return self.standing == "yes"


def people(seed: int = 5) -> list[Person]:
    rng = random.Random(seed)
    return [
        Person(
            f"person-{n:02}",
            "yes" if n % 3 else NOT_GIVEN[n // 3 % len(NOT_GIVEN)],
            purchases(rng, n, rng.randint(2, 9)),
            rng.choice(AGES),
        )
        for n in range(PEOPLE)
    ]


def purchases(rng: random.Random, n: int, count: int, latest: int = 60) -> tuple[Row, ...]:
    return tuple(
        Row(
            START - timedelta(days=rng.randint(1, latest), hours=rng.randint(0, 23)),
            rng.choice(ITEMS),
            f"{n}-{rng.randint(1, count)}",
            rng.randint(1, 4),
            rng.randint(50, 900) / 100,
        )
        for _ in range(count)
    )


def bought_more(p: Person) -> Person | None:
    """Fifty times the rows, all of one thing, up to the very last moment."""
    last = START - timedelta(seconds=1)
    return replace(
        p, rows=p.rows + tuple(Row(last, ITEMS[0], f"m{n}", 9, 99.99) for n in range(50))
    )


def bought_oddly(p: Person) -> Person | None:
    """Extremes: unlisted items, hidden ones, at the edges of time, of sizes that no sum fits."""
    times = [START - timedelta(days=d) for d in (0, 1, 20, 390, 8000)]
    odd = ["unlisted", "", "=1+1", *HIDDEN, OF_AGE, *ITEMS[:4]]
    rows = [
        Row(at, item or "x" * 200, f"odd-{n}", 2**31, 10.0**7)
        for n, (at, item) in enumerate((at, item) for at in times for item in odd)
    ]
    return replace(p, rows=p.rows + tuple(rows))


def bought_otherwise(p: Person) -> Person:
    return replace(p, rows=purchases(random.Random(p.id), 99, 7), age="65+")


def bought_nothing(p: Person) -> Person | None:
    return replace(p, rows=())


def said_yes_to_the_rest(p: Person) -> Person | None:
    return replace(p, also=True)


def was_never_there(p: Person) -> Person | None:
    return None


CHANGES: Sequence[Callable[[Person], Person | None]] = (
    bought_more,
    bought_oddly,
    bought_otherwise,
    bought_nothing,
    said_yes_to_the_rest,
    was_never_there,
)


def loosened(root: Path) -> Path:
    """The grocery pack with floors that suit two dozen people, whose age may be learned from."""
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        loose = text.replace("co_count_floor: 10, least: 20", "co_count_floor: 2, least: 2")
        for seen in ("purchase.basket, view.item]", "purchase.quantity, view.*, shown.*, click.*]"):
            loose = loose.replace(seen, f"{seen[:-1]}, profile.age]")
        (root / f"{name}.yaml").write_text(loose.replace("least: 50", "least: 2"))
    return root / "policy.yaml"


def opened(where: str, root: Path, clock: Any) -> privet.Deployment:
    """A fresh deployment with the items, and nobody in it."""
    root.mkdir(exist_ok=True)
    shop = privet.open(
        where, policy=loosened(root / "p"), keyring=f"file:{root / 'k'}", clock=clock, sync="OFF"
    )
    shop.principal("op", roles=["operator"]).admin.load_items(
        [
            {
                "item": i,
                "type": TYPES.get(i, f"type {n % 6}"),
                "brand": f"b{n}",
                "department": f"d{n % 3}",
            }
            for n, i in enumerate(ITEMS)
        ]
    )
    return shop


def tell(shop: privet.Deployment, clock: FakeClock, everybody: Iterable[Person]) -> None:
    """All that the app knows, person by person in this order."""
    everybody = list(everybody)
    till = shop.principal("till", roles=["storefront"])
    desk = shop.principal("desk", roles=["privacy-desk"])
    for p in everybody:
        till.consent.begin(p.id, "orders")
    for p in everybody:
        _answer(shop, desk, p)
    clock.set(START)
    orders = till.purpose("orders")
    for p in everybody:
        orders.describe(p.id, age=p.age, income=p.id if p.also else "middle")
    bring(shop, everybody)
    for p in everybody:
        if p.standing in {"withdrawn", "objected"}:
            shop.subject(p.id, proof="session").consent.withdraw(*BOTH)
        if p.standing == "restricted":
            desk.consent.restrict(p.id, reason="accuracy")


def _answer(shop: privet.Deployment, desk: privet.Principal, p: Person) -> None:
    herself = shop.subject(p.id, proof="session").consent
    if p.standing == "lapsed":
        said = {"notice": "n", "channel": "c", "evidence": "e"}
        early = START - timedelta(days=500)
        desk.consent.on_behalf(p.id, dict.fromkeys(BOTH, True), at=early, **said)
        herself.withdraw("segmentation")  # which never lapses by itself
    elif p.standing == "no":
        herself.answer(dict.fromkeys(BOTH, False), notice="n", how="web")
    elif p.standing != "never":
        herself.answer(dict.fromkeys(BOTH, True), notice="n", how="web")
    if p.also:
        herself.answer({"newsletter": True}, notice="n", how="web")
        herself.object("analytics")


def bring(shop: privet.Deployment, everybody: Iterable[Person]) -> None:
    """Load the rows of these people at once."""
    told = [(p.id, r.at, r.item, r.basket, r.quantity, r.value) for p in everybody for r in p.rows]
    names = ["subject", "at", "item", "basket", "quantity", "value"]
    frame = pd.DataFrame(told, columns=names).assign(discount=0.5, coupon=0, store="s1")
    loading = shop.principal("op", roles=["operator"]).purpose("orders")
    loading.load("purchase", frame, columns={name: name for name in frame})


def models_of(shop: privet.Deployment) -> privet.principals.Models:
    return shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models


def lists_of(
    shop: privet.Deployment, model: str, ids: Sequence[str], cut: datetime | None = None
) -> dict[str, object]:
    """All that a served model says to these people, to a stranger, and beside items."""
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    asked: Mapping[str, dict[str, Any]] = {
        "many": {},
        "unseen": {"unseen": True},
        "adult": {"age": 40},
        "varied": {"diversity": 0.4, "exclude": ITEMS[:1]},
        "among": {"among": [*ITEMS[4:], "type 1", "b3"]},
    }
    out: dict[str, object] = {}
    for name, options in asked.items():
        found = web.recommend_many([*ids, "a stranger"], k=30, model=model, at=cut, **options)
        out[name] = {i: written(picks) for i, picks in found.items()}
    out["similar"] = {i: written(web.similar(i, k=30, model=model)) for i in ITEMS[:16:3]}
    return out


def written(picks: privet.Picks) -> list[object]:
    return [picks.personal, picks.why, [(p.item, p.score.hex(), p.because) for p in picks]]


def made(
    shop: privet.Deployment, kinds: Mapping[str, Recommender], ids: Sequence[str], cut: datetime
) -> dict[str, object]:
    """What each of these kinds becomes, measures and says, as text."""
    models = models_of(shop)
    out: dict[str, object] = {}
    for name, spec in kinds.items():
        version = models.train(name, spec, until=cut)
        out[f"{name} digest"] = (version.digest.hex(), version.subjects)
        out[f"{name} metrics"] = repr(models.evaluate(version, cut=cut))
        models.serve(version)
        card = models.card(version)
        out[f"{name} card"] = (repr(card.data), card.html())
        out |= {f"{name} {how}": said for how, said in lists_of(shop, name, ids, cut).items()}
    return out
