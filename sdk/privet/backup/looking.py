"""One pass over a log that is to be lived by: every record hashed, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privet.audit import head as heads
from privet.audit import merkle, selfcheck
from privet.audit.checkpoint import Verifier, unverified
from privet.audit.head import LOG, Head
from privet.audit.origin import timeline_of
from privet.audit.record import decode
from privet.audit.succession import NEW_KEY, NEW_ORIGIN, endorsed
from privet.backup.anchored import forged
from privet.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.db import Store

PAGE = 2000
_POLICY = b'"subject":"policy"'
_HANDOVERS = (f'"kind":"{NEW_KEY}"'.encode(), f'"kind":"{NEW_ORIGIN}"'.encode())


@dataclass(frozen=True, slots=True)
class Log:
    """What a log says, once it was found to be whole and signed.

    Attributes:
        head: its newest state.
        key: under which name and key that is signed.
        timeline: the number in that name.
        policies: the activations of a policy, oldest first: index and record.
        keys: every key that signed for this log or that it handed over to.
    """

    head: Head
    key: Verifier
    timeline: int
    policies: tuple[tuple[int, Mapping[str, Any]], ...] = field(repr=False)
    keys: frozenset[bytes] = field(repr=False)


def look(store: Store, deployment: bytes, own: Iterable[bytes]) -> Log:
    """Hash every record, check the tree and who signed it.

    Args:
        store: the audit store.
        deployment: whose log it must be.
        own: raw public keys that the deployment's keys store holds.

    Raises:
        IntegrityError: a record is not what was hashed, the tree is not what was signed, or it
            was signed by nobody whom these keys vouch for (``restore.forged``).
        AuditUnavailable: the head is not of its own tree.
    """
    policies, handovers = _pass(store)
    keys = _vouched(frozenset(own), handovers)
    with store.read() as tx:
        head = heads.read(tx)
    if head is None:
        raise IntegrityError("the audit log is broken", why="it is empty", reason="audit.broken")
    origin = unverified(head.note).origin
    named = timeline_of(origin)
    if named is None or named[0] != deployment:
        raise forged()
    key = _signer(head, origin, keys)
    selfcheck.check(store, key.vkey)
    return Log(head, key, named[1], tuple(policies), keys)


def _pass(store: Store) -> tuple[list[tuple[int, Mapping[str, Any]]], list[Mapping[str, Any]]]:
    policies: list[tuple[int, Mapping[str, Any]]] = []
    handovers: list[Mapping[str, Any]] = []
    after = -1
    while True:
        with store.read() as tx:
            rows = tx.all(
                "SELECT seq, body, leaf FROM record WHERE log = ? AND seq > ? ORDER BY seq LIMIT ?",
                (LOG, after, PAGE),
            )
        for seq, raw, leaf in rows:
            body = bytes(raw)
            if merkle.leaf_hash(body) != bytes(leaf):
                raise IntegrityError(
                    "the audit log is broken",
                    why=f"record {seq} is not the one that its leaf names",
                    reason="audit.broken",
                )
            if _POLICY in body:
                told = decode(body)
                if told.get("kind") == "admin" and told.get("subject") == "policy":
                    policies.append((int(seq), told))
            elif any(mark in body for mark in _HANDOVERS):
                handovers.append(decode(body))
        if len(rows) < PAGE:
            return policies, handovers
        after = int(rows[-1][0])


def _vouched(own: frozenset[bytes], handovers: list[Mapping[str, Any]]) -> frozenset[bytes]:
    """The keys before and after our own, as far as one signed for the next."""
    pairs = []
    for body in handovers:
        try:
            old = Verifier.parse(str(body.get("previous"))).public
            new = Verifier.parse(str(body.get("vkey"))).public
        except InvalidInput:
            continue
        pairs.append((old, new, endorsed(body)))
    known = set(own)
    for old, new, signed in pairs:  # in the log's order: one hand-over leads to the next
        if old in known and signed:
            known.add(new)
    for old, new, _ in reversed(pairs):  # what ours vouches for by signing the log it is in
        if new in known:
            known.add(old)
    return frozenset(known)


def _signer(head: Head, origin: str, keys: frozenset[bytes]) -> Verifier:
    for public in sorted(keys):
        key = Verifier(origin, public)
        try:
            key.open(head.note)
        except IntegrityError:
            continue
        return key
    raise forged()
