"""A certificate holds only as it was signed, and only for a record that the log has."""

from __future__ import annotations

import base64
import json

import pytest

from privet.audit.verifier import verify_certificate

CONTENT = {
    "form": "privet:erasure-certificate/1",
    "receipt": "b0a7c3",
    "gone": ["identity", "recommendations"],
    "held": [],
    "note": "Löschung",
}


@pytest.fixture
def log(kit):
    return kit.erased(300, 270, CONTENT)


@pytest.mark.parametrize(("count", "seq"), [(1, 0), (2, 0), (2, 1), (7, 6), (300, 270), (512, 511)])
def test_a_certificate_holds_at_every_place_of_the_tree(kit, count, seq):
    log = kit.erased(count, seq, CONTENT)
    verdict = verify_certificate(kit.certificate(log, seq, CONTENT), vkey=log.signer.vkey)
    assert verdict.ok, verdict.problems
    assert (verdict.size, verdict.origin) == (count, log.signer.origin)


def test_a_certificate_with_a_hold_is_proved_by_a_record_that_says_so(kit):
    content = CONTENT | {"held": [{"law": "tax", "until": "2036"}]}
    held = kit.erased(5, 3, content)
    assert verify_certificate(kit.certificate(held, 3, content)).ok
    done = kit.erased(5, 3, content, kind="erase.done")
    assert not verify_certificate(kit.certificate(done, 3, content)).ok


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "erase.intent"},
        {"receipt": "another"},
        {"certificate": "00" * 32},
        {"certificate": None},
        {"receipt": None},
    ],
)
def test_a_record_of_something_else_proves_nothing(kit, change):
    log = kit.erased(9, 4, CONTENT, **change)
    verdict = verify_certificate(kit.certificate(log, 4, CONTENT))
    assert verdict.exit_code == 1


def test_a_certificate_without_a_receipt_is_refused(kit):
    for receipt in ("", None, 7):
        content = CONTENT | {"receipt": receipt}
        log = kit.erased(9, 4, content)
        assert not verify_certificate(kit.certificate(log, 4, content)).ok


def test_changed_content_breaks_the_signature(kit, log):
    data = kit.certificate(log, 270, CONTENT)
    changed = data.replace(b"recommendations", b"nothing")
    verdict = verify_certificate(changed)
    assert "not signed" in verdict.problems[0].what


def test_another_record_of_the_same_log_does_not_do(kit, log):
    other = base64.b64encode(log.bodies[4]).decode()
    assert "stand in the signed log" in first(kit.certificate(log, 270, CONTENT, record=other))


def test_a_record_that_never_stood_in_the_log_does_not_do(kit, log):
    genuine = kit.make(300)
    genuine.bodies[270] = kit.record(270, who=9)
    head = genuine.checkpoint(300).decode()
    data = kit.certificate(log, 270, CONTENT, checkpoint=head)
    assert "stand in the signed log" in first(data)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 271},
        {"index": -1},
        {"index": 300},
        {"index": 10**400},
        {"index": True},
        {"size": 299},
        {"size": 0},
        {"hashes": []},
        {"hashes": ["00" * 32] * 9},
        {"hashes": ["00" * 32] * 5000},
        {"hashes": [7]},
        {"hashes": ["zz" * 32]},
        {"hashes": {}},
        {"record": "%%%"},
        {"record": ""},
        {"checkpoint": ""},
        {"checkpoint": "\ud800"},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": 5},
        {"vkey": "x+00000000+" + "A" * 44},
        {"certificate": []},
        {"certificate": {}},
        {"inclusion": {}},
        {"more": "unsigned words beside the signed ones"},
    ],
    ids=lambda change: str(list(change)),
)
def test_every_member_must_be_right(kit, log, change):
    fields = json.loads(kit.certificate(log, 270, CONTENT))
    inner = {k: v for k, v in change.items() if k in fields["inclusion"]}
    fields["inclusion"] |= inner
    fields |= {k: v for k, v in change.items() if k not in inner}
    assert verify_certificate(json.dumps(fields).encode()).exit_code == 1


def test_a_proof_longer_than_the_path_is_refused(kit, log):
    fields = json.loads(kit.certificate(log, 270, CONTENT))
    fields["inclusion"]["hashes"].append("00" * 32)
    assert not verify_certificate(json.dumps(fields).encode()).ok


def test_a_forger_with_a_key_of_his_own_is_found_by_the_known_key(kit, log):
    known = log.signer.vkey
    log.signer = kit.signer(b"f" * 32)
    forged = kit.certificate(log, 270, CONTENT)
    assert verify_certificate(forged).ok
    assert "another verifier key" in first(forged, vkey=known)


def test_a_checkpoint_of_another_log_is_refused(kit, log):
    for signer in (kit.signer(b"f" * 32), kit.signer(origin="other.example/log")):
        head = kit.export(log.bodies, signer=signer).checkpoint(300).decode()
        data = kit.certificate(log, 270, CONTENT, checkpoint=head)
        assert "checkpoint that is not signed" in first(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"certificate":' + b"9" * 10_000 + b"}",
        b'{"vkey":1,"vkey":2}',
        b'{"certificate":1e5}',
        b" " * (1 << 20) + b"{}",
    ],
    ids=lambda data: repr(data[:16]),
)
def test_what_is_no_certificate_is_a_verdict(data):
    assert verify_certificate(data).exit_code == 1


def test_a_bad_key_argument_is_unusable(kit, log):
    verdict = verify_certificate(kit.certificate(log, 270, CONTENT), vkey="no key")
    assert (verdict.usable, verdict.exit_code) == (False, 2)


def first(data, **options):
    verdict = verify_certificate(data, **options)
    assert not verdict.ok
    return verdict.problems[0].what
