"""Non-interference: what those without a ground did changes nothing that others get.

Two deployments are told of the same people. In one of them everybody without a ground for
the purposes is changed: other purchases, more of them, odd ones, other profiles, other answers for
other purposes, or they are not there at all. Whatever is made must be equal, to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.kinds import RECOMMENDERS
from tests.world import (
    CHANGES,
    ITEMS,
    START,
    Person,
    bought_oddly,
    bought_otherwise,
    made,
    models_of,
    opened,
    people,
    tell,
    was_never_there,
    written,
)

from privet.recommend import EASE, Popularity
from privet.testing import FakeClock

FEATURES = ["recency", "frequency", "monetary", "average_order", "discount_share", "profile:age",
            "days_between_visits", "time_of_day", "share:department", "share:type"]  # fmt: skip
CUT = START - timedelta(days=20)


def each_in_another_way(p: Person) -> Person | None:
    return CHANGES[int(p.id[-2:]) // 3 % len(CHANGES)](p)


def all_of_it(where: str, root: Path, everybody: Sequence[Person]) -> dict[str, object]:
    """Everything that can be made for the two purposes, as text that compares to the byte."""
    clock = FakeClock(START - timedelta(days=100))
    agreed = sorted(p.id for p in everybody if p.agreed)
    with opened(where, root, clock) as shop:
        tell(shop, clock, everybody)
        out = made(shop, RECOMMENDERS, agreed, CUT)
        models = models_of(shop)
        newest = {version.name: version for version in models.list()}
        out["risk"] = repr(models.risk(newest["ease-log"], cut=CUT))
        out["card"] = repr(models.card(newest["ease-log"]).data)
        low = EASE(floor=2, least=2, regularization=1)
        out["frontier"] = repr([asdict(t) for t in models.frontier(low, floors=[1, 3], cut=CUT)])
        for curve, at in (("consent", [0.5, 1.0]), ("history", [14, 60])):
            found = models.curve(curve, Popularity(least=2), cut=CUT, at=at)  # type: ignore[arg-type]
            out[f"curve of {curve}"] = (found.to_json(double_precision=15), dict(found.attrs))
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        out["singles"] = {i: written(web.recommend(i, k=8)) for i in agreed[::3]}
        out["fallback"] = written(web.recommend("a stranger", k=8))
        out["fallback among"] = written(web.recommend("a stranger", k=3, among=ITEMS[4:9]))
        grouping = shop.principal("nightly", roles=["trainer"]).purpose("segmentation")
        out["cohort"] = grouping.features(FEATURES).to_json(double_precision=15)
        for name, some in (("some", agreed[:5]), ("one", agreed[:1])):
            out[name] = grouping.features(FEATURES, subjects=some).to_json(double_precision=15)
    return out


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    root = tmp_path_factory.mktemp("expected")
    return all_of_it(str(root / "home"), root, people())


def without_a_ground(change: Callable[[Person], Person | None]) -> list[Person]:
    everybody = people()
    changed = [p if p.agreed else change(p) for p in everybody]
    assert changed != everybody, "a change that changes nothing shows nothing"
    return [p for p in changed if p is not None]


@pytest.mark.parametrize("change", [each_in_another_way, bought_oddly, was_never_there])
def test_those_without_a_ground_change_nothing(
    expected: dict[str, object], change: Callable[[Person], Person | None], tmp_path: Path
) -> None:
    got = all_of_it(str(tmp_path / "home"), tmp_path, without_a_ground(change))
    assert not differing(got, expected)


def test_nor_do_they_on_another_database(
    expected: dict[str, object], postgres_url: str, tmp_path: Path
) -> None:
    got = all_of_it(postgres_url, tmp_path, without_a_ground(each_in_another_way))
    assert not differing(got, expected)


def test_those_with_a_ground_do_change_it(expected: dict[str, object], tmp_path: Path) -> None:
    """The comparison can fail: the same change to one person who agreed shows everywhere."""
    assert len({str(expected[f"{name} digest"]) for name in RECOMMENDERS}) == len(RECOMMENDERS)
    everybody = people()
    first = next(n for n, p in enumerate(everybody) if p.agreed)
    everybody[first] = replace(bought_otherwise(everybody[first]), age=everybody[first].age)
    got = all_of_it(str(tmp_path / "home"), tmp_path, everybody)
    same = expected.keys() - set(differing(got, expected))
    told = {name for name in same if name.endswith((" digest", " many", " metrics", " card"))}
    assert told == {"content digest"}


def test_the_order_in_which_people_came_changes_no_model_and_no_list(
    expected: dict[str, object], tmp_path: Path
) -> None:
    got = all_of_it(str(tmp_path / "home"), tmp_path, people()[::-1])
    # Intervals and attacks draw people by their places, and a frame has them in their order.
    drawn = {name for name in expected if name.endswith((" metrics", " card"))}
    drawn |= {"risk", "card", "frontier", "curve of consent", "curve of history"}
    assert set(differing(got, expected)) <= drawn | {"cohort", "some", "one"}
