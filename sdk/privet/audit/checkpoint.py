"""Signed tree heads: C2SP tlog-checkpoint bodies in C2SP signed notes, under Ed25519."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from privet.audit.merkle import HASH_BYTES
from privet.crypto import Signer, verify
from privet.errors import IntegrityError, InvalidInput

ED25519 = b"\x01"  # signature type of C2SP signed-note
ID_BYTES = 4
_NAME = re.compile(r"[!-*,-~]+\Z")  # printable ASCII without space and plus
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at one moment.

    Attributes:
        origin: which log.
        size: number of records.
        root: Merkle root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs under, as read from a vkey string."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ newline ‖ type ‖ key), the first four bytes."""
        return _key_id(self.name, self.public)

    @property
    def vkey(self) -> str:
        """``<name>+<hex key id>+<base64(type ‖ key)>``."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a vkey string.

        Raises:
            InvalidInput: it has another form, or its key id is not that of its key.
        """
        name, _, rest = vkey.strip().partition("+")
        hex_id, _, encoded = rest.partition("+")
        key = _base64(encoded)
        if key is not None and key[:1] == ED25519 and len(key) == 33 and _NAME.match(name):
            parsed = cls(name, key[1:])
            if parsed.key_id.hex() == hex_id:
                return parsed
        raise InvalidInput(
            "this is no verifier key",
            why="its form or its key id is wrong",
            remedy="Give the line of `log.vkey`: <name>+<key id>+<key>.",
            reason="audit.vkey",
        )

    def open(self, note: bytes) -> Checkpoint:
        """The checkpoint in a signed note.

        Raises:
            IntegrityError: the note has another form, another origin than this key's
                name, or no good signature of this key.
        """
        text, _, signatures = note.partition(b"\n\n")
        prefix = b"\xe2\x80\x94 " + self.name.encode() + b" "
        for line in signatures.splitlines():
            blob = _base64(line.removeprefix(prefix)) if line.startswith(prefix) else None
            if blob is None or blob[:ID_BYTES] != self.key_id:
                continue
            if verify(self.public, blob[ID_BYTES:], text + b"\n"):
                return self._read(text)
        raise _broken("it bears no good signature of the log's key")

    def _read(self, text: bytes) -> Checkpoint:
        # Only signed text comes here.
        found = _parsed(text)
        if found.origin != self.name:
            raise _broken("its lines are not those of this log")
        return found


def unverified(note: bytes) -> Checkpoint:
    """What a note says of its log; nobody has looked at who signed it.

    Raises:
        IntegrityError: it has another form.
    """
    return _parsed(note.partition(b"\n\n")[0])


def _parsed(text: bytes) -> Checkpoint:
    # Three lines: extension lines of other writers are no part of ours.
    lines = text.decode("utf-8", "replace").split("\n")
    if len(lines) != 3 or not _SIZE.match(lines[1]):
        raise _broken("its lines are not those of this log")
    root = _base64(lines[2])
    if root is None or len(root) != HASH_BYTES:
        raise _broken("its root is not a hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def check_origin(origin: str) -> str:
    """Return ``origin`` when it can name a log and its key.

    Raises:
        InvalidInput: it is empty, or has a space, a plus or a character beyond ASCII.
    """
    if not _NAME.match(origin):
        raise InvalidInput(
            "this origin cannot name a log",
            remedy="Use printable ASCII without spaces and plus signs.",
            reason="audit.origin",
        )
    return origin


def sign(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The checkpoint as a signed note, under the key name ``checkpoint.origin``."""
    text = checkpoint.text().encode()
    blob = b64encode(_key_id(checkpoint.origin, signer.public) + signer.sign(text)).decode()
    return text + f"\n— {checkpoint.origin} {blob}\n".encode()


@lru_cache(maxsize=16)
def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:ID_BYTES]


def _base64(text: str | bytes) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None


def _broken(why: str) -> IntegrityError:
    return IntegrityError("the audit checkpoint is not genuine", why=why)
