"""An approval: one person's signature that a policy may take the place of the one in force.

What is signed names everything that it is good for: the deployment, the activation that is in
force there, the policy by its meaning and by every byte of its documents. A signature given for
another deployment, or before some other activation, is therefore good for nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privet.errors import InvalidInput, KeyUnavailable
from privet.policy.life import PUBLIC_KEY
from privet.types import check_path, check_type

if TYPE_CHECKING:
    from privet.policy.policy import Policy

FORM = "approval/1"
MOST = 4096
_DOMAIN = b"privet-policy-approval-v1"
_PLACE = re.compile(r"privet\.dev/[0-9a-f]{32}/(?:-1|[0-9]{1,16})\Z")
_KEY = re.compile(PUBLIC_KEY + r"\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Approval:
    """A detached signature.

    Attributes:
        policy: hash of the policy that was approved of.
        documents: SHA-256 of its documents, byte for byte, 64 hex digits.
        place: the deployment and the activation that it was to take the place of.
        key: public key of who signed, ``ed25519:`` and base64.
        signature: 64 bytes in base64.
    """

    policy: str
    documents: str
    place: str
    key: str
    signature: str

    def text(self) -> str:
        """As a file holds it."""
        return json.dumps({"privet": FORM, **asdict(self)}, indent=1) + "\n"

    def is_genuine(self) -> bool:
        """Whether the signature is that of the key over what this approval says."""
        from privet import crypto

        told = _message(self.policy, self.documents, self.place)
        key, signature = raw(self.key), _decoded(self.signature)
        return key not in crypto.SMALL_ORDER and crypto.verify(key, signature, told)


def digest_of(policy: Policy) -> str:
    """SHA-256 of a policy's documents, imported ones included, each with its name and length."""
    found = hashlib.sha256(b"privet-policy-documents-v1\n")
    for name, text in sorted(policy.documents.items()):
        data = text.encode()
        found.update(f"{name}\n{len(data)}\n".encode() + data)
    return found.hexdigest()


def sign(policy: Policy, place: str, key: str | Path) -> Approval:
    """Approve of a policy with a private key.

    Args:
        policy: the policy, compiled from the very documents that will be activated.
        place: where, and instead of what: ``privet policy history`` names it.
        key: the private key's file.

    Raises:
        InvalidInput: this is no place (``approval.place``).
        KeyUnavailable: the file is missing, readable by others, or no Ed25519 private key.
    """
    from privet import crypto

    check_type(place, str, "a place", "Take it from `privet policy history`.")
    if not _PLACE.match(place):
        raise InvalidInput(
            "this names no activation of a deployment",
            remedy="Take it from `privet policy history`: privet.dev/DEPLOYMENT/NUMBER.",
            reason="approval.place",
        )
    signer = crypto.Signer(_seed(check_path(key, "the key", "key.path")))
    documents = digest_of(policy)
    signature = signer.sign(_message(policy.hash, documents, place))
    return Approval(policy.hash, documents, place, spelt(signer.public), _encoded(signature))


def parse(text: str) -> Approval:
    """The approval that a file holds.

    Raises:
        InvalidInput: it is none (``approval.form``).
    """
    try:
        told = json.loads(text) if len(text) <= MOST else None
        if not isinstance(told, dict) or told.pop("privet", None) != FORM:
            raise _no_form()
        found = Approval(**told)
        sound = all(isinstance(value, str) for value in asdict(found).values())
    except (ValueError, TypeError, RecursionError):
        raise _no_form() from None
    if not (
        sound
        and _HEX.match(found.policy)
        and _HEX.match(found.documents)
        and _PLACE.match(found.place)
        and _KEY.match(found.key)
    ):
        raise _no_form()
    return found


def read(path: str | Path) -> Approval:
    """The approval in a file.

    Raises:
        InvalidInput: there is none (``approval.form``).
    """
    place = check_path(path, "an approval", "approval.form")
    try:
        with place.open("rb") as file:
            raw_text = file.read(MOST + 1)
        return parse(raw_text.decode("ascii"))
    except (OSError, UnicodeDecodeError):
        raise _no_form() from None


def make_key(path: str | Path) -> str:
    """Make a private key in a new file that its owner alone can read; the public key.

    Raises:
        InvalidInput: the file is there already, or cannot be made (``key.path``).
    """
    from privet import crypto

    place, seed = check_path(path, "the key", "key.path"), crypto.new_seed()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
            file.write(crypto.pem_of(seed))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        raise InvalidInput(
            "no key was made",
            why="the file is there already, or its place cannot be written to",
            remedy="Name a new file.",
            reason="key.path",
        ) from None
    return spelt(crypto.Signer(seed).public)


def spelt(public: bytes) -> str:
    """A public key as documents write it."""
    return f"ed25519:{_encoded(public)}"


def raw(key: str) -> bytes:
    """The 32 bytes of a public key."""
    return _decoded(key.removeprefix("ed25519:"))


def _seed(path: Path) -> bytes:
    from privet import crypto

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
                raise KeyUnavailable(
                    "a private key was refused",
                    why="others than its owner can read it, or it is no regular file",
                    remedy="Give it to its owner alone (chmod go-rwx); make a new one if others "
                    "may have read it.",
                    reason="key.readable",
                )
            seed = crypto.seed_of(file.read(MOST))
    except OSError:
        seed = None
    if seed is None:
        raise KeyUnavailable(
            "a private key cannot be used",
            why="the file is missing, or holds no Ed25519 key in PEM without a passphrase",
            remedy="Make one: `privet policy keygen FILE`.",
            reason="key.malformed",
        )
    return seed


def _message(policy: str, documents: str, place: str) -> bytes:
    return b"\n".join((_DOMAIN, policy.encode(), documents.encode(), place.encode()))


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _no_form() -> InvalidInput:
    return InvalidInput(
        "this is no approval",
        why="the file is missing, cut short, or was not made by `privet policy sign`",
        remedy="Have it signed again: `privet policy sign FILE --key KEY`.",
        reason="approval.form",
    )
