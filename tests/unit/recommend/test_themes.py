"""Themes: the broad directions of what people have, told of entries that are never had together."""

from __future__ import annotations

import numpy as np
import pytest

from privet.recommend.themes import DAMPED, RANKS, Themes


def gram(people: np.ndarray) -> np.ndarray:
    return people.T.astype(np.float64) @ people


def kinds(people: int, entries: int, kinds: int, seed: int) -> np.ndarray:
    """People of some kinds, each kind with entries of its own, one entry in two missing."""
    random = np.random.default_rng(seed)
    kind = random.integers(kinds, size=people)
    belongs = np.arange(entries) % kinds
    return (kind[:, None] == belongs) & (random.random((people, entries)) < 0.5)


def test_an_entry_is_like_her_that_her_kind_has_though_nobody_has_it_with_hers():
    people = kinds(900, 90, RANKS[0], 1)
    people[people[:, 0], RANKS[0]] = False  # both of the first kind, never had together
    themes = Themes.of(gram(people))
    rough, _ = themes.say(np.array([0]), np.ones(1))
    others = np.arange(90) % RANKS[0] > 0
    assert rough[RANKS[0]] > 0.05
    assert abs(rough[others]).max() < 1e-9  # nobody of another kind has hers


def test_all_directions_give_the_gram_back():
    """With as many directions as entries nothing is left out: the projection is the identity."""
    people = np.random.default_rng(2).random((80, max(RANKS))) < 0.4
    themes = Themes.of(gram(people))
    weight = np.array([1.0, 2.0, 0.5])
    _, fine = themes.say(np.array([3, 7, 20]), weight)
    expected = np.zeros(max(RANKS))
    expected[[3, 7, 20]] = weight
    np.testing.assert_allclose(fine, expected, atol=1e-9)


def test_directions_are_those_of_a_singular_value_decomposition():
    people = np.random.default_rng(3).random((120, 60)) < 0.2
    products = gram(people)
    length = products.diagonal() ** -DAMPED
    _, _, right = np.linalg.svd(people * length, full_matrices=False)
    weight = np.random.default_rng(4).random(5)
    own = np.array([1, 5, 8, 40, 59])
    for rank, said in zip(RANKS, Themes.of(products).say(own, weight), strict=True):
        basis = right[:rank].T
        expected = basis @ (basis[own].T @ (weight * length[own])) / length
        np.testing.assert_allclose(said, expected, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1, 3, min(RANKS), max(RANKS) + 1])
def test_it_works_with_few_entries(size):
    people = np.ones((4, size), np.bool_)
    said = Themes.of(gram(people)).say(np.arange(size)[:1], np.ones(min(size, 1)))
    assert said.shape == (len(RANKS), size)
    assert np.isfinite(said).all()


def test_nobody_s_history_says_nothing():
    themes = Themes.of(gram(kinds(50, 30, 3, 5)))
    assert not themes.say(np.array([], np.int64), np.array([])).any()
