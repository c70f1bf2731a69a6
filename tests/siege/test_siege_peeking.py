"""No peeking: what came after an instant changes nothing that is made as of that instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.kinds import RECOMMENDERS, segmenters
from tests.world import START, Person, Row, lists_of, models_of, opened, people, tell

from privet.testing import FakeClock

CUT = START - timedelta(days=20)
FEATURES = ["recency", "frequency", "monetary", "share:department", "time_of_day"]
AFTER = (timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=9), timedelta(days=12))


def until(p: Person) -> Person:
    return replace(p, rows=tuple(row for row in p.rows if row.at <= CUT))


def went_on(p: Person) -> Person:
    """What everybody had, and soon after the cut much that nobody had had."""
    n = int(p.id[-2:])
    later = [
        Row(CUT + away, f"item-{(n + m * m) % 16:02}", f"later-{m}", 9, 99.0)
        for m, away in enumerate(AFTER * 3)
    ]
    return replace(p, rows=p.rows + tuple(later))


def as_of_the_cut(root: Path, everybody: list[Person], *, ahead: bool) -> dict[str, object]:
    """All that is made as of the cut; with ``ahead``, of a later day before that."""
    clock = FakeClock(START - timedelta(days=100))
    agreed = [p.id for p in everybody if p.agreed]
    out: dict[str, object] = {}
    with opened(str(root / "home"), root, clock) as shop:
        tell(shop, clock, everybody)
        models = models_of(shop)
        for name, spec in RECOMMENDERS.items():
            if ahead:
                models.serve(models.train(name, spec))
            version = models.train(name, spec, until=CUT)
            models.serve(version)
            out[name] = version.digest.hex(), lists_of(shop, name, agreed, CUT)
        grouping = shop.principal("nightly", roles=["trainer"]).purpose("segmentation")
        out["features"] = grouping.features(FEATURES, at=CUT).to_json(double_precision=15)
        ways = segmenters(FEATURES)
        for name, way in ways.items():
            if ahead:
                grouping.segments.train(name, way)
            version = grouping.segments.train(name, way, at=CUT)
            out[name] = version.digest.hex(), repr(grouping.segments.evaluate(version))
        out["choice"] = grouping.segments.choose(list(ways.values()), at=CUT).to_json()
    return out


def test_nothing_after_the_cut_changes_a_state_a_weight_a_list_or_a_segment(tmp_path: Path) -> None:
    before = [until(p) for p in people()]
    after = [went_on(p) for p in people()]
    expected = as_of_the_cut(tmp_path / "a", before, ahead=False)
    assert len({str(made) for made in expected.values()}) == len(expected)
    got = as_of_the_cut(tmp_path / "b", after, ahead=True)
    assert [name for name in expected if got[name] != expected[name]] == []


def test_the_last_moment_before_it_does(tmp_path: Path) -> None:
    """The comparison can fail: the same rows, each up to the cut itself, are seen."""
    seen = [replace(p, rows=(*until(p).rows, *late_rows(went_on(p)))) for p in people()]
    expected = as_of_the_cut(tmp_path / "a", [until(p) for p in people()], ahead=False)
    got = as_of_the_cut(tmp_path / "b", seen, ahead=False)
    assert [name for name in expected if got[name] == expected[name]] == []


def late_rows(p: Person) -> list[Row]:
    return [replace(row, at=CUT) for row in p.rows if row.basket.startswith("later")]
