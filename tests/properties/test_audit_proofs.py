"""Whatever set a record has, the verifier believes exactly what brute force says of it."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from privet.audit import documents, merkle, record, sets
from privet.audit.checkpoint import Checkpoint, Verifier, sign
from privet.audit.verifier import verify_proof
from privet.crypto import Signer

SIGNER = Signer(b"\x05" * 32)
KEY = Verifier("privet.dev/0f1e2d3c4b5a69788796a5b4c3d2e1f0", SIGNER.public)
NEAR = st.integers(0, 3 * sets.CHUNK)
SETS = st.frozensets(NEAR, max_size=150) | st.builds(
    lambda start, step, n: frozenset(range(start, start + step * n, step)),
    NEAR,
    st.integers(1, 700),
    st.integers(65, 400),
)


def inclusion(body: bytes, before: int, after: int) -> dict[str, Any]:
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(before)]
    leaves += [merkle.leaf_hash(body)]
    leaves += [merkle.leaf_hash(b"%d" % n) for n in range(after)]
    note = sign(Checkpoint(KEY.name, len(leaves), merkle.root(leaves)), SIGNER)
    return {
        "record": base64.b64encode(body).decode(),
        "index": before,
        "size": len(leaves),
        "hashes": [h.hex() for h in merkle.inclusion_proof(before, leaves)],
        "checkpoint": note.decode(),
    }


@given(SETS, st.data(), st.integers(0, 20), st.integers(0, 20))
def test_presence_and_absence_are_what_brute_force_says(
    subjects: frozenset[int], data: st.DataObject, before: int, after: int
) -> None:
    about = sets.commit(subjects) if subjects else None
    body = record.encode({"kind": "access", "ts": 1, **({"set": about.value} if about else {})})
    sno = data.draw(NEAR | st.sampled_from(sorted(subjects)) if subjects else NEAR)
    made = sets.prove(about.value, about.chunks, sno) if about and about.chunks else None
    shown = made and {
        "bits": base64.b64encode(made.bits).decode(),
        "hashes": [h.hex() for h in made.path],
    }
    proof = documents.of_subject(KEY.vkey, inclusion(body, before, after), sno, shown or None)
    assert proof.member == (sno in subjects)
    verdict = verify_proof(proof.document, vkey=KEY.vkey)
    assert verdict.ok, verdict
    fields = json.loads(proof.document)
    if shown:  # no flipped bit of the slice says the contrary
        bits = bytearray(made.bits if made else b"")
        bits[sno % 1024 // 8] ^= 1 << sno % 8
        fields["slice"]["bits"] = base64.b64encode(bits).decode()
    fields["member"] = not fields["member"]
    lie = json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False).encode()
    assert not verify_proof(lie).ok


@given(st.integers(1, 400), st.integers(0, 400))
def test_growth_is_what_brute_force_says(old: int, more: int) -> None:
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(old + more)]
    notes = [
        sign(Checkpoint(KEY.name, size, merkle.root(leaves[:size])), SIGNER).decode()
        for size in (old, old + more)
    ]
    hashes = [h.hex() for h in merkle.consistency_proof(old, leaves)]
    grown = {"old": notes[0], "new": notes[1], "hashes": hashes}
    assert verify_proof(documents.of_growth(KEY.vkey, grown).document).ok
    forked = [merkle.leaf_hash(b"other"), *leaves[1:]]
    note = sign(Checkpoint(KEY.name, old, merkle.root(forked[:old])), SIGNER).decode()
    assert not verify_proof(documents.of_growth(KEY.vkey, grown | {"old": note}).document).ok
