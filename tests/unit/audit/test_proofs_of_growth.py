"""That a log only grew, and who is in a record's set, out of the store on both homes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from privet.audit import Entry, Log, merkle, proof, sets
from privet.audit.checkpoint import Checkpoint, Verifier, sign
from privet.audit.succession import endorsed, statement
from privet.crypto import Signer
from privet.db import Home
from privet.errors import IntegrityError, InvalidInput

SIGNER = Signer(b"\x05" * 32)
SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 512, 513, 770]


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    return Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)


def grown(log: Log, sizes: list[int]) -> dict[int, bytes]:
    notes = {}
    for size in sizes:
        log.append([Entry({"n": n}) for n in range(log.size(), size)])
        notes[size] = log.checkpoint()
    return notes


def test_the_proof_between_any_two_checkpoints_is_that_of_the_rfc(log: Log, home: Home) -> None:
    grown(log, SIZES)
    with home.audit.read() as tx:
        leaves = [bytes(leaf) for (leaf,) in tx.all("SELECT leaf FROM record ORDER BY seq")]
        for old in SIZES:
            for new in (size for size in SIZES if size >= old):
                made = tuple(proof.consistency(tx, old, new))
                assert made == merkle.consistency_proof(old, leaves[:new])


@pytest.mark.parametrize(("old", "reason"), [(0, "proof.empty-tree"), (4, "proof.range")])
def test_no_growth_is_proved_from_nothing_or_from_what_is_to_come(
    log: Log, home: Home, old: int, reason: str
) -> None:
    log.append([Entry({})] * 3)
    with home.audit.read() as tx, pytest.raises(InvalidInput) as refusal:
        proof.consistency(tx, old, 3)
    assert refusal.value.reason == reason


def test_a_log_shows_that_it_grew_from_each_of_its_checkpoints(log: Log) -> None:
    notes = grown(log, SIZES)
    key = Verifier.parse(log.vkey)
    for note in notes.values():
        shown = log.prove_growth(note)
        old, new = key.open(shown["old"].encode()), key.open(shown["new"].encode())
        path = [bytes.fromhex(h) for h in shown["hashes"]]
        assert merkle.verify_consistency(old.size, new.size, old.root, new.root, path)


def test_a_checkpoint_of_another_history_is_told_apart(log: Log) -> None:
    grown(log, [5])
    origin = Verifier.parse(log.vkey).name
    forked = sign(Checkpoint(origin, 3, b"\x01" * 32), SIGNER)
    with pytest.raises(IntegrityError) as refusal:
        log.prove_growth(forked)
    assert refusal.value.reason == "log.forked"


@pytest.mark.parametrize(
    "subjects",
    [range(3, 9), range(0, 200, 2), [*range(65_500, 65_600, 1), 70_000, 300_001]],
)
def test_presence_and_absence_are_proved_from_the_store(
    log: Log, home: Home, subjects: list[int]
) -> None:
    members = frozenset(subjects)
    (seq,) = log.append([Entry({"kind": "access"}, members)])
    about = sets.commit(members)
    for sno in (*sorted(members)[:2], max(members), max(members) + 1, 1, 65_536, 999_999):
        with home.audit.read() as tx:
            shown = proof.membership(tx, seq, sno)
        made = shown and sets.SetProof(
            base64.b64decode(shown["bits"]),
            tuple(bytes.fromhex(h) for h in shown["hashes"]),
        )
        assert sets.contains(about.value, sno, made or None) == (sno in members)


def test_a_chunk_that_is_gone_is_no_proof_of_absence(log: Log, home: Home) -> None:
    (seq,) = log.append([Entry({}, frozenset(range(100)))])
    with home.audit.write() as tx:
        for name in ("set_chunk_no_delete", "set_chunk_only_grows"):
            on = "" if home.audit.dialect == "sqlite" else " ON set_chunk"
            tx.run(f"DROP TRIGGER IF EXISTS {name}{on}")
        tx.run("DELETE FROM set_chunk")
    with home.audit.read() as tx, pytest.raises(IntegrityError):
        proof.membership(tx, seq, 5)


def test_an_old_key_vouches_for_exactly_one_new_key() -> None:
    old, new = Verifier("a.example", SIGNER.public), Verifier("a.example", b"\x07" * 32)
    signature = base64.b64encode(SIGNER.sign(statement(old.vkey, new.vkey))).decode()
    body = {"kind": "key.signing", "previous": old.vkey, "vkey": new.vkey, "signature": signature}
    assert endorsed(body)
    other = Verifier("a.example", b"\x08" * 32).vkey
    for change in ({"vkey": other}, {"previous": new.vkey}, {"signature": ""}, {"vkey": None}):
        assert not endorsed(body | change)
