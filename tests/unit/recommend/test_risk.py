"""The attack finds a model that gives its people away, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from privet.features import Catalogue
from privet.recommend import EASE, ContentTFIDF, Contributions, History, ItemItem, Popularity
from privet.recommend.risk import memberships

ENTRIES = 60
SHOP = Catalogue(tuple(f"i{n:02}" for n in range(ENTRIES)), {"text": ("tea",) * ENTRIES})


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(8)
    histories = []
    for _ in range(300):
        own = np.sort(rng.choice(ENTRIES, 6, replace=False))
        histories.append(History(own, np.zeros(6, np.int64), np.ones(6, np.int64)))
    return histories, Contributions.of(h.entries().astype(np.int32) for h in histories)


def attack(model, people):
    (found,) = memberships([model], *people, SHOP, SHOP.level(), 2, rounds=4)
    return {r.attack: r for r in found}


def test_pairs_of_few_people_give_members_away(people):
    """Random baskets share nothing but by chance: a pair in the model is a person's own."""
    found = attack(ItemItem(floor=1), people)
    assert found["scores"].auc > 0.85
    assert found["scores"].low > 0.5
    assert found["scores"].caught > 0.05


def test_a_floor_makes_it_guessing(people):
    found = attack(ItemItem(floor=40), people)
    for risk in found.values():
        assert 0.4 < risk.auc < 0.6


def test_what_all_share_gives_nobody_away(people):
    for risk in attack(Popularity(least=20), people).values():
        assert 0.4 < risk.auc < 0.6
        assert risk.low <= risk.auc <= risk.high


def test_what_learns_from_nobody_and_too_few_people_are_not_attacked(people):
    assert attack(ContentTFIDF(text=("text",)), people) == {}
    histories, contributions = people
    few = (histories[:30], Contributions.of(contributions[i] for i in range(30)))
    assert attack(ItemItem(), few) == {}


def test_the_same_people_give_the_same_figures(people):
    assert attack(ItemItem(), people) == attack(ItemItem(), people)


def test_settings_attacked_together_are_as_attacked_alone(people):
    level = SHOP.level()
    settings = [EASE(least=1, floor=f, regularization=s) for f in (1, 4) for s in (10, 1000)]
    together = memberships(settings, *people, SHOP, level, 2)
    assert together == [memberships([one], *people, SHOP, level, 2)[0] for one in settings]
    assert len(set(together)) == len(settings)


def test_some_may_be_asked_about_where_models_learn_from_all(people):
    (few,) = memberships(
        [ItemItem(floor=1)], *people, SHOP, SHOP.level(), 2, asked=np.arange(0, 300, 3)
    )
    assert {risk.people for risk in few} == {100}
    assert few[0].auc > 0.85
    (none,) = memberships([ItemItem()], *people, SHOP, SHOP.level(), 2, asked=np.arange(39))
    assert none == ()
