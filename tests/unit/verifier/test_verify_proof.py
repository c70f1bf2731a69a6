"""Proofs of records, of people in them, and of growth: every byte counts, nothing raises."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.audit.verifier import verify_proof


def written(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False).encode()


def inclusion(kit: Any, log: Any, seq: int) -> dict[str, Any]:
    leaves = [kit.leaf(body) for body in log.bodies]
    return {
        "record": base64.b64encode(log.bodies[seq]).decode(),
        "index": seq,
        "size": len(leaves),
        "hashes": [h.hex() for h in kit.path(seq, leaves)],
        "checkpoint": log.checkpoint(len(leaves)).decode(),
    }


def subject_proof(kit: Any, log: Any, seq: int, sno: int, *, member: bool) -> dict[str, Any]:
    value, shown = json.loads(log.bodies[seq]).get("set", {}), None
    chunks = value.get("chunks", [])
    if sno // 65_536 in chunks:
        bits = [log.sets[f"sets/{seq}/{c}.bits"] for c in chunks]
        slices = [b[i : i + 128] for b in bits for i in range(0, 8_192, 128)]
        place = chunks.index(sno // 65_536) * 64 + sno % 65_536 // 1024
        path = kit.path(place, [kit.leaf(part) for part in slices])
        shown = {
            "bits": base64.b64encode(slices[place]).decode(),
            "hashes": [h.hex() for h in path],
        }
    return {
        "form": "privet:subject-proof/1",
        "vkey": log.signer.vkey,
        "inclusion": inclusion(kit, log, seq),
        "subject": sno,
        "member": member,
        "slice": shown,
    }


@pytest.fixture(scope="module")
def log(kit: Any) -> Any:
    made = kit.make(77, bulk=30)
    made.bodies[31] = kit.record(31, set={"n": 3, "snos": [4, 8, 15]})
    made.bodies[32] = kit.record(32, set=None)
    return made


MEMBERS = {*range(0, 200, 2), 65_536, 70_000, 300_001}
ASKED = [0, 1, 2, 198, 199, 200, 1023, 1024, 65_535, 65_536, 70_000, 70_001, 131_072, 300_001]


@pytest.mark.parametrize("sno", [*ASKED, 2**53 - 1])
def test_presence_and_absence_in_a_bulk_record_are_proved(kit: Any, log: Any, sno: int) -> None:
    there = sno in MEMBERS
    fields = subject_proof(kit, log, 30, sno, member=there)
    verdict = verify_proof(written(fields), vkey=log.signer.vkey)
    assert verdict.ok, verdict
    assert verdict.notes == (
        f"subject {sno} {'is' if there else 'is not'} in the set of record 30",
    )
    assert not verify_proof(written(fields | {"member": not there})).ok
    if fields["slice"]:
        size = 128 + 32 * len(fields["slice"]["hashes"])
        assert size <= 450


@pytest.mark.parametrize(("seq", "sno", "there"), [(31, 8, True), (31, 9, False), (32, 8, False)])
def test_a_short_list_and_a_record_about_nobody_speak_for_themselves(
    kit: Any, log: Any, seq: int, sno: int, *, there: bool
) -> None:
    fields = subject_proof(kit, log, seq, sno, member=there)
    assert verify_proof(written(fields)).ok
    assert not verify_proof(written(fields | {"member": not there})).ok
    extra = subject_proof(kit, log, 30, 2, member=True)["slice"]
    assert not verify_proof(written(fields | {"slice": extra})).ok


def test_no_proof_of_absence_leaves_its_slice_out(kit: Any, log: Any) -> None:
    fields = subject_proof(kit, log, 30, 1, member=False)
    assert not verify_proof(written(fields | {"slice": None})).ok


def test_a_slice_of_another_place_proves_nothing(kit: Any, log: Any) -> None:
    fields = subject_proof(kit, log, 30, 2, member=True)
    other = subject_proof(kit, log, 30, 70_000, member=True)
    assert not verify_proof(written(fields | {"subject": 70_000})).ok
    assert not verify_proof(written(fields | {"slice": other["slice"]})).ok


def growth(kit: Any, log: Any, old: int, new: int, hashes: list[bytes]) -> dict[str, Any]:
    return {
        "form": "privet:growth-proof/1",
        "vkey": log.signer.vkey,
        "old": log.checkpoint(old).decode(),
        "new": log.checkpoint(new).decode(),
        "hashes": [h.hex() for h in hashes],
    }


def consistency(kit: Any, m: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [kit.root(leaves)]
    k = 1 << (n - 1).bit_length() - 1
    if m <= k:
        return [*consistency(kit, m, leaves[:k], whole=whole), kit.root(leaves[k:])]
    return [*consistency(kit, m - k, leaves[k:], whole=False), kit.root(leaves[:k])]


def test_growth_between_any_two_sizes_is_proved(kit: Any, log: Any) -> None:
    leaves = [kit.leaf(body) for body in log.bodies]
    for new in (1, 2, 3, 7, 8, 9, 64, 77):
        for old in range(1, new + 1):
            hashes = consistency(kit, old, leaves[:new])
            assert verify_proof(written(growth(kit, log, old, new, hashes))).ok
            assert not verify_proof(written(growth(kit, log, old, new, [*hashes, leaves[0]]))).ok
            if hashes:
                assert not verify_proof(written(growth(kit, log, old, new, hashes[:-1]))).ok
                assert not verify_proof(written(growth(kit, log, old, new, hashes[::-1]))).ok or (
                    hashes == hashes[::-1]
                )


@pytest.mark.parametrize(("old", "new"), [(0, 5), (5, 4)])
def test_nothing_is_proved_from_an_empty_log_or_backwards(kit: Any, log: Any, old, new) -> None:
    assert not verify_proof(written(growth(kit, log, old, new, []))).ok


def forms(kit: Any, log: Any) -> list[bytes]:
    leaves = [kit.leaf(body) for body in log.bodies]
    record = {"form": "privet:record-proof/1", "vkey": log.signer.vkey}
    return [
        written(record | {"inclusion": inclusion(kit, log, 12)}),
        written(subject_proof(kit, log, 30, 65_536, member=True)),
        written(subject_proof(kit, log, 30, 3, member=False)),
        written(growth(kit, log, 30, 77, consistency(kit, 30, leaves))),
    ]


@pytest.mark.parametrize("which", range(4))
def test_no_byte_of_a_proof_can_be_changed(kit: Any, log: Any, which: int) -> None:
    data = forms(kit, log)[which]
    assert verify_proof(data, vkey=log.signer.vkey).ok
    assert not verify_proof(data, vkey=kit.signer(b"o" * 32).vkey).ok
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= (1, 0x20, 0x80)[at % 3]
        assert verify_proof(bytes(changed)).exit_code == 1, at
    for end in (*range(0, len(data), 7), len(data) - 1):
        assert verify_proof(data[:end]).exit_code == 1
    for more in (b" ", b"\n", b"\0"):
        assert verify_proof(data + more).exit_code == 1


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
PLACES = ["form", "vkey", "inclusion", "subject", "member", "slice", "record", "index", "bits"]


@given(JUNK, st.sampled_from(PLACES))
def test_no_json_in_place_of_a_member_passes_or_raises(kit: Any, log: Any, value, member) -> None:
    fields = subject_proof(kit, log, 30, 65_536, member=True)
    inside = (fields, fields["inclusion"], fields["slice"])
    target = next(part for part in inside if member in part)
    if target[member] != value or type(target[member]) is not type(value):
        target[member] = value
        assert verify_proof(written(fields)).exit_code == 1
