"""The log and the verifier share no code, and agree."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import pytest

from privet.audit import Entry, Log, export
from privet.audit.verifier import verify_certificate, verify_directory
from privet.crypto import Signer
from privet.errors import IntegrityError

SIGNER = Signer(b"\x07" * 32)


@pytest.fixture
def log(home, clock):
    made = Log(home.audit, SIGNER, f"privet.dev/{home.deployment.hex()}", clock)
    access = {"kind": "access", "decision": "allow", "purpose": "recommendations", "who": 3}
    made.append([Entry(access | {"rows": n}, frozenset({n})) for n in range(600)])
    clock.advance(timedelta(minutes=2))
    made.append(
        [
            Entry(access, frozenset(range(0, 200_000, 3))),
            Entry(access, frozenset(range(65))),
            Entry(access, frozenset({5, 9, 70_000})),
            Entry({"kind": "denial", "reason": "ground.missing", "who": "self"}),
            Entry({"kind": "ground", "change": {"ts": 1, "set": {"n": 5}, "notice": "2026-11"}}),
        ]
    )
    return made


def test_what_the_log_exports_the_verifier_accepts(home, log, clock, tmp_path):
    first = log.checkpoint()
    export(home.audit, log.vkey, tmp_path / "a")
    verdict = verify_directory(tmp_path / "a", anchor=first, vkey=log.vkey)
    assert verdict.ok, verdict.problems
    assert verdict.size == log.size() == 605
    clock.advance(timedelta(minutes=2))
    log.append([Entry({"kind": "admin", "n": n}) for n in range(300)])
    export(home.audit, log.vkey, tmp_path / "a")
    verdict = verify_directory(tmp_path / "a", anchor=first, vkey=log.vkey)
    assert verdict.ok, verdict.problems
    assert verdict.size == 905


def test_a_partial_listing_of_the_log_is_accepted(home, log, clock, tmp_path):
    since = log.leaves(602, 1)[0][1]["ts"]
    report = export(home.audit, log.vkey, tmp_path / "a", since=since)
    assert report.records == 5
    verdict = verify_directory(tmp_path / "a", vkey=log.vkey)
    assert verdict.ok, verdict.problems


def test_a_record_changed_in_an_export_of_the_log_is_named(home, log, tmp_path):
    export(home.audit, log.vkey, tmp_path / "a")
    path = tmp_path / "a" / "tile" / "entries" / "001"
    path.write_bytes(path.read_bytes().replace(b'"rows":300', b'"rows":301'))
    assert verify_directory(tmp_path / "a").first_bad == 300


def test_a_certificate_with_the_logs_own_proof_holds(home, log):
    statement = {"receipt": "b0a7c3", "held": [], "gone": ["identity"]}
    text = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    fields = {"kind": "erase.done", "receipt": "b0a7c3"}
    named = fields | {"certificate": hashlib.sha256(text).hexdigest()}
    (seq,) = log.append([Entry(named, frozenset({5}))])
    log.append([Entry({"kind": "admin"})])
    document = {
        "certificate": statement,
        "signature": base64.b64encode(SIGNER.sign(text)).decode(),
        "vkey": log.vkey,
        "inclusion": log.prove(seq),
    }
    verdict = verify_certificate(json.dumps(document, indent=1).encode(), vkey=log.vkey)
    assert verdict.ok, verdict.problems
    document["inclusion"] = log.prove(seq + 1)
    assert not verify_certificate(json.dumps(document).encode()).ok


def test_an_interrupted_update_is_told_and_the_next_export_finishes_it(
    home, log, clock, tmp_path, monkeypatch
):
    export(home.audit, log.vkey, tmp_path / "a")
    clock.advance(timedelta(minutes=2))
    log.append([Entry({"kind": "admin", "n": n}) for n in range(300)])

    def stop(done, size):
        if done > 600:
            raise IntegrityError("stopped")

    with pytest.raises(IntegrityError):
        export(home.audit, log.vkey, tmp_path / "a", progress=stop)
    verdict = verify_directory(tmp_path / "a", vkey=log.vkey)
    assert verdict.first_bad is None
    assert all("calls for" in p.what or "not part" in p.what for p in verdict.problems)
    export(home.audit, log.vkey, tmp_path / "a")
    assert verify_directory(tmp_path / "a", vkey=log.vkey).ok
