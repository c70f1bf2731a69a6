"""Laws of the fold, over any sequence of changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from privet.consent import KINDS, Change
from privet.consent.judge import judge
from privet.consent.project import FITTING, PRESUMED, SUBJECT, fold, step
from privet.errors import PrivetError, StaleAnswer

bases = st.sampled_from(sorted(FITTING))
codes = st.text("abcXYZ019._:/+=-", max_size=12).filter(lambda t: not t or t[0].isalnum())
changes = st.builds(
    Change,
    sno=st.just(1),
    purpose=st.just("p"),
    kind=st.sampled_from(sorted(KINDS)),
    at=st.integers(0, 50),
    event_id=st.sampled_from(["", "", "a", "b"]),
    seen=st.integers(-1, 12),
    expires=st.none() | st.integers(0, 99),
)
lives = st.lists(changes, max_size=12).map(lambda told: list(enumerate(told)))
REFUSALS = ("no", "withdrawn", "ended", "objected", "opted-out")


@given(bases, lives)
def test_folding_never_fails_and_ends_in_a_known_status(
    basis: str, life: list[tuple[int, Change]]
) -> None:
    state = fold(basis, life)
    statuses = {"none", "known", "restricted"} if basis == SUBJECT else {
        "none", "active", "declined", "withdrawn", "ended", "objected", "upheld", "opted-out"
    }  # fmt: skip
    assert state.status in statuses
    assert state.status == "active" or state.expires is None


@given(bases, lives, st.sampled_from(REFUSALS))
def test_after_a_refusal_nothing_is_active(
    basis: str, life: list[tuple[int, Change]], kind: str
) -> None:
    assume(basis != SUBJECT)
    last = Change(1, "p", kind, 60, event_id="fresh")
    assert fold(basis, [*life, (99, last)]).status not in {"none", "active"}


@given(bases, lives, st.lists(st.integers(0, 50), max_size=5))
def test_no_permission_from_before_a_refusal_revives_it(
    basis: str, life: list[tuple[int, Change]], instants: list[int]
) -> None:
    assume(basis != SUBJECT)
    refused = [*life, (99, Change(1, "p", "withdrawn", 60))]
    late = [
        (100 + i, Change(1, "p", kind, at, seen=seen))
        for i, at in enumerate(instants)
        for kind, seen in (("yes", -1),)
    ] + [(200, Change(1, "p", "yes", 70, seen=98)), (201, Change(1, "p", "begun", 70, seen=0))]
    assert fold(basis, [*refused, *late]).status != "active"


@given(bases, lives)
def test_a_presumed_ground_that_was_objected_to_needs_a_decision(
    basis: str, life: list[tuple[int, Change]]
) -> None:
    assume(basis in PRESUMED)
    past = [*life, (99, Change(1, "p", "objected", 60))]
    again = Change(1, "p", "begun", 70, seen=99)
    suspended = fold(basis, past)
    assert suspended.status in {"objected", "upheld"}
    begun = fold(basis, [*past, (100, again)]).status
    assert begun == ("active" if suspended.status == "upheld" else "objected")


@given(lives, st.integers(60, 80), st.integers(-1, 120))
def test_only_a_yes_that_saw_the_objection_gives_a_consent_again(
    life: list[tuple[int, Change]], at: int, seen: int
) -> None:
    past = [*life, (99, Change(1, "p", "objected", 60))]
    after = fold("consent", [*past, (121, Change(1, "p", "yes", at, seen=seen))])
    assert (after.status == "active") == (seen >= 99)


@given(bases, lives, changes, st.sampled_from(["yes", "begun"]), st.integers(-1, 11))
def test_what_is_let_into_the_log_is_what_has_an_effect(
    basis: str, life: list[tuple[int, Change]], change: Change, kind: str, seen: int
) -> None:
    """The refusal at the door and the fold judge a permission alike."""
    change = replace(change, kind=kind, seen=seen, event_id="fresh")
    try:
        let_in = judge(basis, life, change) == change
    except PrivetError:
        let_in = False
    state = fold(basis, life)
    assert let_in == (step(basis, state, 12, change) is not state)


@given(lives)
def test_a_stale_answer_is_told_as_stale(life: list[tuple[int, Change]]) -> None:
    past = [*life, (50, Change(1, "p", "no", 60))]
    with pytest.raises(StaleAnswer):
        judge("consent", past, Change(1, "p", "yes", 99, seen=49))


@given(
    st.builds(
        Change,
        sno=st.integers(0, 2**32 - 1),
        purpose=st.sampled_from(["*", "a", "recommendations", "two-words"]),
        kind=st.sampled_from(sorted(KINDS)),
        at=st.integers(-(2**62), 2**62),
        notice=codes,
        jurisdiction=codes,
        event_id=codes,
        seen=st.integers(-1, 2**62),
        expires=st.none() | st.integers(-(2**62), 2**62),
        commitment=codes,
    )
)
def test_every_change_survives_its_leaf(change: Change) -> None:
    assert Change.from_leaf(change.to_leaf()) == change


@given(bases, lives, st.sampled_from(REFUSALS), st.integers(0, 60), st.booleans())
def test_nothing_brought_in_revives_what_was_refused(
    basis: str, life: list[tuple[int, Change]], kind: str, at: int, seen: bool
) -> None:
    assume(basis != SUBJECT)
    refused = [*life, (99, Change(1, "p", kind, 60, event_id="fresh"))]
    brought = [
        (100 + i, Change(1, "p", f"imported:{said}", at, seen=99 if seen else -1))
        for i, said in enumerate(("yes", "begun", "opted-in"))
    ]
    assert fold(basis, [*refused, *brought]).status != "active"


@given(lives, st.integers(61, 80))
def test_nothing_brought_in_ends_an_objection(life: list[tuple[int, Change]], at: int) -> None:
    objected = [*life, (99, Change(1, "p", "objected", 60, event_id="fresh"))]
    for basis in FITTING.keys() - {SUBJECT}:
        for said in ("yes", "begun", "opted-in"):
            brought = (100, Change(1, "p", f"imported:{said}", at))
            assert fold(basis, [*objected, brought]).status == fold(basis, objected).status
