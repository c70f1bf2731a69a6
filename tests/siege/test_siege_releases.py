"""What releases of segments tell together: nobody's joining, moving or falling out of one.

Over some weeks people's habits wander one by one. Whatever is shown or released at a
serving is laid beside every earlier one: a segment differs by nobody or by at least the least
number of people, whichever method made it.
"""

from __future__ import annotations

import csv
import itertools
import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from tests.kinds import segmenters
from tests.world import START

import privet
from privet.policy import load
from privet.segments import DBSCAN, KMeans, Segmenter
from privet.testing import FakeClock

LEAST, WEEKS = 5, 6
PEOPLE = [f"person-{n:02}" for n in range(40)]
FEATURES = ["visits_30_days", "average_order"]
LEAVE = {2: ["person-03"], 4: ["person-11", "person-30"]}
"""Week to who withdraws before it."""
LEFT = {person for people in LEAVE.values() for person in people}
METHODS: Mapping[str, Segmenter] = {
    **segmenters(FEATURES),
    "dbscan": DBSCAN(FEATURES, radius=0.6, people=4, smoothing=0, hysteresis=0),
    "kmeans": KMeans(FEATURES, k=3, smoothing=0, hysteresis=0),
}


class Weeks:
    """A shop whose people change their habits now and then, and all that it released."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.root, self.clock = root, FakeClock(START)
        for name, text in load("pack:grocery").documents.items():
            (root / f"{name}.yaml").write_text(text.replace("least: 50", f"least: {LEAST}"))
        self.shop = privet.open(
            root / "home",
            policy=root / "policy.yaml",
            keyring=f"file:{root / 'k'}",
            clock=self.clock,
            sync="OFF",
        )
        operator = self.shop.principal("op", roles=["operator"])
        operator.admin.load_items([{"item": "tea", "type": "TEA"}])
        self.loading = operator.purpose("orders")
        till = self.shop.principal("till", roles=["storefront"])
        for person in PEOPLE:
            till.consent.begin(person, "orders")
            yes = {"segmentation": True, "newsletter": True}
            self.shop.subject(person, proof="s").consent.answer(yes, notice="n", how="web")
            till.purpose("orders").describe(person, email=person)
        self.group = self.shop.principal("t", roles=["trainer"]).purpose("segmentation").segments
        self.mail = self.shop.principal("m", roles=["marketer"]).purpose("newsletter").segments

    def week(self, week: int) -> None:
        for person in LEAVE.get(week, ()):
            self.shop.subject(person, proof="s").consent.withdraw("segmentation", "newsletter")
        rows = []
        for n, person in enumerate(PEOPLE):
            dice = random.Random(f"{n} {week}")
            habit = n % 3 if dice.random() > 0.15 else dice.randrange(4)
            for visit in range((2, 7, 14, 60)[habit]):
                at = self.clock.now() - timedelta(days=dice.randint(1, 29), minutes=visit)
                rows.append((person, at, f"{n} {week} {visit}", (2, 9, 4, 70)[habit]))
        frame = pd.DataFrame(rows, columns=["subject", "at", "basket", "value"])
        frame = frame.assign(item="tea", quantity=1, discount=0, coupon=0, store="s")
        self.loading.load("purchase", frame, columns={c: c for c in frame})

    def lists(self, name: str) -> dict[str, set[str]]:
        """Every segment that may be released, with who is on its list."""
        found: dict[str, set[str]] = {}
        for segment, size in self.mail.show(model=name)[["segment", "size"]].itertuples(
            index=False
        ):
            path = self.root / f"{len(list(self.root.iterdir()))}.csv"
            try:
                self.mail.release(
                    segment, fields=["profile.email"], to="mailer", model=name
                ).to_csv(path)
            except privet.AccessDenied as few:
                assert few.reason == "cohort.small"
                continue
            with path.open(newline="") as file:
                found[segment] = {row["profile.email"] for row in csv.DictReader(file)}
            assert len(found[segment]) >= LEAST
            assert size % LEAST == 0
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, set[str]]]]:
    """Method to what each serving released."""
    weeks = Weeks(tmp_path_factory.mktemp("weeks") / "w")
    releases: dict[str, list[dict[str, set[str]]]] = {name: [] for name in METHODS}
    for week in range(WEEKS):
        weeks.week(week)
        for name, method in METHODS.items():
            weeks.group.serve(weeks.group.train(name, method))
            releases[name].append(weeks.lists(name))
            moves = weeks.mail.moves(model=name)
            assert all(people >= LEAST for people in moves["people"])
        weeks.clock.advance(timedelta(days=30))
    weeks.shop.close()
    return releases


@pytest.mark.parametrize("name", METHODS)
def test_no_two_releases_differ_by_a_few_who_stayed(
    told: dict[str, list[dict[str, set[str]]]], name: str
) -> None:
    for one, other in itertools.combinations(told[name], 2):
        for segment in one.keys() & other.keys():
            differ = one[segment] ^ other[segment]
            assert differ <= LEFT or len(differ) >= LEAST, (segment, sorted(differ))


def test_people_did_move_and_were_released(told: dict[str, list[dict[str, set[str]]]]) -> None:
    """The comparison is of something: several segments, and not the same each week."""
    assert sum(len(week) > 1 for week in told["kmeans"]) >= WEEKS - 1
    assert len({str(sorted(map(sorted, week.values()))) for week in told["kmeans"]}) > 2
    sizes = Counter(len(who) for weeks in told.values() for week in weeks for who in week.values())
    assert len(sizes) > 5
