"""AES-256-GCM against NIST's own vectors (CAVS 14.0), for the nonce and tag lengths in use."""

from __future__ import annotations

from pathlib import Path

import cryptography_vectors
import pytest

from privet.crypto import Aead
from privet.errors import IntegrityError

PLACE = Path(cryptography_vectors.__file__).parent / "ciphers" / "AES" / "GCM"


def vectors(name: str):
    """The vectors of a file with 96-bit nonces and 128-bit tags."""
    group: dict[str, str] = {}
    one: dict[str, str] = {}
    for line in (PLACE / name).read_text().splitlines():
        if line.startswith("["):
            key, value = line.strip("[]").split(" = ")
            group[key] = value
        elif line == "FAIL":
            one["FAIL"] = ""
        elif " =" in line:
            key, _, value = line.partition(" =")
            if key == "Count":
                one = {}
            one[key] = value.strip()
        elif one:
            if (group["IVlen"], group["Taglen"]) == ("96", "128"):
                yield {k: bytes.fromhex(v) for k, v in one.items() if k != "Count"}
            one = {}


def test_sealing_gives_the_published_ciphertexts() -> None:
    count = 0
    for v in vectors("gcmEncryptExtIV256.rsp"):
        sealed = Aead(v["Key"]).seal(v["PT"], v["AAD"], v["IV"])
        assert sealed == v["IV"] + v["CT"] + v["Tag"]
        count += 1
    assert count >= 300


def test_opening_gives_the_published_plaintexts_and_refuses_the_published_forgeries() -> None:
    opened = refused = 0
    for v in vectors("gcmDecrypt256.rsp"):
        sealed = v["IV"] + v["CT"] + v["Tag"]
        if "FAIL" in v:
            with pytest.raises(IntegrityError):
                Aead(v["Key"]).open(sealed, v["AAD"])
            refused += 1
        else:
            assert Aead(v["Key"]).open(sealed, v["AAD"]) == v["PT"]
            opened += 1
    assert opened >= 100
    assert refused >= 100
