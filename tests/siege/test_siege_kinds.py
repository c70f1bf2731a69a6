"""No kind is registered to which the laws over everything that learns are not held."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.kinds import RECOMMENDERS, segmenters

from privet.errors import InvalidInput
from privet.features import Catalogue
from privet.recommend import KINDS, Contributions, History, Hybrid, build
from privet.recommend.base import Forgets
from privet.recommend.ease import EASE, WEIGHTS
from privet.recommend.hybrid import PARTS, VALIDATE
from privet.segments.codec import KINDS as SEGMENTERS


def test_every_registered_kind_is_held_to_the_laws() -> None:
    assert {spec.kind for spec in RECOMMENDERS.values()} == set(KINDS)
    assert {spec.kind for spec in segmenters(["recency"]).values()} == set(SEGMENTERS)


def test_every_way_to_forget_and_every_variant_is_among_them() -> None:
    specs = list(RECOMMENDERS.values())
    assert {spec.forgets for spec in specs} == set(Forgets.__args__)  # type: ignore[attr-defined]
    assert {spec.weights for spec in specs if type(spec) is EASE} == set(WEIGHTS)
    hybrids = [spec for spec in specs if isinstance(spec, Hybrid)]
    assert {spec.weights is None for spec in hybrids} == {True, False}
    for told in ("text", "traits", "content"):
        assert any(getattr(spec, told) for spec in hybrids), told
    assert {spec.validate for spec in hybrids} == set(VALIDATE)
    missing = [set(PARTS) - set(spec.parts) for spec in hybrids]
    assert all({part} in missing for part in PARTS)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_what_is_stored_of_a_variant_makes_it_again(name: str) -> None:
    spec = RECOMMENDERS[name]
    assert build(spec.kind, spec.params()) == spec
    assert dataclasses.is_dataclass(spec)


def test_a_hybrid_whose_weights_leave_out_the_scale_ranks_others_by_the_rest() -> None:
    model = Hybrid(floor=1, least=1, basket=None, weights={"fresh.p28": 1.0})
    shop, bought = Catalogue(tuple("abc")), [[0], [1, 2], [1, 2], [2]]
    people = [History(np.array(b), np.zeros(len(b), np.int64), np.full(len(b), 9)) for b in bought]
    kept = Contributions.of(model.contribution(person, 10) for person in people)
    fitted = model.finish(model.fit(len(shop), kept), shop)
    assert fitted.top(people[0], 3, now_day=10, exclude=np.array([0])).tolist() == [2, 1]
    assert fitted.popular(3).tolist() == [2, 1, 0]


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_no_scale_turns_the_others_round(scale: float) -> None:
    with pytest.raises(InvalidInput, match=r"fresh\.score"):
        Hybrid(weights={"fresh.score": scale})


def test_what_forgetting_costs_is_told_of_every_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import exact_forgetting

    assert {model.kind for model in exact_forgetting.RECOMMENDERS.values()} == set(KINDS)
    assert {way.kind for way in exact_forgetting.WAYS.values()} == set(SEGMENTERS)
    small = ["--people", "40", "--entries", "30", "--weeks", "2", "--removals", "3"]
    monkeypatch.setattr("sys.argv", ["exact_forgetting", *small])
    exact_forgetting.main()
    told = capsys.readouterr().out
    assert all(name in told for name in (*exact_forgetting.RECOMMENDERS, *exact_forgetting.WAYS))
    page = (Path(__file__).parents[2] / "docs/explanation/forgetting.md").read_text("utf-8")
    assert all(f"`{way}`" in page for way in exact_forgetting.WAYS)
    assert all(
        f"`{type(model).__name__}" in page for model in exact_forgetting.RECOMMENDERS.values()
    )
