"""Manifests, log names and the highest number: the small parts that a restore stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.audit import Entry, Log
from privet.audit.checkpoint import Verifier
from privet.audit.origin import origin_of, timeline_of
from privet.backup import manifest as manifests
from privet.backup.making import places
from privet.backup.manifest import Manifest
from privet.backup.numbers import highest
from privet.clock import SystemClock
from privet.crypto import Signer, new_seed
from privet.db import Home
from privet.errors import IntegrityError, InvalidInput

DEPLOYMENT = bytes(range(16))
MANIFEST = Manifest(
    backup="0" * 32,
    store="data",
    deployment=DEPLOYMENT.hex(),
    revision="0006",
    timeline=1,
    at=1,
    size=2,
    root="00" * 32,
    checkpoint="privet.dev/…\n",
    position=1,
    file="data.db",
    bytes=3,
    sha256="11" * 32,
)
SIGNER = Signer(new_seed())


@given(st.binary(min_size=16, max_size=16), st.integers(1, 65_535))
def test_a_name_says_its_deployment_and_timeline(deployment: bytes, timeline: int) -> None:
    assert timeline_of(origin_of(deployment, timeline)) == (deployment, timeline)


@pytest.mark.parametrize(
    "name",
    [
        "privet.dev/" + "0" * 31,
        "privet.dev/" + "0" * 32 + "/1",
        "privet.dev/" + "0" * 32 + "/02",
        "privet.dev/" + "0" * 32 + "/2/3",
        "privet.dev/" + "A" * 32,
        "example.com/" + "0" * 32,
        "privet.dev/" + "0" * 32 + "\n",
    ],
)
def test_no_other_name_is_one(name: str) -> None:
    assert timeline_of(name) is None


def test_a_manifest_is_read_as_it_was_written_and_only_with_its_signature() -> None:
    origin = origin_of(DEPLOYMENT, 1)
    note = manifests.sealed(MANIFEST, SIGNER, origin)
    assert manifests.parse(note) == MANIFEST
    own = Verifier(origin, SIGNER.public)
    manifests.check_signed(note, [Verifier(origin, Signer(new_seed()).public), own])
    for keys in ([], [Verifier(origin_of(DEPLOYMENT, 2), SIGNER.public)]):
        with pytest.raises(IntegrityError):
            manifests.check_signed(note, keys)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_manifest_with_one_byte_changed_is_refused(place: int, by: int) -> None:
    origin = origin_of(DEPLOYMENT, 1)
    note = bytearray(manifests.sealed(MANIFEST, SIGNER, origin))
    note[place % (len(note) - 1)] ^= by
    try:
        manifests.parse(bytes(note))
        manifests.check_signed(bytes(note), [Verifier(origin, SIGNER.public)])
    except (InvalidInput, IntegrityError):
        return
    raise AssertionError("it was taken")


@pytest.mark.parametrize(
    "changed",
    [
        {"store": "other"},
        {"file": "../data.db"},
        {"timeline": "1"},
        {"sha256": 1},
        {"size": True},
    ],
)
def test_a_manifest_of_another_form_is_refused(changed: dict[str, object]) -> None:
    note = manifests.sealed(replace(MANIFEST, **changed), SIGNER, "x")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refusal:
        manifests.parse(note)
    assert refusal.value.reason == "backup.form"


def test_each_copy_has_its_place() -> None:
    found = places("b", {"keys": "/elsewhere"})
    assert found == {"data": Path("b/data"), "keys": Path("/elsewhere"), "audit": Path("b/audit")}
    with pytest.raises(InvalidInput) as refusal:
        places(None, {"keys": "/elsewhere"})
    assert refusal.value.reason == "backup.place"
    with pytest.raises(InvalidInput):
        places("a\0b", {})


def test_the_highest_number_is_found_wherever_it_is_named(home: Home) -> None:
    assert highest(home) == 0
    with home.data.write() as tx:
        tx.run("INSERT INTO fence (sno, request, seq) VALUES (70, 'r', 1)")
    assert highest(home) == 70
    log = Log(home.audit, SIGNER, "privet.dev/x", SystemClock())
    log.append([Entry({"kind": "access"}, frozenset({71}))])
    assert highest(home) == 71
    many = frozenset(np.arange(60_000, 140_000, 7).tolist())
    log.append([Entry({"kind": "access"}, many)])
    assert highest(home) == max(many)
    with home.keys.write() as tx:
        tx.run("INSERT INTO meta (key, value) VALUES ('next_sno', ?)", (b"900000",))
    assert highest(home) == 899_999
