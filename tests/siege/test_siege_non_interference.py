"""Non-interference: what those without a ground did changes nothing that others get.

Two homes are fed the same people. In one of them everybody without a ground for the
purpose is changed: other purchases, more of them, other profiles, other answers for other
purposes, or they are not there at all. Whatever is made for the purpose must be equal,
to the byte.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import privet
from privet.policy import load
from privet.recommend import (
    EASE,
    ContentTFIDF,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
)
from privet.testing import FakeClock

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PEOPLE = 24
ITEMS = [f"item-{n:02}" for n in range(16)]
AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")
FEATURES = ["recency", "frequency", "monetary", "average_order", "discount_share", "profile:age",
            "days_between_visits", "time_of_day", "share:department"]  # fmt: skip
MODELS = {
    "content": ContentTFIDF(text=("type", "brand")),
    "popularity": Popularity(least=2),
    "pairs": ItemItem(floor=2),
    "habits": PersonalFrequency(least=2),
    "ease": EASE(floor=2, least=2, weights="recency"),
    "next": NextBasket(floor=2, least=2),
}
NOT_GIVEN = ("never", "no", "withdrawn", "lapsed", "restricted", "objected")

POLICY_LEAST = ("co_count_floor: 10, least: 20", "co_count_floor: 2, least: 2")


@dataclass(frozen=True)
class Row:
    at: datetime
    item: str
    basket: str
    quantity: int
    value: float


@dataclass
class Person:
    """One person as the app knows her; ``standing`` says how she stands to both purposes."""

    id: str
    standing: str
    rows: list[Row]
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


def purchases(rng: random.Random, n: int, count: int, latest: int = 60) -> list[Row]:
    return [
        Row(
            START - timedelta(days=rng.randint(1, latest), hours=rng.randint(0, 23)),
            rng.choice(ITEMS),
            f"{n}-{rng.randint(1, count)}",
            rng.randint(1, 4),
            rng.randint(50, 900) / 100,
        )
        for _ in range(count)
    ]


def bought_more(p: Person) -> Person | None:
    """Fifty times the rows, all of one thing, up to the very last moment, and unlisted ones."""
    last = START - timedelta(seconds=1)
    rows = [Row(last, ITEMS[0], f"more-{n}", 9, 99.99) for n in range(50)]
    return Person(p.id, p.standing, [*p.rows, *rows, Row(last, "unlisted", "u", 1, 1)], p.age)


def bought_otherwise(p: Person) -> Person | None:
    return Person(p.id, p.standing, purchases(random.Random(p.id), 99, 7), "65+")


def bought_nothing(p: Person) -> Person | None:
    return Person(p.id, p.standing, [], p.age)


def said_yes_to_the_rest(p: Person) -> Person | None:
    return Person(p.id, p.standing, p.rows, p.age, also=True)


def was_never_there(p: Person) -> Person | None:
    return None


CHANGES: list[Callable[[Person], Person | None]] = [
    bought_more,
    bought_otherwise,
    bought_nothing,
    said_yes_to_the_rest,
    was_never_there,
]


def each_in_another_way(p: Person) -> Person | None:
    return CHANGES[int(p.id[-2:]) // 3 % len(CHANGES)](p)


def loosened(root: Path) -> Path:
    """The grocery pack with floors that suit two dozen people."""
    root.mkdir(exist_ok=True)
    for name, text in load("pack:grocery").documents.items():
        loose = text.replace(*POLICY_LEAST).replace("least: 50}", "least: 2}")
        (root / f"{name}.yaml").write_text(loose)
    return root / "policy.yaml"


@pytest.fixture
def fresh(tmp_path: Path, request: pytest.FixtureRequest, where: str) -> Callable[[], str]:
    """Places for homes of one kind; on PostgreSQL each is a database of its own."""
    made = iter(range(100))
    if "://" not in where:
        return lambda: str(tmp_path / f"home-{next(made)}")
    import psycopg

    server = request.getfixturevalue("postgres_server")

    def another() -> str:
        name = f"n{os.urandom(6).hex()}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server.get_uri(name))

    return another


def tell(shop: privet.Deployment, clock: FakeClock, everybody: list[Person]) -> None:
    """All that the app knows, in one order."""
    till = shop.principal("till", roles=["storefront"])
    desk = shop.principal("desk", roles=["privacy-desk"])
    orders = till.purpose("orders")
    for p in everybody:
        till.consent.begin(p.id, "orders")
    for p in everybody:
        herself = shop.subject(p.id, proof="session").consent
        both = ("recommendations", "segmentation")
        if p.standing == "lapsed":
            said = {"notice": "n", "channel": "c", "evidence": "e"}
            early = START - timedelta(days=500)
            desk.consent.on_behalf(p.id, dict.fromkeys(both, True), at=early, **said)
            herself.withdraw("segmentation")  # which never lapses by itself
        elif p.standing == "no":
            herself.answer(dict.fromkeys(both, False), notice="n", how="web")
        elif p.standing != "never":
            herself.answer(dict.fromkeys(both, True), notice="n", how="web")
        if p.also:
            herself.answer({"newsletter": True}, notice="n", how="web")
            herself.object("analytics")
    clock.set(START)
    for p in everybody:
        orders.describe(p.id, age=p.age, income=p.id if p.also else "middle")
        for row in p.rows:
            orders.record(
                p.id, "purchase", at=row.at, item=row.item, basket=row.basket,
                quantity=row.quantity, value=row.value, discount=0.5, coupon=0, store="s1",
            )  # fmt: skip
    for p in everybody:
        if p.standing in {"withdrawn", "objected"}:
            herself = shop.subject(p.id, proof="session").consent
            herself.withdraw("recommendations", "segmentation")
        if p.standing == "restricted":
            desk.consent.restrict(p.id, reason="accuracy")


def made(where: str, policy: Path, keyring: Path, everybody: list[Person]) -> dict[str, object]:
    """Everything that can be made for the two purposes, as text that compares to the byte."""
    clock = FakeClock(START - timedelta(days=100))
    agreed = [p.id for p in everybody if p.agreed]
    with privet.open(
        where, policy=policy, keyring=f"file:{keyring}", clock=clock, sync="OFF"
    ) as shop:
        shop.principal("op", roles=["operator"]).admin.load_items(
            [
                {
                    "item": i,
                    "type": f"type {n % 6}",
                    "brand": f"brand{n}",
                    "department": f"d{n % 3}",
                }
                for n, i in enumerate(ITEMS)
            ]
        )
        tell(shop, clock, everybody)
        cut = START - timedelta(days=20)
        nightly = shop.principal("nightly", roles=["trainer"])
        models = nightly.purpose("recommendations").models
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        out: dict[str, object] = {}
        for name, spec in MODELS.items():
            version = models.train(name, spec, until=cut)
            out[f"{name} digest"] = (version.digest.hex(), version.subjects)
            out[f"{name} metrics"] = repr(models.evaluate(version, cut=cut))
            models.serve(version)
            for unseen in (False, True):
                many = web.recommend_many(agreed, k=8, model=name, unseen=unseen, at=cut)
                out[f"{name} many {unseen}"] = {i: written(picks) for i, picks in many.items()}
            out[f"{name} single"] = {
                i: written(web.recommend(i, k=8, model=name)) for i in agreed[::3]
            }
        out["fallback"] = written(web.recommend("a stranger", k=8))
        out["fallback among"] = written(web.recommend("a stranger", k=3, among=ITEMS[4:9]))
        grouping = nightly.purpose("segmentation")
        out["cohort"] = grouping.features(FEATURES).to_json(double_precision=15)
        out["some"] = grouping.features(FEATURES, subjects=agreed[:5]).to_json(double_precision=15)
        out["one"] = grouping.features(FEATURES, subjects=agreed[:1]).to_json(double_precision=15)
    return out


def written(picks: privet.Picks) -> list[object]:
    return [picks.personal, [(p.item, p.score.hex(), p.because) for p in picks]]


def test_those_without_a_ground_change_nothing(
    fresh: Callable[[], str], where: str, tmp_path: Path
) -> None:
    policy = loosened(tmp_path / "policy")
    everybody = people()
    expected = made(fresh(), policy, tmp_path / "k", everybody)
    assert expected["content digest"]
    assert expected["pairs digest"] != expected["habits digest"]
    # One at a time where homes are cheap, all at once where each is a database.
    changes = [each_in_another_way] if "://" in where else CHANGES
    for n, change in enumerate(changes):
        changed = [p if p.agreed else change(p) for p in everybody]
        others = [p for p in changed if p is not None]
        assert others != everybody, "a change that changes nothing shows nothing"
        got = made(fresh(), policy, tmp_path / f"k{n}", others)
        assert got == expected, (change.__name__, [k for k in expected if got[k] != expected[k]])


def test_those_with_a_ground_do_change_it(tmp_path: Path) -> None:
    """The comparison can fail: the same change to one person who agreed shows everywhere."""
    policy = loosened(tmp_path / "policy")
    everybody = people()
    expected = made(str(tmp_path / "a"), policy, tmp_path / "ka", everybody)
    first = next(n for n, p in enumerate(everybody) if p.agreed)
    changed = [bought_otherwise(p) if n == first else p for n, p in enumerate(everybody)]
    got = made(str(tmp_path / "b"), policy, tmp_path / "kb", [p for p in changed if p])
    same = {k for k in expected if got[k] == expected[k]}
    assert same <= {"content digest", "fallback", "fallback among", "some", "one"}, sorted(same)
