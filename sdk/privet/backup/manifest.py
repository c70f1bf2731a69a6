"""The manifest of one store's copy: what it is, of which moment, and signed by the log's key.

A C2SP signed note (https://c2sp.org/signed-note) whose text has two lines: ``privet-backup/1``,
and one object of canonical JSON (RFC 8785, as the log's records). The key is the one that signs
the log's checkpoints; the first line keeps a manifest from being taken for one.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from privet.audit.checkpoint import ID_BYTES, Verifier
from privet.audit.record import decode, encode
from privet.crypto import Signer, verify
from privet.errors import IntegrityError, InvalidInput, PrivetError

FORM = b"privet-backup/1\n"
MAX_BYTES = 65_536
Name = Literal["data", "keys", "audit"]
_SIGNATURE = "— {} {}\n"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one copy is.

    Attributes:
        backup: random number of the backup, 32 hex digits; the same in all three.
        store: ``"data"``, ``"keys"`` or ``"audit"``.
        deployment: its id, 32 hex digits.
        revision: of the store's tables.
        timeline: how often the deployment was restored before, plus one.
        at: when the copy's snapshot was taken, UTC microseconds.
        size: records that the log had then at least: no effect of a later one is in the copy.
        root: Merkle root over them, hex.
        checkpoint: the signed checkpoint of exactly these.
        position: of ``data`` the last record that is applied in it, of ``keys`` the next ordinal,
            of ``audit`` its number of records.
        file: name of the file beside the manifest.
        bytes: its length.
        sha256: of all its bytes, hex.
    """

    backup: str
    store: Name
    deployment: str
    revision: str
    timeline: int
    at: int
    size: int
    root: str
    checkpoint: str
    position: int
    file: str
    bytes: int
    sha256: str


def sealed(manifest: Manifest, signer: Signer, origin: str) -> bytes:
    """The manifest as a signed note, under the log's name and key."""
    text = FORM + encode(asdict(manifest)) + b"\n"
    key = Verifier(origin, signer.public)
    blob = b64encode(key.key_id + signer.sign(text)).decode()
    return text + b"\n" + _SIGNATURE.format(origin, blob).encode()


def parse(note: bytes) -> Manifest:
    """The manifest in a note whose signature nobody has looked at yet.

    Raises:
        InvalidInput: it is no manifest (``backup.form``).
    """
    text, _, _ = note.partition(b"\n\n")
    if not note.startswith(FORM) or len(note) > MAX_BYTES:
        raise _formless()
    try:
        fields = decode(text[len(FORM) :])
        found = Manifest(**fields)
    except (PrivetError, TypeError):
        raise _formless() from None
    kinds = {name: type(value) for name, value in asdict(found).items()}
    numbers = {"timeline", "at", "size", "position", "bytes"}
    if any(kinds[name] is not (int if name in numbers else str) for name in kinds):
        raise _formless()
    if found.store not in {"data", "keys", "audit"} or found.file != f"{found.store}.db":
        raise _formless()
    return found


def check_signed(note: bytes, keys: Iterable[Verifier]) -> None:
    """Refuse a manifest that none of these keys signed.

    Raises:
        IntegrityError: reason ``backup.forged``.
    """
    text, _, signatures = note.partition(b"\n\n")
    lines = signatures.splitlines()
    if not any(_signed(text + b"\n", lines, key) for key in keys):
        raise IntegrityError(
            "this backup was not made by this deployment",
            why="its manifest bears no good signature of the log's key",
            remedy="Restore a backup that this deployment made; find out who wrote this one.",
            reason="backup.forged",
        )


def _signed(text: bytes, lines: list[bytes], key: Verifier) -> bool:
    prefix = f"— {key.name} ".encode()
    for line in lines:
        blob = _base64(line.removeprefix(prefix)) if line.startswith(prefix) else b""
        if blob[:ID_BYTES] == key.key_id and verify(key.public, blob[ID_BYTES:], text):
            return True
    return False


def _base64(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""


def _formless() -> InvalidInput:
    return InvalidInput(
        "this is no manifest of a backup",
        why="it has another form than privet writes",
        remedy="Name the directories that `privet backup` made.",
        reason="backup.form",
    )


def told(manifest: Manifest) -> dict[str, Any]:
    """The manifest as data, for ``--json``."""
    return asdict(manifest)
