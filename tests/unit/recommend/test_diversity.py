"""Maximal marginal relevance, likeness by words, and what a request leaves to choose from."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.features import Catalogue
from privet.recommend.diversity import POOL, Alike, alike, choose, mmr
from privet.recommend.request import Request, candidates

WORDS = {
    "text": ("black tea", "green tea", "white tea", "steel kettle", "desk lamp"),
    "kind": ("tea", "tea", "tea", "ware", "ware"),
}
SHOP = Catalogue(("t1", "t2", "t3", "k1", "l1"), WORDS)
SCORES = np.array([5.0, 4.9, 4.8, 3.0, 1.0])
EVERY = np.ones(5, np.bool_)


def near(shop: Catalogue = SHOP, by: str = "item") -> Alike:
    return alike(shop, shop.level(by))


def order(diversity: float, k: int = 5) -> list[int]:
    shop = Catalogue(("a1", "a2", "a3", "b1", "c1"), WORDS)  # ids sort as they stand
    return choose(SCORES, EVERY, Request(k=k, diversity=diversity), near(shop)).tolist()


def by_hand(relevance: np.ndarray, likeness: np.ndarray, k: int, d: float) -> list[int]:
    """The definition, one pick at a time."""
    span = relevance.max() - relevance.min()
    own = (relevance - relevance.min()) / span
    chosen: list[int] = []
    while len(chosen) < min(k, len(own)):
        left = [i for i in range(len(own)) if i not in chosen]
        chosen.append(
            max(
                left,
                key=lambda i: (
                    (1 - d) * own[i] - d * max((likeness[i, j] for j in chosen), default=0),
                    -i,
                ),
            )
        )
    return chosen


def test_without_diversity_the_order_is_that_of_the_scores():
    assert order(0) == [0, 1, 2, 3, 4]


def test_diversity_brings_other_kinds_forward_and_keeps_the_best_first():
    assert order(0.5, k=3)[:2] == [0, 3]
    assert order(1.0)[0] == 0
    assert set(order(0.9)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("diversity", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_each_pick_is_the_one_of_the_definition(diversity):
    rng = np.random.default_rng(3)
    relevance = np.sort(rng.random(30))[::-1]
    rows = rng.random((30, 6))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    likeness = rows @ rows.T
    assert mmr(relevance, likeness, 10, diversity).tolist() == by_hand(
        relevance, likeness, 10, diversity
    )


def test_equal_scores_and_an_empty_pool_are_no_obstacle():
    assert mmr(np.zeros(0), np.zeros((0, 0)), 3, 0.5).tolist() == []
    assert mmr(np.ones(3), np.eye(3), 3, 0.5).tolist() == [0, 1, 2]


def test_more_diversity_makes_a_list_less_alike():
    rng = np.random.default_rng(0)
    relevance, rows = np.sort(rng.random(60))[::-1], rng.random((60, 4))
    likeness = rows @ rows.T / np.outer(*[np.linalg.norm(rows, axis=1)] * 2)

    def alikeness(d: float) -> float:
        chosen = mmr(relevance, likeness, 10, d)
        return float(likeness[np.ix_(chosen, chosen)].sum())

    assert alikeness(0) > alikeness(0.5) > alikeness(0.9)


def test_only_the_best_of_the_allowed_are_looked_at():
    names = tuple(f"n{i:04}" for i in range(300))
    shop = Catalogue(names, {"text": tuple(f"word{i}" for i in range(300))})
    scores, allowed = np.arange(300.0), np.ones(300, np.bool_)
    allowed[-1] = False
    chosen = choose(scores, allowed, Request(k=10, diversity=1), near(shop))
    assert chosen[0] == 298
    assert chosen.min() >= 299 - POOL


def test_no_evidence_is_never_chosen():
    scores = np.array([1.0, -np.inf, 0.5, -np.inf, -np.inf])
    assert sorted(choose(scores, EVERY, Request(diversity=1), near())) == [0, 2]


def test_likeness_is_the_cosine_of_words_and_nothing_else():
    cosines = near().among(np.arange(5))
    np.testing.assert_allclose(np.diag(cosines), 1)
    level = SHOP.level("item")
    tea, kettle = level.names.index("t1"), level.names.index("k1")
    assert cosines[tea, level.names.index("t2")] > cosines[tea, kettle] == 0
    assert near().to(tea)[tea] == 0


def test_entries_of_an_attribute_are_compared_by_all_words_of_their_items():
    level = SHOP.level("kind")
    assert near(by="kind").among(np.arange(len(level))).shape == (2, 2)


def test_a_catalogue_without_words_cannot_be_compared():
    for shop in (Catalogue(("a", "b")), Catalogue(("a",), {"text": ("-",)})):
        with pytest.raises(InvalidInput) as refused:
            alike(shop, shop.level())
        assert refused.value.reason == "recommend.text"


AGED = Catalogue(
    ("ale", "milk", "pill", "rye", "tea"),
    {"kind": ("bar", "food", "care", "bar", "food")},
    np.array([False, False, True, False, False]),
    np.array([18, 0, 0, 21, 0]),
)
CODES = {item: code for code, item in enumerate(AGED.ids)}


def left(by: str = "item", **asked: object) -> list[str]:
    level = AGED.level(by)
    mask = candidates(level, CODES, Request(**asked))  # type: ignore[arg-type]
    return [level.names[i] for i in np.flatnonzero(mask)]


def test_what_has_a_minimum_age_is_for_those_who_are_known_to_have_it():
    assert left() == ["milk", "tea"]
    assert left(age=17) == ["milk", "tea"]
    assert left(age=18) == ["ale", "milk", "tea"]
    assert left(age=21) == ["ale", "milk", "rye", "tea"]
    assert left("kind", age=20) == ["food"]  # a bar has what asks for 21


def test_hidden_entries_stay_out_whatever_is_asked():
    assert left(age=99, among=("pill", "tea"), stock=["pill", "tea"]) == ["tea"]
    assert left("kind", among=("care",)) == []


def test_an_entry_is_in_stock_while_one_of_its_items_is():
    assert left(stock=["tea", "unheard of"]) == ["tea"]
    assert left("kind", stock=["tea"]) == ["food"]
    assert left("kind", stock=["ale"], age=30) == ["bar"]
    assert left(stock=[]) == []
    assert left(stock=None) == ["milk", "tea"]


def test_what_is_excluded_is_out_also_where_it_is_among():
    assert left(exclude=("tea",)) == ["milk"]
    assert left(exclude=("tea", "unheard of"), among=("milk", "tea")) == ["milk"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"k": 0}, "k.range"),
        ({"k": True}, "k.range"),
        ({"age": -1}, "age.range"),
        ({"age": 18.0}, "age.range"),
        ({"age": True}, "age.range"),
        ({"age": 151}, "age.range"),
        ({"diversity": 1.01}, "diversity.range"),
        ({"diversity": -0.1}, "diversity.range"),
        ({"diversity": float("nan")}, "diversity.range"),
        ({"diversity": "0.5"}, "diversity.range"),
        ({"diversity": True}, "diversity.range"),
        ({"among": (1,)}, "among.type"),
        ({"exclude": (None,)}, "exclude.type"),
        ({"stock": [b"tea"]}, "stock.type"),
    ],
)
def test_what_no_list_can_satisfy_is_refused(asked, reason):
    with pytest.raises(InvalidInput) as refused:
        Request(**asked).check()
    assert refused.value.reason == reason
