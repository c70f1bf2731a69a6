"""Curves of quality: by who agrees and by what is kept, and the pictures of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from privet.clock import DAY_US
from privet.features import Catalogue
from privet.recommend import Popularity
from privet.recommend.curves import Point, by_consent, by_history, only, smallest_window
from privet.recommend.evaluating import Held
from privet.recommend.pictures import draw_curve, draw_frontier
from privet.recommend.risk import Risk
from privet.recommend.split import entries_of, join
from privet.recommend.studies import COLUMNS, Tradeoff
from privet.types import Events

PEOPLE, ITEMS, CUT = 40, 12, 100
MODEL = Popularity(event="view", least=1)
CATALOGUE = Catalogue(tuple(f"item {n:02d}" for n in range(ITEMS)))
LEVEL = CATALOGUE.level("item")


def table(seed, days):
    """Each person's ten rows, oldest first, within these days."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(*days, (PEOPLE, 10)), axis=1).ravel()
    item = np.minimum(rng.geometric(0.3, PEOPLE * 10) - 1, ITEMS - 1)
    starts = np.arange(PEOPLE + 1) * 10
    return Events(np.arange(PEOPLE), starts, at * DAY_US, {"item": item})


@pytest.fixture(scope="module")
def held():
    before, after = table(1, (0, CUT)), table(2, (CUT + 1, CUT + 28))
    was, came = (join([entries_of(e, LEVEL, item="item")], ITEMS) for e in (before, after))
    return Held([MODEL.histories({"view": before}, LEVEL)], was, came, CUT)


def ask(curve, held, **how):
    return curve(MODEL, held, CATALOGUE, LEVEL, k=5, **{"least": 1, **how})


def test_all_points_by_consent_are_of_the_same_people(held):
    points = ask(by_consent, held, shares=(1.0, 0.25, 0.5))
    assert [p.at for p in points if p.task == "repeat"] == [0.25, 0.5, 1.0]
    assert {p.people for p in points if p.task == "repeat"} == {10}
    assert points == ask(by_consent, held, shares=(0.25, 0.5, 1.0))


def test_shares_of_too_few_people_are_left_out(held):
    points = ask(by_consent, held, shares=(0.1, 0.5), least=5)
    assert {p.at for p in points} == {0.5}
    assert ask(by_consent, held, shares=(0.1,), least=5) == []


def test_some_people_alone_are_as_they_were_among_all(held):
    chosen = np.array([3, 7, 30])
    some = only(held, chosen)
    everybody = held.histories()
    for mine, i in zip(some.histories(), chosen, strict=True):
        assert mine.index.tolist() == everybody[i].index.tolist()
        assert mine.day.tolist() == everybody[i].day.tolist()
        assert len(np.unique(mine.visit)) == len(np.unique(everybody[i].visit))
    assert some.visits().tolist() == held.visits()[chosen].tolist()


def test_a_window_longer_than_all_history_loses_nothing(held):
    whole, longer = (ask(by_history, held, days=(days,)) for days in (CUT + 1, 10 * CUT))
    assert [replace(p, at=0) for p in whole] == [replace(p, at=0) for p in longer]


def test_a_window_hides_what_is_older_from_the_model(held):
    points = ask(by_history, held, days=(1, 50, CUT + 1))
    assert [p.at for p in points if p.task == "new"] == [1, 50, CUT + 1]
    # What counts as new is decided by all that was had, whatever window is kept.
    assert len({p.people for p in points if p.task == "new"}) == 1


def point(at, ndcg, worst=None, task="repeat"):
    return Point(at, task, 100, ndcg, ndcg - 0.1, ndcg + 0.1, worst)


def test_the_smallest_window_is_within_the_loss_everywhere():
    points = [point(28, 0.45), point(56, 0.496), point(91, 0.499), point(365, 0.5)]
    assert smallest_window(points, loss=0.01) == 56
    assert smallest_window(points, loss=0.1) == 28
    worst = [replace(p, worst_decile=w) for p, w in zip(points, (0, 0.05, 0.1, 0.1), strict=True)]
    assert smallest_window(worst, loss=0.01) == 91, "the worst tenth loses half of theirs"
    new = [replace(p, task="new", ndcg=0.1 if p.at == 365 else 0.05) for p in points]
    assert smallest_window([*points, *new], loss=0.01) == 365
    assert smallest_window([]) is None


@pytest.mark.parametrize("form", ["svg", "png"])
def test_pictures_are_the_same_bytes_each_time(form):
    frame = pd.DataFrame([asdict(point(28, 0.4)), asdict(point(56, 0.5, 0.1))], columns=COLUMNS)
    risks = (Risk("lists", 0.7, 0.6, 0.8, 0.1, 50), Risk("scores", 0.8, 0.7, 0.9, 0.2, 50))
    trade = [Tradeoff(f, {"new": 0.1, "repeat": 0.5 - f / 100}, risks) for f in (5, 10)]
    for draw in (lambda: draw_curve(frame, "days kept", form), lambda: draw_frontier(trade, form)):
        first = draw()
        assert first == draw()
        assert first.startswith(b"<?xml" if form == "svg" else b"\x89PNG")


def test_a_picture_says_in_text_what_it_shows():
    frame = pd.DataFrame([asdict(point(28, 0.4)), asdict(point(56, 0.5))], columns=COLUMNS)
    root = ET.fromstring(draw_curve(frame, "days of history kept"))
    text = " ".join("".join(element.itertext()) for element in root.iter())
    assert "days of history kept" in text
    assert "repeat" in text
    assert draw_curve(frame.iloc[:0], "nothing")
