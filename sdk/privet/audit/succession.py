"""Who signs the log next: an old key vouches for a new one, in a record that both can show.

Two records hand over. ``key.signing`` keeps the log's origin and changes its key;
``log.succeeds`` begins a new origin after a restore and names what the old one had
signed last. In both, the old key signs the names of both keys. The numbers of the
records go on: no index of the log ever means two things.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from privet.audit.checkpoint import Verifier
from privet.crypto import verify
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW_KEY = "key.signing"
NEW_ORIGIN = "log.succeeds"
_LABEL = "privet-log-successor/1"


def statement(old_vkey: str, new_vkey: str) -> bytes:
    """What the old key signs: a label and both verifier keys, each on a line of its own."""
    return f"{_LABEL}\n{old_vkey}\n{new_vkey}\n".encode()


def endorsed(body: Mapping[str, Any]) -> bool:
    """Whether the old key of a ``key.signing`` or ``log.succeeds`` record signed the new one."""
    old, new, signature = (body.get(name) for name in ("previous", "vkey", "signature"))
    if not isinstance(old, str) or not isinstance(new, str) or not isinstance(signature, str):
        return False
    try:
        key, raw = Verifier.parse(old), b64decode(signature, validate=True)
        Verifier.parse(new)
    except (InvalidInput, Base64Error, ValueError):
        return False
    return verify(key.public, raw, statement(old, new))
