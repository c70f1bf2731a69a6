"""Any set is bound exactly: its bits, its number, and each subject's presence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from privet.audit import sets

NEAR = st.integers(0, 5 * sets.CHUNK)
SETS = st.frozensets(NEAR, min_size=1, max_size=150) | st.builds(
    lambda start, step, n: frozenset(range(start, start + step * n, step)),
    NEAR,
    st.integers(1, 700),
    st.integers(1, 400),
)


@given(SETS)
def test_bits_and_lists_hold_the_set_and_nothing_more(subjects: frozenset[int]) -> None:
    about = sets.commit(subjects)
    held = set(about.listed)
    for chunk, bits in about.chunks.items():
        assert any(bits)
        held |= {chunk * sets.CHUNK + o for o in range(sets.CHUNK) if bits[o >> 3] & (1 << (o & 7))}
    assert held == subjects
    assert about.value["n"] == len(subjects)


@given(SETS, NEAR)
def test_every_question_about_a_subject_is_answered_truly(
    subjects: frozenset[int], other: int
) -> None:
    about = sets.commit(subjects)
    for sno in {other, min(subjects), max(subjects) + 1}:
        proof = sets.prove(about.value, about.chunks, sno)
        assert sets.contains(about.value, sno, proof) == (sno in subjects)


@given(SETS, NEAR)
def test_one_subject_more_is_another_commitment(subjects: frozenset[int], other: int) -> None:
    if other not in subjects:
        assert sets.commit(subjects | {other}).value != sets.commit(subjects).value
