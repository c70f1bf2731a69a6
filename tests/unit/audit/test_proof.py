"""A record's place in the log, proved to somebody who has only the proof and the key."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from privet.audit import Entry, Log, merkle
from privet.audit.checkpoint import Verifier
from privet.crypto import Signer
from privet.db import Home
from privet.errors import InvalidInput

SIZES = [1, 2, 3, 255, 256, 257, 511, 513, 770, 1024]


@pytest.fixture
def log(home: Home, clock: Any) -> Log:
    return Log(home.audit, Signer(b"\x05" * 32), f"privet.dev/{home.deployment.hex()}", clock)


def holds(log: Log, proof: dict[str, Any]) -> bool:
    signed = Verifier.parse(log.vkey).open(proof["checkpoint"].encode())
    leaf = merkle.leaf_hash(b64decode(proof["record"]))
    path = [bytes.fromhex(h) for h in proof["hashes"]]
    return signed.size == proof["size"] and merkle.verify_inclusion(
        proof["index"], proof["size"], leaf, path, signed.root
    )


def test_records_anywhere_in_a_log_of_any_size_are_proved(log: Log) -> None:
    for size in SIZES:
        log.append([Entry({"n": i}) for i in range(log.size(), size)])
        for seq in {0, size // 2, size - 2, size - 1, 255, 256, 300} & set(range(size)):
            proof = log.prove(seq)
            assert holds(log, proof)
            assert not holds(log, {**proof, "index": seq + 1})
            assert b64decode(proof["record"]).startswith(b'{"n":%d,' % seq)


@pytest.mark.parametrize("seq", [-1, 0, 5])
def test_a_record_that_is_not_there_has_no_proof(log: Log, seq: int) -> None:
    if seq == 5:
        log.append([Entry({})] * 5)
    with pytest.raises(InvalidInput):
        log.prove(seq)
