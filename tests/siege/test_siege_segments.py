"""Non-interference of segments: those without a ground change no digest, figure or list.

Two shops are told the same of everybody who agreed, and other things of all others. All
that is made of segments must be equal to the byte.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from tests.kinds import segmenters

import privet
from privet.policy import load
from privet.segments import KMeans
from privet.testing import FakeClock

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
ITEMS = [f"item-{n}" for n in range(8)]
PEOPLE = [f"person-{n:02}" for n in range(30)]
NOT_GIVEN = ("never", "no", "withdrawn", "restricted")
STANDING = {p: "yes" if n % 3 else NOT_GIVEN[n // 3 % 4] for n, p in enumerate(PEOPLE)}
AGREED = [p for p in PEOPLE if STANDING[p] == "yes"]
SPEC = KMeans(["frequency", "monetary", "share:department", "profile:age", "time_of_day"], k=3)
METHODS = segmenters(SPEC.features)
Row = tuple[str, datetime, str, str, float]


def rows(person: str, week: int, seed: str = "") -> list[Row]:
    rng = random.Random(f"{person} {week} {seed}")
    habit = int(person[-2:]) % 3
    return [
        (
            person,
            START + week * WEEK - timedelta(days=rng.randint(1, 6), minutes=basket),
            ITEMS[habit if rng.random() < 0.8 else rng.randrange(8)],
            f"{person} {week} {basket}",
            rng.randint(100, 900) / 100,
        )
        for basket in range((2, 6, 12)[habit])
    ]


def as_told(person: str, week: int) -> list[Row]:
    return rows(person, week)


def bought_otherwise(person: str, week: int) -> list[Row]:
    return [row for n in range(4) for row in rows(person, week, f"other {n}")]


def bought_nothing(person: str, week: int) -> list[Row]:
    return []


def policy(root: Path) -> Path:
    root.mkdir()
    for name, text in load("pack:grocery").documents.items():
        (root / f"{name}.yaml").write_text(text.replace("least: 50", "least: 4"))
    return root / "policy.yaml"


class Shop:
    """A shop over two weeks; what it knows of those who did not agree is ``others``."""

    def __init__(
        self, root: Path, others: Callable[[str, int], list[Row]], *, absent: bool = False
    ) -> None:
        root.mkdir()
        self.root, self.others = root, others
        self.people = AGREED if absent else PEOPLE
        self.clock = FakeClock(START)
        self.shop = privet.open(
            root / "home",
            policy=policy(root / "policy"),
            keyring=f"file:{root / 'keys'}",
            clock=self.clock,
            sync="OFF",
        )
        operator = self.shop.principal("op", roles=["operator"])
        operator.admin.load_items(
            [{"item": i, "type": i, "department": f"d{n % 3}"} for n, i in enumerate(ITEMS)]
        )
        self.loading = operator.purpose("orders")

    def tell(self, week: int) -> None:
        told = [
            row
            for p in self.people
            for row in (rows(p, week) if p in AGREED else self.others(p, week))
        ]
        names = ["subject", "at", "item", "basket", "value"]
        frame = pd.DataFrame(told, columns=names)
        frame = frame.assign(quantity=1, discount=0, coupon=0, store="s")
        self.loading.load("purchase", frame, columns={n: n for n in frame})

    def answers(self) -> None:
        till = self.shop.principal("till", roles=["storefront"])
        desk = self.shop.principal("desk", roles=["privacy-desk"])
        for p in self.people:
            till.consent.begin(p, "orders")
            herself = self.shop.subject(p, proof="s").consent
            if STANDING[p] != "never":
                yes = STANDING[p] != "no"
                herself.answer(
                    {"segmentation": yes, "newsletter": p in AGREED}, notice="n", how="w"
                )
            band = "35-44" if int(p[-2:]) % 2 else "65+"
            till.purpose("orders").describe(p, email=f"{p}@example.com", age=band)
            if STANDING[p] == "withdrawn":
                herself.withdraw("segmentation")
            if STANDING[p] == "restricted":
                desk.consent.restrict(p, reason="accuracy")

    def made(self) -> dict[str, object]:
        """Everything that two weeks of segments give, as text that compares to the byte."""
        self.answers()
        group = self.shop.principal("n", roles=["trainer"]).purpose("segmentation").segments
        mail = self.shop.principal("m", roles=["marketer"]).purpose("newsletter").segments
        out: dict[str, object] = {}
        for week in range(2):
            self.clock.set(START + week * WEEK)
            self.tell(week)
            out[f"{week} choice"] = group.choose([replace(SPEC, k=k) for k in (2, 3, 4)]).to_json()
            version = group.train("habits", SPEC)
            out[f"{week} digest"] = (version.digest.hex(), version.subjects)
            out[f"{week} report"] = repr(group.evaluate(version))
            group.serve(version)
            shown = mail.show()
            out[f"{week} figures"] = shown.to_json()
            out[f"{week} own"] = {p: group.of(p) for p in AGREED}
            out[f"{week} moves"] = mail.moves().to_json()
            out[f"{week} drift"] = group.drift().to_json()
            for name, spec in METHODS.items():
                made = group.train(name, spec)
                out[f"{week} {name}"] = made.digest.hex(), repr(group.evaluate(made))
            for what in ("pca", "silhouette", "profile"):
                out[f"{week} {what}"] = group.picture(version, what)
            for segment in shown["segment"]:
                release = mail.release(segment, fields=["profile.email"], to="mailer")
                path = self.root / f"{week}-{segment}.csv"
                release.to_csv(path)
                out[f"{week} {segment}"] = sorted(path.read_text().splitlines())
        self.shop.close()
        return out


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return Shop(tmp_path_factory.mktemp("told") / "a", as_told, absent=False).made()


@pytest.mark.parametrize("others", [bought_otherwise, bought_nothing, None])
def test_those_without_a_ground_change_nothing(
    expected: dict[str, object], others: Callable[[str, int], list[Row]] | None, tmp_path: Path
) -> None:
    assert expected["1 digest"] != expected["0 digest"]
    assert expected["1 moves"] != expected["0 moves"]
    got = Shop(tmp_path / "b", others or as_told, absent=others is None).made()
    assert got == expected, [k for k in expected if got.get(k) != expected[k]]


def test_those_with_a_ground_do_change_it(
    expected: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: the same change to one person who agreed shows."""
    usual = rows
    monkeypatch.setitem(
        globals(), "rows",
        lambda p, week, seed="": usual(p, week, "other" if p == AGREED[0] else seed),
    )  # fmt: skip
    got = Shop(tmp_path / "b", as_told, absent=False).made()
    assert got["0 digest"] != expected["0 digest"]
    assert got["1 digest"] != expected["1 digest"]


def test_every_method_forgets_through_the_weeks(tmp_path: Path) -> None:
    """Whoever withdraws or is erased after two weeks was never in either of them."""
    leaving = AGREED[3], AGREED[8]
    whole, without = (Shop(tmp_path / name, as_told) for name in ("whole", "without"))
    without.people = [p for p in PEOPLE if p not in leaving]
    groups = []
    for one in (whole, without):
        one.answers()
        groups.append(one.shop.principal("n", roles=["trainer"]).purpose("segmentation").segments)
        for week in range(2):
            one.clock.set(START + week * WEEK)
            one.tell(week)
            for name, spec in METHODS.items():
                groups[-1].train(name, spec)
    before = [v.digest for v in groups[0].list()]
    whole.shop.subject(leaving[0], proof="s").consent.withdraw("segmentation")
    whole.shop.subject(leaving[1], proof="s").rights.erase()
    after, never = ({(v.name, v.spec["until"]): v.digest for v in group.list()} for group in groups)
    assert after == never
    assert len(after) == 2 * len(METHODS)
    assert set(before).isdisjoint(after.values()), "she was in each of them"
    for one in (whole, without):
        one.shop.close()
