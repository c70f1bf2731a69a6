"""Cosignatures of witnesses: C2SP tlog-cosignature, ``cosignature/v1`` under Ed25519.

A witness signs the lines ``cosignature/v1`` and ``time <seconds>`` and the checkpoint's
own text: that it saw this tree as the largest consistent one, at that time.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256

from privet.crypto import verify
from privet.errors import InvalidInput

TYPE = b"\x04"  # signature type of C2SP signed-note: timestamped Ed25519 cosignature
ID_BYTES = 4
TIME_BYTES = 8
BLOB_BYTES = ID_BYTES + TIME_BYTES + 64
MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's name and public key, as read from its verifier key."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ newline ‖ 0x04 ‖ key), the first four bytes."""
        return sha256(self.name.encode() + b"\n" + TYPE + self.public).digest()[:ID_BYTES]

    @property
    def vkey(self) -> str:
        """``<name>+<hex key id>+<base64(0x04 ‖ key)>``."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(TYPE + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Cosigner:
        """Read a witness's verifier key.

        Raises:
            InvalidInput: it has another form or type, or its key id is not that of its key.
        """
        name, _, rest = vkey.strip().partition("+")
        hex_id, _, encoded = rest.partition("+")
        key = _base64(encoded)
        if name and not any(c.isspace() for c in name) and len(key) == 33 and key[:1] == TYPE:
            parsed = cls(name, key[1:])
            if parsed.key_id.hex() == hex_id:
                return parsed
        raise InvalidInput(
            "this is no verifier key of a witness",
            why="its form, its type or its key id is wrong",
            remedy="Give <name>+<key id>+<key> with the type byte 0x04 (C2SP tlog-cosignature).",
            reason="anchor.vkey",
        )

    def time_of(self, line: str, text: bytes) -> int | None:
        """When this witness cosigned a checkpoint, POSIX seconds; None where it did not.

        Args:
            line: one signature line, without its end.
            text: the checkpoint's text, with its last line end.
        """
        prefix = f"\u2014 {self.name} "
        blob = _base64(line.removeprefix(prefix)) if line.startswith(prefix) else b""
        if len(blob) != BLOB_BYTES or blob[:ID_BYTES] != self.key_id:
            return None
        time = int.from_bytes(blob[ID_BYTES : ID_BYTES + TIME_BYTES], "big")
        signature = blob[ID_BYTES + TIME_BYTES :]
        if time > MAX_TIME or not verify(self.public, signature, message(time, text)):
            return None
        return time


def message(time: int, text: bytes) -> bytes:
    """What a cosignature signs."""
    return b"cosignature/v1\ntime %d\n" % time + text


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
