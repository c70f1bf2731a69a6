"""Signed notes: what verifies, and each way not to."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from privet.audit.checkpoint import Checkpoint, Verifier, check_origin, sign
from privet.crypto import Signer, verify
from privet.errors import IntegrityError, InvalidInput

ORIGIN = "privet.dev/00ff"
SIGNER = Signer(b"\x07" * 32)
STATE = Checkpoint(ORIGIN, 42, sha256(b"root").digest())
VERIFIER = Verifier(ORIGIN, SIGNER.public)
NOTE = sign(STATE, SIGNER)


def test_a_note_has_the_lines_of_the_specification() -> None:
    text, _, tail = NOTE.partition(b"\n\n")
    assert text == f"{ORIGIN}\n42\n{b64encode(STATE.root).decode()}".encode()
    dash, name, blob = tail.decode().rstrip("\n").split(" ")
    assert (dash, name) == ("—", ORIGIN)
    raw = b64decode(blob)
    key_id = sha256(ORIGIN.encode() + b"\n\x01" + SIGNER.public).digest()[:4]
    assert raw[:4] == key_id
    assert verify(SIGNER.public, raw[4:], text + b"\n")


def test_a_note_opens_under_its_key() -> None:
    assert VERIFIER.open(NOTE) == STATE


def test_the_known_vkey_of_the_signed_note_specification_parses() -> None:
    # The example key of the Go reference implementation, golang.org/x/mod/sumdb/note.
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    parsed = Verifier.parse(vkey)
    assert parsed.name == "PeterNeumann"
    assert parsed.vkey == vkey


def test_the_known_note_of_the_reference_implementation_is_signed_so() -> None:
    text = (
        b"If you think cryptography is the answer to your problem,\n"
        b"then you don't know what your problem is.\n"
    )
    blob = b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    key = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert blob[:4] == key.key_id
    assert verify(key.public, blob[4:], text)


@pytest.mark.parametrize(
    "forged",
    [
        NOTE.replace(b"\n42\n", b"\n43\n"),
        NOTE.replace(ORIGIN.encode(), b"privet.dev/0100"),
        NOTE.replace("— ".encode(), b"- "),
        NOTE[:-5] + b"\n",
        NOTE.partition(b"\n\n")[0] + b"\n\n",
        b"",
        sign(STATE, Signer(b"\x08" * 32)),
        sign(Checkpoint("privet.dev/0100", 42, STATE.root), SIGNER),
    ],
)
def test_a_forged_note_does_not_open(forged: bytes) -> None:
    with pytest.raises(IntegrityError):
        VERIFIER.open(forged)


@pytest.mark.parametrize("size", [-1, "042"])
def test_a_signed_note_with_other_lines_is_still_refused(size: object) -> None:
    odd = Checkpoint(ORIGIN, size, STATE.root)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        VERIFIER.open(sign(odd, SIGNER))


def test_a_root_of_another_length_is_refused() -> None:
    with pytest.raises(IntegrityError):
        VERIFIER.open(sign(Checkpoint(ORIGIN, 42, b"short"), SIGNER))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000+AAAA",
        VERIFIER.vkey.replace("+", "-"),
        VERIFIER.vkey[:-4] + "AAA=",
    ],
)
def test_a_broken_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Verifier.parse(vkey)
    assert caught.value.reason == "audit.vkey"


@pytest.mark.parametrize("origin", ["", "with space", "with+plus", "ligne\n", "é"])
def test_an_origin_that_cannot_name_a_key_is_refused(origin: str) -> None:
    with pytest.raises(InvalidInput):
        check_origin(origin)
