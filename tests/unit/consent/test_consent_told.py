"""What a material version of a notice ends, for one person and for everybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from privet.consent import Change, Ledger, Told
from privet.consent.told import floors, live, shortened
from privet.db import Home
from privet.errors import IntegrityError

OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
FIRST = Told(1, OLD, "shop", "1", "en", ("recs",), "0" * 64, 100, None)
SECOND = Told(5, NEW, "shop", "2", "en", ("news", "recs"), "1" * 64, 200, 230)


def test_the_newest_version_of_a_name_is_live_in_all_its_languages() -> None:
    german = replace(SECOND, seq=6, hash=OTHER, language="de", at=210)
    told = [FIRST, SECOND, german]
    assert live(told, "recs", 150) == [FIRST]
    assert live(told, "recs", 205) == [SECOND]
    assert live(told, "recs", 210) == [SECOND, german]
    assert live(told, "news", 150) == []
    assert live(told, "recs", 99) == []


def test_a_version_that_drops_a_purpose_leaves_it_untold() -> None:
    dropped = replace(SECOND, purposes=("news",))
    assert live([FIRST, dropped], "recs", 300) == []


def test_a_notice_of_another_name_does_not_replace() -> None:
    other = replace(SECOND, name="app")
    assert live([FIRST, other], "recs", 300) == [FIRST, other]


def test_a_translation_moves_no_floor() -> None:
    late = replace(SECOND, seq=9, hash=OTHER, language="de", at=400)
    assert floors([FIRST, SECOND, late]) == floors([FIRST, SECOND])


@pytest.mark.parametrize(
    ("seq", "at", "notice", "expires"),
    [
        (3, 150, OLD, 230),  # given before
        (7, 150, OLD, 230),  # on paper before, recorded after
        (7, 205, OLD, 230),  # passed the door in the same instant
        (7, 205, NEW, None),
    ],
)
def test_what_a_material_version_ends(seq: int, at: int, notice: str, expires: int | None) -> None:
    under = floors([FIRST, SECOND])["recs"]
    yes = Change(1, "recs", "yes", at, notice=notice)
    assert shortened([(seq, yes)], under) == [(seq, replace(yes, expires=expires))]


def test_it_never_lengthens_and_never_touches_a_refusal() -> None:
    under = floors([FIRST, SECOND])["recs"]
    past = [
        (2, Change(1, "recs", "yes", 110, expires=180)),
        (3, Change(1, "recs", "no", 120)),
    ]
    assert shortened(past, under) == past


def test_everybody_lapses_and_who_answers_again_does_not(home: Home) -> None:
    ledger = Ledger(home.data, b"k" * 32, {"recs": "consent", "news": "consent"})
    with home.data.write() as tx:
        ledger.tell(tx, FIRST)
        for seq, sno in ((2, 7), (3, 70_000)):
            ledger.apply(tx, [(seq, Change(sno, "*", "known", 100))])
            ledger.apply(tx, [(seq + 10, Change(sno, "recs", "yes", 110, notice=OLD))])
        ledger.tell(tx, replace(SECOND, seq=20))
        ledger.apply(tx, [(21, Change(7, "recs", "yes", 220, notice=NEW))])
    with home.data.read() as tx:
        assert set(ledger.eligible(tx, ["recs"], 229)) == {7, 70_000}
        assert set(ledger.eligible(tx, ["recs"], 230)) == {7}
        assert ledger.why_not(tx, ["recs"], 70_000, 230) == "ground.lapsed"
        assert ledger.standing(tx, 70_000, "recs", 229).expires == 230
        assert [c.expires for _, c in ledger.entries(tx, 70_000)] == [None, None]


def test_a_material_notice_on_purposes_that_are_gone_ends_nothing(home: Home) -> None:
    ledger = Ledger(home.data, b"k" * 32, {"recs": "consent"})
    with home.data.write() as tx:
        ledger.apply(tx, [(2, Change(7, "*", "known", 100))])
        ledger.apply(tx, [(3, Change(7, "recs", "yes", 110))])
        ledger.tell(tx, replace(SECOND, seq=4, purposes=("gone",)))
        assert set(ledger.eligible(tx, ["recs"], 300)) == {7}


def test_a_notice_that_was_changed_in_the_store_is_not_believed(home: Home) -> None:
    ledger = Ledger(home.data, b"k" * 32, {"recs": "consent"})
    with home.data.write() as tx:
        ledger.tell(tx, SECOND)
        tx.run("UPDATE notice SET lapses = NULL")
    with home.data.read() as tx, pytest.raises(IntegrityError) as caught:
        ledger.notices(tx)
    assert caught.value.reason == "ground.mac"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"hash": "short"},
        {"purposes": ["two words"]},
        {"purposes": 7},
        {"at": "now"},
        {"lapses": 1.5},
        {"name": "a b"},
    ],
)
def test_a_leaf_in_another_form_is_refused(broken: dict[str, object]) -> None:
    leaf = {**SECOND.to_leaf(), **broken} if broken else {}
    with pytest.raises(IntegrityError):
        Told.from_leaf(5, leaf)


def test_a_notice_survives_its_leaf() -> None:
    for told in (FIRST, SECOND):
        assert Told.from_leaf(told.seq, told.to_leaf()) == told
