"""Reasons in words."""

from __future__ import annotations

import pytest

from privet.recommend import Reason, because


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("habit", "purchase", "TEA", 3, 8), "you bought TEA in 3 of your last 8 baskets"),
        (Reason("habit", "view", "TEA", 3, 8), "you looked at TEA in 3 of your last 8 visits"),
        (Reason("habit", "purchase", "TEA", 1, 1), "you bought TEA last time"),
        (Reason("like", "view", "kettle-1"), "because you looked at kettle-1"),
        (Reason("like", "loan", "Emma"), "because you had a loan of Emma"),
        (Reason("again", "click", "Emma"), "you clicked on Emma before"),
        (
            Reason("together", "purchase", "TEA"),
            "often found together with TEA, which you bought",
        ),
        (Reason("popular", "purchase", count=20), "popular with at least 20 customers"),
    ],
)
def test_a_reason_reads_as_a_clause(reason, words):
    assert because(reason) == words


def test_a_reason_shows_no_entry_in_a_log():
    assert "TEA" not in repr(Reason("habit", "purchase", "TEA", 3, 8))


def test_only_popularity_rests_on_nothing_of_the_person():
    assert not Reason("popular", "purchase").personal
    assert Reason("like", "purchase", "TEA").personal
