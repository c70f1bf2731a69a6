"""The ledger on both databases: projection, standing, fences, epochs, positions."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from pyroaring import BitMap

from privet.consent import Change, Ledger
from privet.db import Home
from privet.errors import (
    AccessDenied,
    IntegrityError,
    InvalidInput,
    StaleAnswer,
    StoreUnavailable,
)

BASES = {
    "recommendations": "consent",
    "newsletter": "consent",
    "orders": "contract",
    "analytics": "legitimate-interest",
    "tax": "legal-obligation",
}
RECS = "recommendations"
ADA, BEN, CYD = 5, 6, 70_000
NOW = 1_000


@pytest.fixture
def ledger(home: Home) -> Ledger:
    made = Ledger(home.data, b"m" * 32, BASES)
    with home.data.write() as tx:
        made.apply(tx, [(i, Change(s, "*", "known", 1)) for i, s in enumerate((ADA, BEN, CYD))])
    return made


def put(home: Home, ledger: Ledger, seq: int, change: Change) -> None:
    with home.data.write() as tx:
        ledger.apply(tx, [(seq, change)])


def why(home: Home, ledger: Ledger, *purposes: str, sno: int = ADA, now: int = NOW) -> str | None:
    with home.data.read() as tx:
        return ledger.why_not(tx, purposes, sno, now)


def everybody(home: Home, ledger: Ledger, *purposes: str, now: int = NOW) -> list[int]:
    with home.data.read() as tx:
        return list(ledger.eligible(tx, purposes, now))


def test_a_presumed_ground_holds_for_everybody_known(home: Home, ledger: Ledger) -> None:
    assert everybody(home, ledger, "analytics", "tax") == [ADA, BEN, CYD]
    assert why(home, ledger, "analytics", sno=99) == "ground.missing"


def test_all_purposes_must_hold(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2))
    put(home, ledger, 11, Change(BEN, RECS, "yes", 2))
    put(home, ledger, 12, Change(BEN, "orders", "begun", 2))
    assert everybody(home, ledger, RECS, "orders", "analytics") == [BEN]
    assert why(home, ledger, RECS, "orders") == "ground.missing"


def test_expiry_needs_no_entry(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(CYD, RECS, "yes", 2, expires=NOW))
    for fold in (False, True):
        if fold:
            with home.data.write() as tx:
                assert ledger.fold(tx) == 4
        assert everybody(home, ledger, RECS, now=NOW - 1) == [CYD]
        assert everybody(home, ledger, RECS, now=NOW) == []
    assert why(home, ledger, RECS, sno=CYD) == "ground.lapsed"


def test_restriction_stops_every_purpose_until_lifted(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2))
    put(home, ledger, 11, Change(ADA, "*", "restricted", 3))
    assert why(home, ledger, RECS) == "ground.restricted"
    assert everybody(home, ledger, RECS) == []
    assert everybody(home, ledger, "tax") == [BEN, CYD]
    put(home, ledger, 12, Change(ADA, "*", "lifted", 4))
    assert everybody(home, ledger, RECS) == [ADA]


def test_a_fence_stops_everything_and_is_put_up_once(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2))
    with home.data.write() as tx:
        before = ledger.epoch(tx, RECS)
        ledger.fence(tx, ADA, "R1", 11)
        ledger.fence(tx, ADA, "R1", 11)
        assert ledger.epoch(tx, RECS) == before + 1
        assert ledger.position(tx) == 11
    assert why(home, ledger, RECS) == "subject.fenced"
    assert everybody(home, ledger, "analytics") == [BEN, CYD]


def test_standing_tells_state_notice_and_position(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2, notice="2026-11", expires=NOW + 1))
    with home.data.read() as tx:
        standing = ledger.standing(tx, ADA, RECS, NOW)
        lapsed = ledger.standing(tx, ADA, RECS, NOW + 1)
        presumed = ledger.standing(tx, ADA, "analytics", NOW)
        none = ledger.standing(tx, ADA, "newsletter", NOW)
    assert (standing.active, standing.status, standing.since) == (True, "active", 2)
    assert (standing.seq, standing.notice, standing.expires) == (10, "2026-11", NOW + 1)
    assert (lapsed.active, lapsed.status, lapsed.notice) == (False, "lapsed", "2026-11")
    assert (presumed.active, presumed.status, presumed.since) == (True, "active", 1)
    assert (none.active, none.status, none.seq, none.since) == (False, "none", -1, None)


def test_standing_tells_objection_and_restriction(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, "analytics", "objected", 2))
    put(home, ledger, 11, Change(ADA, "*", "restricted", 2))
    with home.data.read() as tx:
        standing = ledger.standing(tx, ADA, "analytics", NOW)
        other = ledger.standing(tx, ADA, "tax", NOW)
    assert (standing.active, standing.objected, standing.restricted) == (False, True, True)
    assert (other.active, other.status, other.objected) == (False, "active", False)


def test_among_narrows_the_answer(home: Home, ledger: Ledger) -> None:
    with home.data.read() as tx:
        assert ledger.eligible(tx, ["tax"], NOW, BitMap([BEN, 9])) == BitMap([BEN])
        assert ledger.eligible(tx, ["tax"], NOW, BitMap()) == BitMap()


def test_applying_again_changes_nothing(home: Home, ledger: Ledger) -> None:
    leaves = [(10, Change(ADA, RECS, "yes", 2)), (11, Change(ADA, RECS, "withdrawn", 3))]
    with home.data.write() as tx:
        ledger.apply(tx, leaves)
        before = contents(tx)
        ledger.apply(tx, leaves)
        ledger.apply(tx, leaves[:1])
        assert contents(tx) == before


def contents(tx: object) -> list[object]:
    tables = (
        "ledger",
        "ground",
        "ground_delta",
        "ground_set",
        "ground_end",
        "ground_epoch",
        "meta",
    )
    return [sorted(tx.all(f"SELECT * FROM {t}"), key=repr) for t in tables]  # type: ignore[attr-defined]


def test_a_leaf_that_arrives_late_lands_in_its_place(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 12, Change(ADA, RECS, "yes", 5, seen=9))
    with home.data.write() as tx:
        ledger.fold(tx)
    put(home, ledger, 11, Change(ADA, RECS, "withdrawn", 4))
    assert why(home, ledger, RECS) == "ground.withdrawn"
    assert everybody(home, ledger, RECS) == []
    with home.data.read() as tx:
        assert ledger.position(tx) == 12


def test_another_entry_at_a_position_is_refused(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "no", 2))
    with pytest.raises(IntegrityError) as refused:
        put(home, ledger, 10, Change(ADA, RECS, "yes", 2))
    assert refused.value.reason == "ground.history"
    with pytest.raises(IntegrityError), home.data.write() as tx:
        ledger.apply(tx, [(11, Change(ADA, RECS, "yes", 2)), (11, Change(BEN, RECS, "yes", 2))])


def test_entries_are_all_that_was_said(home: Home, ledger: Ledger) -> None:
    said = Change(ADA, RECS, "yes", 2, "n1", "DE", "e1", 0, NOW, "aa")
    put(home, ledger, 10, said)
    with home.data.read() as tx:
        assert ledger.entries(tx, ADA) == [(0, Change(ADA, "*", "known", 1)), (10, said)]


def test_check_drops_repeats_per_purpose(home: Home, ledger: Ledger) -> None:
    answer = Change(ADA, RECS, "yes", 2, event_id="e1")
    put(home, ledger, 10, answer)
    with home.data.read() as tx:
        assert ledger.check(tx, answer) is None
        assert ledger.check(tx, Change(ADA, "*", "known", 9)) is None
        same_click = replace(answer, purpose="newsletter")
        assert ledger.check(tx, same_click) == same_click


def test_check_refuses_what_cannot_be(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "withdrawn", 5))
    with home.data.read() as tx:
        with pytest.raises(StaleAnswer):
            ledger.check(tx, Change(ADA, RECS, "yes", 9, seen=9))
        with pytest.raises(AccessDenied) as unknown:
            ledger.check(tx, Change(ADA, "nothing", "yes", 9))
        with pytest.raises(InvalidInput) as ahead:
            ledger.check(tx, Change(ADA, RECS, "yes", 9, seen=11))
    assert unknown.value.reason == "purpose.unknown"
    assert ahead.value.reason == "ground.seen"


@pytest.mark.parametrize("purposes", [[], ["*"]])
def test_no_purpose_is_no_question(home: Home, ledger: Ledger, purposes: list[str]) -> None:
    with home.data.read() as tx:
        with pytest.raises(InvalidInput):
            ledger.why_not(tx, purposes, ADA, NOW)
        with pytest.raises(InvalidInput):
            ledger.eligible(tx, purposes, NOW)


def test_an_unknown_basis_is_refused(home: Home) -> None:
    with pytest.raises(InvalidInput):
        Ledger(home.data, b"m" * 32, {"x": "because"})
    with pytest.raises(InvalidInput):
        Ledger(home.data, b"m" * 32, {"x": "subject"})


def test_another_policy_is_refused_until_the_grounds_are_rebuilt(
    home: Home, ledger: Ledger
) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "withdrawn", 5))
    changed = Ledger(home.data, b"m" * 32, {**BASES, RECS: "legitimate-interest"})
    for ask in (why, everybody):
        with pytest.raises(StoreUnavailable) as refused:
            ask(home, changed, RECS)
        assert refused.value.reason == "ground.bases"
    with pytest.raises(StoreUnavailable):
        put(home, changed, 11, Change(ADA, "tax", "objected", 5))
    with home.data.write() as tx:
        changed.rebuild(tx)
    assert everybody(home, changed, RECS) == [BEN, CYD]
    with pytest.raises(StoreUnavailable):
        why(home, ledger, RECS)


def test_a_purpose_that_comes_back_brings_its_refusals_back(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, "analytics", "objected", 5))
    without = Ledger(home.data, b"m" * 32, {k: v for k, v in BASES.items() if k != "analytics"})
    for one in (without, ledger):
        with home.data.write() as tx:
            one.rebuild(tx)
    assert everybody(home, ledger, "analytics") == [BEN, CYD]
    assert why(home, ledger, "analytics") == "ground.objected"


def test_epochs_count_each_change_of_a_purpose(home: Home, ledger: Ledger) -> None:
    with home.data.write() as tx:
        before = {p: ledger.epoch(tx, p) for p in (RECS, "tax")}
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2))
    with home.data.read() as tx:
        assert ledger.epoch(tx, RECS) == before[RECS] + 1
        assert ledger.epoch(tx, "tax") == before["tax"]
    put(home, ledger, 11, Change(99, "*", "known", 2))
    with home.data.read() as tx:
        assert ledger.epoch(tx, "tax") == before["tax"]
    put(home, ledger, 12, Change(ADA, "*", "restricted", 2))
    with home.data.read() as tx:
        assert ledger.epoch(tx, "tax") == before["tax"] + 1
        assert ledger.epoch(tx, "unheard-of") == 0


def test_forgetting_leaves_no_row_and_keeps_the_others(home: Home, ledger: Ledger) -> None:
    put(home, ledger, 10, Change(ADA, RECS, "yes", 2, expires=NOW + 5))
    put(home, ledger, 11, Change(BEN, RECS, "yes", 2, expires=NOW + 6))
    with home.data.write() as tx:
        ledger.fold(tx)
    put(home, ledger, 12, Change(ADA, "newsletter", "no", 2))
    with home.data.write() as tx:
        ledger.fence(tx, ADA, "R1", 13)
        ledger.forget(tx, ADA)
        for table in ("ledger", "ground", "ground_delta"):
            assert tx.all(f"SELECT 1 FROM {table} WHERE sno = ?", (ADA,)) == []
        assert ledger.standing(tx, ADA, RECS, NOW).status == "none"
    assert everybody(home, ledger, RECS) == [BEN]
    assert everybody(home, ledger, "tax") == [BEN, CYD]
    assert why(home, ledger, RECS) == "subject.fenced"


def test_a_publication_holds_a_withdrawal_back(home: Home, ledger: Ledger) -> None:
    """Without the shared row a withdrawal could be acknowledged between narrowing and commit."""
    put(home, ledger, 10, Change(ADA, "analytics", "begun", 2))
    acknowledged = threading.Event()

    def object_() -> None:
        put(home, ledger, 11, Change(ADA, "analytics", "objected", 3))
        acknowledged.set()

    with home.data.write() as tx:
        ledger.epoch(tx, "analytics", lock=True)
        assert ADA in ledger.eligible(tx, ["analytics"], NOW)
        thread = threading.Thread(target=object_)
        thread.start()
        assert not acknowledged.wait(0.3)
    thread.join(5)
    assert acknowledged.is_set()


def test_a_publication_locks_a_purpose_that_nobody_touched_yet(home: Home) -> None:
    ledger = Ledger(home.data, b"m" * 32, BASES)
    acknowledged = threading.Event()

    def object_() -> None:
        put(home, ledger, 1, Change(ADA, "analytics", "objected", 3))
        acknowledged.set()

    with home.data.write() as tx:
        ledger.epoch(tx, "analytics", lock=True)
        thread = threading.Thread(target=object_)
        thread.start()
        assert not acknowledged.wait(0.3)
    thread.join(5)
    assert acknowledged.is_set()
