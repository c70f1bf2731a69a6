"""The catalogue as levels: sorted entries, unknown and hidden ones."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.features import Catalogue


def test_a_level_lists_known_values_sorted(shop):
    level = shop.level("department")
    assert level.names == ("food", "health", "home")
    assert level.of_item.tolist() == [0, 0, 2, 1, -1]


@pytest.mark.parametrize("attribute", [None, "item"])
def test_each_item_is_an_entry_of_the_item_level(shop, attribute):
    level = shop.level(attribute)
    assert level.names == ("milk", "odd", "pills", "soap", "tea")
    assert [level.names[i] for i in level.of_item] == list(shop.ids)


def test_an_entry_is_hidden_when_one_of_its_items_is():
    shop = Catalogue(("a", "b", "c"), {"t": ("x", "x", "y")}, np.array([False, True, False]))
    assert shop.level("t").hidden.tolist() == [True, False]
    assert shop.level("t").candidates.tolist() == [False, True]


def test_hidden_and_unknown_codes_have_no_visible_entry(shop):
    codes = np.array([0, 3, 4, -1, np.iinfo(np.int64).min])
    level = shop.level("department")
    assert level.known(codes).tolist() == [0, 1, -1, -1, -1]
    assert level.visible(codes).tolist() == [0, -1, -1, -1, -1]


def test_a_model_keeps_its_indices_while_the_catalogue_grows(shop):
    names = shop.level("department").names
    grown = Catalogue(("milk", "new", "hat"), {"department": ("food", "attic", "home")})
    level = grown.level("department", names)
    assert level.names == names
    assert level.of_item.tolist() == [0, -1, 2]
    assert level.candidates.tolist() == [True, False, True]  # nothing of "health" is sold now


def test_a_code_newer_than_the_catalogue_is_refused(shop):
    with pytest.raises(InvalidInput) as caught:
        shop.level("type").known(np.array([5]))
    assert caught.value.reason == "catalogue.outdated"


def test_an_unknown_attribute_is_refused_by_name(shop):
    with pytest.raises(InvalidInput, match="has no attribute 'brand'") as caught:
        shop.level("brand")
    assert caught.value.reason == "catalogue.attribute"


@pytest.mark.parametrize(
    ("attributes", "hidden"),
    [
        ({"type": ("x",)}, np.zeros(2, bool)),
        ({}, np.zeros(3, bool)),
        ({}, np.zeros(2, np.int64)),
    ],
)
def test_columns_that_do_not_fit_the_items_are_refused(attributes, hidden):
    with pytest.raises(InvalidInput) as caught:
        Catalogue(("a", "b"), attributes, hidden)
    assert caught.value.reason == "catalogue.shape"


def test_an_empty_catalogue_has_empty_levels():
    level = Catalogue(()).level()
    assert len(level) == 0
    assert level.known(np.array([-1])).tolist() == [-1]


def test_an_entry_has_the_greatest_least_age_of_its_items():
    ages = np.array([0, 21, 18, 0])
    shop = Catalogue(tuple("abcd"), {"t": ("x", "y", "y", "")}, min_age=ages)
    assert shop.level("t").min_age.tolist() == [0, 21]
    assert shop.level("item").min_age.tolist() == ages.tolist()
    assert Catalogue(tuple("ab")).level("item").min_age.tolist() == [0, 0]


def test_an_entry_with_a_minimum_age_is_shown_to_whoever_reached_it():
    shop = Catalogue(tuple("abc"), min_age=np.array([0, 18, 21]))
    level = shop.level()
    for age, seen in ((None, [0, -1, -1]), (17, [0, -1, -1]), (18, [0, 1, -1]), (40, [0, 1, 2])):
        assert level.of_age(age).visible(np.arange(3)).tolist() == seen
        assert np.flatnonzero(level.of_age(age).candidates).tolist() == [i for i in seen if i >= 0]
    assert level.of_age(19) is level.of_age(18)
    assert level.of_age(3) is level
    assert level.known(np.arange(3)).tolist() == [0, 1, 2]
