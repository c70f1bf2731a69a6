"""Which key signs the log: the one that signed its newest head, until it names another.

A change of the key is a record: the old key vouches for the new one (``succession``), and
the head over that record is the new key's already. Any process that then finds a head of a
key it does not sign with asks the keys store, and goes on with the one that signed it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from privet.audit.checkpoint import ID_BYTES, Verifier
from privet.audit.head import LOG
from privet.audit.record import decode
from privet.audit.succession import NEW_KEY, endorsed, statement
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from privet.crypto import Signer
    from privet.db import Store, Tx

Signers = Callable[[], Sequence["Signer"]]
"""Gives every signing key that the deployment has."""


class Signing:
    """The signing key in force.

    Args:
        origin: names the log.
        signer: a key of the deployment's.
        others: gives all of them.

    Attributes:
        signer: signs what is recorded next.
        verifier: its public half, under the log's name.
    """

    def __init__(self, origin: str, signer: Signer, others: Signers) -> None:
        self._origin = origin
        self._others = others
        self.install(signer)

    def install(self, signer: Signer) -> None:
        """Sign with this key from now on."""
        self.signer, self.verifier = signer, Verifier(self._origin, signer.public)

    def follow(self, note: bytes) -> bool:
        """Go on with the key that signed a head; whether it is another one than before."""
        if self.verifier.key_id == _key_id(note):
            return False
        for signer in self._others():
            if _signed(Verifier(self._origin, signer.public), note):
                self.install(signer)
                return True
        return False

    def record(self, new: Signer, body: dict[str, Any]) -> dict[str, Any]:
        """The body of the record in which the key in force vouches for a new one."""
        old, vkey = self.verifier.vkey, Verifier(self._origin, new.public).vkey
        signature = b64encode(self.signer.sign(statement(old, vkey))).decode()
        return {**body, "kind": NEW_KEY, "previous": old, "vkey": vkey, "signature": signature}


def _signed(verifier: Verifier, note: bytes) -> bool:
    try:
        verifier.open(note)
    except IntegrityError:
        return False
    return True


def _key_id(note: bytes) -> bytes:
    """The id of the key of a note's last signature; empty where it has none."""
    try:
        return b64decode(note.rpartition(b" ")[2].strip(), validate=True)[:ID_BYTES]
    except (Base64Error, ValueError):
        return b""


def predecessors(tx: Tx, verifier: Verifier) -> list[Verifier]:
    """The keys that signed under a log's name before one, the newest first.

    Each vouched for the next in a record of the log.
    """
    found_in = "position(? in body)" if tx.for_update else "instr(body, ?)"
    mark = f'"kind":"{NEW_KEY}"'.encode()
    rows = tx.all(f"{_SUCCESSIONS} AND {found_in} > 0", (LOG, mark))
    before = {}
    for (data,) in rows:
        body = decode(bytes(data))
        if body.get("kind") == NEW_KEY and endorsed(body):
            before[body["vkey"]] = Verifier.parse(body["previous"])
    found, now = list[Verifier](), verifier.vkey
    while now in before:
        found.append(before.pop(now))
        now = found[-1].vkey
    return found


def before(store: Store, verifier: Verifier) -> list[Verifier]:
    """``predecessors``, in a snapshot of its own."""
    with store.read() as tx:
        return predecessors(tx, verifier)


# A change of the key stands among the records for replay, which no shard drops.
_SUCCESSIONS = "SELECT body FROM record WHERE log = ? AND redo = 1"
