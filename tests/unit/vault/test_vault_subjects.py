"""From ids to ordinals: exact, one person each, and the erased stay out."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import numpy as np
import pytest

from privet.clock import micros
from privet.errors import Erased, InvalidInput


def test_an_id_leads_to_one_subject_in_every_process(shop, another) -> None:
    snos, new = shop.subjects.enrol(["ada", "ben", "ada"])
    assert snos == [1, 2, 1]
    assert new == [1, 2]
    other = another()
    assert other.subjects.find(["ben", "eve", "ada"]) == [2, None, 1]
    assert other.subjects.enrol(["eve", "ada"]) == ([3, 1], [3])
    assert shop.subjects.high_water() == 3


def test_ids_are_typed_and_never_folded(shop) -> None:
    ids = [1, "1", "Ada", "ada", "user1", "АDA", -1, np.int64(7), 7]
    snos, _ = shop.subjects.enrol(ids)
    assert len(set(snos)) == len(ids) - 1
    assert snos[-1] == snos[-2]


@pytest.mark.parametrize(
    "bad",
    [
        True,
        np.True_,
        1.0,
        None,
        b"ada",
        "",
        "x" * 257,
        unicodedata.normalize("NFD", "é"),
        "a\u200bb",
        "a\nb",
        2**63,
        -(2**63) - 1,
    ],
)
def test_what_is_not_an_exact_id_is_refused(shop, bad) -> None:
    for act in (shop.subjects.find, shop.subjects.enrol):
        with pytest.raises(InvalidInput):
            act(["ada", bad])
    assert shop.subjects.high_water() == 0


def test_an_alias_leads_to_the_same_subject(shop) -> None:
    (ada, ben), _ = shop.subjects.enrol(["ada", "ben"])
    shop.subjects.alias("cookie-1", ada)
    shop.subjects.alias("cookie-1", ada)
    assert shop.subjects.find(["cookie-1"]) == [ada]
    with pytest.raises(InvalidInput) as caught:
        shop.subjects.alias("cookie-1", ben)
    assert caught.value.reason == "subject.taken"


def test_the_erased_stay_out_under_every_id_until_they_come_back(shop, clock) -> None:
    (ada,), _ = shop.subjects.enrol(["ada"])
    shop.subjects.alias("cookie-1", ada)
    until = micros(clock.now() + timedelta(days=30))
    assert shop.subjects.suppress(ada, until, "r-1") == 2
    shop.subjects.drop_refs(ada, held=False)
    assert shop.subjects.find(["ada", "cookie-1"]) == [None, None]
    assert shop.subjects.enrol(["ada", "cookie-1", "ben"]) == ([None, None, 2], [2])
    assert shop.subjects.suppressed(["ada", "ben"]) == [True, False]
    with pytest.raises(Erased):
        shop.subjects.alias("ada", 2)
    assert shop.subjects.lift("ada")
    assert not shop.subjects.lift("ada")
    assert shop.subjects.enrol(["ada"]) == ([3], [3])
    clock.advance(timedelta(days=31))
    assert shop.subjects.enrol(["cookie-1"]) == ([4], [4])


def test_a_held_link_is_marked_and_kept(shop) -> None:
    (ada,), _ = shop.subjects.enrol(["ada"])
    shop.subjects.drop_refs(ada, held=True)
    assert shop.subjects.find(["ada"]) == [ada]
    with shop.home.keys.read() as tx:
        assert tx.all("SELECT held FROM subject_ref") == [(1,)]


def test_many_ids_at_once(shop) -> None:
    ids = [f"household-{i}" for i in range(2500)]
    snos, new = shop.subjects.enrol(ids)
    assert snos == new == list(range(1, 2501))
    assert shop.subjects.find(ids[::-1]) == snos[::-1]


def test_no_id_is_stored(shop) -> None:
    shop.subjects.enrol(["canary-4711"])
    with shop.home.keys.read() as tx:
        assert b"canary" not in b"".join(bytes(r[0]) for r in tx.all("SELECT tag FROM subject_ref"))
