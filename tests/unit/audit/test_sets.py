"""Subject sets at their borders, and proofs about one subject."""

from __future__ import annotations

import pytest

from privet.audit import sets
from privet.errors import IntegrityError, InvalidInput

MANY = frozenset(range(0, 200_000, 3))


def test_64_subjects_are_listed_and_65_are_a_bitmap() -> None:
    few = sets.commit(frozenset(range(100, 164)))
    assert few.value == {"n": 64, "snos": list(range(100, 164))}
    assert few.listed == tuple(range(100, 164))
    assert not few.chunks
    many = sets.commit(frozenset(range(100, 165)))
    assert many.value["n"] == 65
    assert many.value["chunks"] == [0]
    assert not many.listed


def test_only_chunks_with_a_subject_are_kept() -> None:
    spread = sets.commit(frozenset(range(65)) | {10 * sets.CHUNK + 5})
    assert spread.value["chunks"] == [0, 10]
    assert {len(bits) for bits in spread.chunks.values()} == {sets.CHUNK_BYTES}
    assert spread.chunks[10][0] == 1 << 5
    assert sum(spread.chunks[10]) == 1 << 5


@pytest.mark.parametrize("bad", [[], [-1], [2**53], [1, 1], [None], ["Ada"], [2**70]])
def test_what_is_no_set_of_ordinals_is_refused(bad: list[object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        sets.commit(bad)  # type: ignore[arg-type]
    assert caught.value.reason == "record.set"
    assert "Ada" not in str(caught.value)


def test_a_proof_takes_about_450_bytes_for_a_million_subjects() -> None:
    about = sets.commit(range(0, 1_000_000, 10))
    proof = sets.prove(about.value, about.chunks, 70)
    assert proof is not None
    assert len(proof.bits) + sum(map(len, proof.path)) == 128 + 32 * 10


def test_presence_and_absence_are_told_apart() -> None:
    about = sets.commit(MANY)
    for sno in (0, 1, 3, 65_535, 65_536, 131_072, 199_998, 199_999):
        proof = sets.prove(about.value, about.chunks, sno)
        assert sets.contains(about.value, sno, proof) == (sno in MANY)


def test_a_chunk_that_is_not_named_proves_absence_by_itself() -> None:
    about = sets.commit(MANY)
    assert sets.prove(about.value, about.chunks, 10 * sets.CHUNK) is None
    assert not sets.contains(about.value, 10 * sets.CHUNK)


def test_a_listed_set_needs_no_proof() -> None:
    about = sets.commit({4, 9})
    assert sets.prove(about.value, {}, 4) is None
    assert sets.contains(about.value, 4)
    assert not sets.contains(about.value, 5)


def test_a_proof_for_another_place_or_with_another_bit_is_refused() -> None:
    about = sets.commit(MANY)
    proof = sets.prove(about.value, about.chunks, 0)
    assert proof is not None
    flipped = sets.SetProof(bytes([proof.bits[0] ^ 2]) + proof.bits[1:], proof.path)
    for sno, wrong in (
        (0, flipped),
        (5000, proof),
        (0, sets.SetProof(proof.bits[:64], proof.path)),
    ):
        with pytest.raises(IntegrityError):
            sets.contains(about.value, sno, wrong)
    with pytest.raises(IntegrityError):
        sets.contains(about.value, 0, None)


def test_a_missing_chunk_is_an_integrity_error() -> None:
    about = sets.commit(MANY)
    with pytest.raises(IntegrityError):
        sets.prove(about.value, {0: about.chunks[0]}, 0)
