"""The fold: how grounds begin and end, and what a late permission is worth."""

from __future__ import annotations

import pytest

from privet.consent import Change, expiry
from privet.consent.judge import judge
from privet.consent.project import CONSENT, CONTRACT, INTEREST, OBLIGATION, SUBJECT, State, fold
from privet.consent.standing import Row, reason
from privet.errors import InvalidInput, StaleAnswer


def told(basis: str, *steps: str | tuple[str, dict[str, object]]) -> State:
    """The state after these kinds, at instants 10, 20, ... and positions 0, 1, ..."""
    entries = []
    for seq, step in enumerate(steps):
        kind, parts = (step, {}) if isinstance(step, str) else step
        parts = {"at": 10 * (seq + 1), **parts}
        entries.append((seq, Change(1, "p", kind, **parts)))  # type: ignore[arg-type]
    return fold(basis, entries)


@pytest.mark.parametrize(
    ("basis", "steps", "status"),
    [
        (CONSENT, [], "none"),
        (CONSENT, ["yes"], "active"),
        (CONSENT, ["no"], "declined"),
        (CONSENT, ["yes", "no"], "declined"),
        (CONSENT, ["yes", "withdrawn"], "withdrawn"),
        (CONSENT, ["yes", "withdrawn", "yes"], "active"),
        (CONSENT, ["yes", "objected"], "objected"),
        (CONSENT, ["yes", "objected", "overruled"], "withdrawn"),
        (CONSENT, ["yes", "objected", "upheld"], "upheld"),
        (CONTRACT, ["begun"], "active"),
        (CONTRACT, ["begun", "ended"], "ended"),
        (CONTRACT, ["begun", "ended", "begun"], "active"),
        (CONTRACT, ["begun", "objected", "ended", "overruled"], "ended"),
        (CONTRACT, ["begun", "objected", "overruled"], "active"),
        (CONTRACT, ["objected", "overruled"], "ended"),
        (INTEREST, ["objected"], "objected"),
        (INTEREST, ["objected", "overruled"], "active"),
        (INTEREST, ["objected", "upheld"], "upheld"),
        (INTEREST, ["objected", "upheld", "overruled"], "upheld"),
        (INTEREST, ["objected", "upheld", "objected", "overruled"], "upheld"),
        (INTEREST, ["objected", "upheld", "begun"], "active"),
        (INTEREST, ["objected", "begun"], "objected"),
        (INTEREST, ["objected", "begun", "overruled"], "active"),
        (OBLIGATION, ["ended"], "ended"),
        (SUBJECT, ["known"], "known"),
        (SUBJECT, ["known", "restricted"], "restricted"),
        (SUBJECT, ["known", "restricted", "known"], "restricted"),
        (SUBJECT, ["known", "restricted", "lifted"], "known"),
    ],
)
def test_each_course_of_a_ground_ends_where_it_should(
    basis: str, steps: list[str], status: str
) -> None:
    assert told(basis, *steps).status == status


@pytest.mark.parametrize(
    ("basis", "kind"),
    [
        (CONTRACT, "yes"),
        (INTEREST, "yes"),
        (CONSENT, "begun"),
        (SUBJECT, "yes"),
        (CONSENT, "lifted"),
    ],
)
def test_a_kind_that_does_not_fit_the_basis_gives_nothing(basis: str, kind: str) -> None:
    assert told(basis, kind).status == "none"
    with pytest.raises(InvalidInput):
        judge(basis, [], Change(1, "p", kind, 5))


@pytest.mark.parametrize(
    ("basis", "refusal", "status"),
    [
        (INTEREST, "withdrawn", "withdrawn"),
        (INTEREST, "no", "declined"),
        (CONTRACT, "withdrawn", "withdrawn"),
        (CONSENT, "ended", "ended"),
        (SUBJECT, "withdrawn", "none"),
    ],
)
def test_a_refusal_outlives_a_change_of_basis(basis: str, refusal: str, status: str) -> None:
    assert told(basis, refusal).status == status


@pytest.mark.parametrize(
    ("refusal", "parts", "status"),
    [
        # positions: yes 0, refusal 1, yes 2
        ("withdrawn", {"seen": 0}, "withdrawn"),
        ("withdrawn", {"seen": 1}, "active"),
        ("withdrawn", {"at": 19}, "withdrawn"),
        ("withdrawn", {"at": 20}, "active"),
        ("withdrawn", {"seen": 1, "at": 3}, "active"),
        ("withdrawn", {"seen": 2}, "withdrawn"),
        ("no", {"seen": 0}, "declined"),
        ("objected", {"at": 99}, "objected"),
        ("objected", {"seen": 0, "at": 99}, "objected"),
        ("objected", {"seen": 1}, "active"),
    ],
)
def test_a_yes_that_has_not_seen_the_refusal_has_no_effect(
    refusal: str, parts: dict[str, object], status: str
) -> None:
    assert told(CONSENT, "yes", refusal, ("yes", parts)).status == status


def test_a_decision_or_a_second_refusal_does_not_soften_an_objection() -> None:
    assert told(CONSENT, "objected", "overruled", ("yes", {"at": 99})).status == "withdrawn"
    assert told(CONSENT, "objected", "withdrawn", ("yes", {"at": 99})).status == "withdrawn"
    assert told(CONSENT, "objected", "overruled", ("yes", {"seen": 0})).status == "active"


def test_after_a_fresh_yes_the_objection_is_answered() -> None:
    state = told(CONSENT, "objected", ("yes", {"seen": 0}), ("yes", {"at": 99, "expires": 500}))
    assert (state.status, state.expires) == ("active", 500)


def test_a_repeated_event_has_no_effect() -> None:
    once = {"event_id": "e1"}
    state = told(CONSENT, ("yes", once), "withdrawn", ("yes", {**once, "seen": 1}))
    assert state.status == "withdrawn"


def test_an_event_id_used_for_a_withdrawal_does_not_swallow_it() -> None:
    once = {"event_id": "e1"}
    assert told(CONSENT, ("yes", once), ("withdrawn", once)).status == "withdrawn"


def test_a_renewal_moves_the_expiry() -> None:
    state = told(CONSENT, ("yes", {"expires": 50}), ("yes", {"expires": 90}))
    assert (state.expires, state.seq, state.since) == (90, 1, 20)


def test_an_overruled_objection_brings_the_expiry_back() -> None:
    state = told(CONTRACT, ("begun", {"expires": 90}), "objected", "overruled")
    assert (state.status, state.expires) == ("active", 90)


@pytest.mark.parametrize(
    ("basis", "row", "known", "why"),
    [
        (CONSENT, None, True, "ground.missing"),
        (CONSENT, Row("active", 1, 1, None), False, None),
        (CONSENT, Row("active", 1, 1, 101), True, None),
        (CONSENT, Row("active", 1, 1, 100), True, "ground.lapsed"),
        (CONSENT, Row("declined", 1, 1, None), True, "ground.missing"),
        (CONSENT, Row("withdrawn", 1, 1, None), True, "ground.withdrawn"),
        (CONTRACT, Row("ended", 1, 1, None), True, "ground.missing"),
        (INTEREST, None, True, None),
        (INTEREST, None, False, "ground.missing"),
        (INTEREST, Row("active", 1, 1, None), False, "ground.missing"),
        (INTEREST, Row("objected", 1, 1, None), True, "ground.objected"),
        (OBLIGATION, Row("upheld", 1, 1, None), True, "ground.objected"),
    ],
)
def test_the_reason_names_why_a_ground_does_not_hold(
    basis: str, row: Row | None, known: bool, why: str | None
) -> None:
    assert reason(basis, row, known, now=100) == why


def test_a_late_permission_is_refused_before_it_enters_the_log() -> None:
    past = [(4, Change(1, "p", "yes", 10)), (6, Change(1, "p", "withdrawn", 20))]
    with pytest.raises(StaleAnswer):
        judge(CONSENT, past, Change(1, "p", "yes", 30, seen=5))
    with pytest.raises(StaleAnswer):
        judge(CONSENT, past, Change(1, "p", "yes", 19))
    fresh = Change(1, "p", "yes", 30, seen=6)
    assert judge(CONSENT, past, fresh) == fresh


def test_there_must_be_an_objection_to_decide() -> None:
    with pytest.raises(InvalidInput) as refused:
        judge(INTEREST, [], Change(1, "p", "overruled", 30))
    assert refused.value.reason == "ground.no-objection"


def test_expiry_is_computed_by_the_period_given() -> None:
    assert expiry(100, None) is None
    assert expiry(100, lambda us: us + 7) == 107
    with pytest.raises(InvalidInput):
        expiry(100, lambda us: us)
