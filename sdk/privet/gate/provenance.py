"""Where an import comes from: evidence that all of its answers share, kept once for all of them.

What is told of an import (its channel, its source, who brought it in) is about the import and
about nobody in it. It is sealed under a key of the deployment, and each leaf commits to it by its
hash, as to evidence of a person's own; an erasure takes away whose leaf it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Final

from privet import crypto
from privet.gate.parts import Parts

_LABEL: Final = b"privet-provenance-v1"


def keep(parts: Parts, details: Mapping[str, str]) -> str:
    """Seal what is told of an import, durably; the commitment that its leaves bear.

    Args:
        parts: the open deployment.
        details: names and values; they must name nobody.
    """
    told = json.dumps(
        {"salt": os.urandom(16).hex(), **details}, sort_keys=True, ensure_ascii=False
    ).encode()
    commitment = crypto.sha256(told).hex()
    sealed = _key(parts).seal(told, _bound(parts, commitment))
    with parts.home.data.write() as tx:
        tx.run("INSERT INTO provenance (commitment, ct) VALUES (?, ?)", (commitment, sealed))
    return commitment


def told(parts: Parts, commitments: Collection[str]) -> dict[str, str]:
    """The text behind each of these commitments that an import made.

    Raises:
        IntegrityError: what is kept is not what was sealed.
    """
    found = {}
    with parts.home.data.read() as tx:
        for commitment in sorted(commitments):
            row = tx.one("SELECT ct FROM provenance WHERE commitment = ?", (commitment,))
            if row is not None:
                found[commitment] = bytes(row[0])
    key = _key(parts) if found else None
    return {
        commitment: key.open(ct, _bound(parts, commitment)).decode()
        for commitment, ct in found.items()
        if key is not None
    }


def _key(parts: Parts) -> crypto.Aead:
    return crypto.Aead(crypto.derive(parts.keys.secret("details"), _LABEL))


def _bound(parts: Parts, commitment: str) -> bytes:
    return _LABEL + parts.home.deployment + bytes.fromhex(commitment)
