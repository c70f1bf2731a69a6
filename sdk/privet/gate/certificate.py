"""The certificate of an erasure: signed, and tied to the log by an inclusion proof.

Whoever holds it can verify it with `privet rights verify` or the stand-alone verifier,
offline, and needs neither this deployment nor its good will. It names a random
receipt, never a person.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from privet import crypto
from privet.clock import iso
from privet.gate import keylife
from privet.gate.held import kept_out_until, remains
from privet.gate.parts import IDENTITY, Parts
from privet.gate.removal import Removed

if TYPE_CHECKING:
    from privet.gate.register import Held, Request

FORM = "privet:erasure-certificate/1"


def body(
    parts: Parts,
    request: Request,
    removed: Sequence[Removed],
    held: Sequence[Held],
    release_within_us: int,
) -> dict[str, Any]:
    """What the certificate says, as plain data."""
    purposes = parts.policy.purposes.values()
    detail = request.detail
    gone = {*detail["destroyed"], "ledger"}
    if not held:  # once what was held is released, it is gone as well
        gone |= {*detail["holds"], *([IDENTITY] if detail["holds"] else ())}
    return {
        "form": FORM,
        "receipt": request.receipt,
        "received": iso(request.received),
        "fenced": iso(detail["fenced"]),
        "concluded": iso(parts.now),
        "gone": sorted(gone),
        "remains": remains(parts, detail.get("suppressed", kept_out_until(parts))),
        "held": [{"fields": list(h.fields), "law": h.law, "until": h.until} for h in held],
        "models": [
            {
                "purpose": m.purpose,
                "name": m.name,
                "before": m.before,
                "after": m.after,
                # Lists of the older version are dropped by every process after this instant.
                "served_until": iso(m.at + release_within_us),
            }
            for m in removed
        ],
        "recipients": sorted({r for p in purposes for r in p.recipients}),
        "backups": _backups(parts),
        "policy": parts.policy.hash,
    }


def _backups(parts: Parts) -> dict[str, str | None]:
    """From which date on no copy of the stores opens anything of hers."""
    date = keylife.opens_until(parts)
    if date is None:
        return {
            "until": None,
            "why": "no date can be stated: this keyring does not destroy the secrets of its "
            "epochs, so that whoever keeps one and a copy of the keys store can open it",
        }
    days = parts.keys.terms().backup_days
    return {
        "until": iso(date),
        "why": "copies of the stores made before the erasure open nothing, and lead from her "
        "ids to nothing, once the key epoch and the index have ended, the keyring has destroyed "
        f"their secret and copies of the keyring, kept for {days} days, are gone",
    }


def fingerprint(value: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, hex: what the log's record commits to."""
    return crypto.sha256(canonical(value)).hex()


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8 (the subset of RFC 8785 used here)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(parts: Parts, value: Mapping[str, Any], seq: int) -> bytes:
    """The certificate file: body, signature, and the proof that its record is in the log."""
    signed, vkey, (inclusion,) = parts.log.attest(canonical(value), [seq])
    document = {
        "certificate": dict(value),
        "signature": base64.b64encode(signed).decode(),
        "vkey": vkey,
        "inclusion": inclusion,
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False).encode()


def hashed(parts: Parts, text: str) -> str:
    """A keyed hash of a host's own text, so that the store does not keep it."""
    if not text:
        return ""
    return crypto.mac(parts.keys.secret("details"), b"reference" + text.encode()).hex()
