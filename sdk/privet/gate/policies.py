"""Every version of the policy that was ever active, and which of them held when.

A version is kept under its hash and never changed; an activation names a version, its place in
the log and who approved it. What was decided once is judged by the policy of that time, whatever
holds today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privet.db import Home, Tx
from privet.errors import IntegrityError, PolicyError, StoreUnavailable
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.policy import Policy, compile_documents
from privet.policy.life import Running
from privet.types import ADMINISTRATION

ACTIVE = "policy"
"""Key under which the data store names the hash of the active version."""
_LATEST = "SELECT seq, hash, at, detail FROM policy_activation ORDER BY seq"
_PREFIX = re.compile(r"[0-9a-f]{16,64}\Z")
_KEPT = 8  # compiled versions in memory


@dataclass(frozen=True, slots=True)
class Activation:
    """A version that became the active one.

    Attributes:
        seq: index of its record in the log; -1 where that was before versions were kept.
        hash: of the version.
        at: since when, UTC microseconds; 0 where that is not known.
        name: what the policy calls itself.
        who: pseudonym of who activated it; empty for the first of a home.
        approvals: whose signatures allowed it, by the names that the policy before gives them.
        running: what became of bulk jobs that had begun before.
    """

    seq: int
    hash: str
    at: int
    name: str = ""
    who: str = ""
    approvals: tuple[str, ...] = field(default=())
    running: Running = "stop"


def keep(tx: Tx, policy: Policy) -> None:
    """Keep a version's documents under its hash; the same again changes nothing."""
    tx.run(
        "INSERT INTO policy_version (hash, documents) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
        (policy.hash, json.dumps(dict(policy.documents), sort_keys=True)),
    )


def make_active(tx: Tx, policy: Policy) -> None:
    """Name a version as the active one; every handle of another refuses from here on."""
    keep(tx, policy)
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (ACTIVE, policy.hash.encode()),
    )


def note(tx: Tx, activation: Activation) -> None:
    """Note an activation beside its record; the same again changes nothing."""
    detail = {
        "name": activation.name,
        "who": activation.who,
        "approvals": list(activation.approvals),
        "running": activation.running,
    }
    tx.run(
        "INSERT INTO policy_activation (seq, hash, at, detail) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (seq) DO NOTHING",
        (activation.seq, activation.hash, activation.at, json.dumps(detail)),
    )


def activations(tx: Tx) -> list[Activation]:
    """All activations of a home, oldest first."""
    return [_activation(*row) for row in tx.all(_LATEST)]


def latest(tx: Tx) -> Activation | None:
    """The activation in force; None in a home whose first one was not noted yet."""
    row = tx.one(f"{_LATEST} DESC LIMIT 1")
    return None if row is None else _activation(*row)


def active(home: Home) -> Policy:
    """The policy that this home was activated with, compiled from the documents it holds.

    Raises:
        StoreUnavailable: no policy was ever activated here.
        PolicyError: its documents are not those that were activated.
    """
    with home.data.read() as tx:
        row = tx.one("SELECT value FROM meta WHERE key = ?", (ACTIVE,))
        documents = None if row is None else _documents(tx, bytes(row[0]).decode())
    if row is None or documents is None:
        raise StoreUnavailable(
            "this home has no policy",
            why="its creation did not finish",
            remedy="Run `privet init` on it again with a policy.",
            reason="store.unfinished",
        )
    return _compiled(bytes(row[0]).decode(), documents)


def history(parts: Parts, caller: Caller) -> list[Activation]:
    """All activations, oldest first; not personal.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    with parts.home.data.read() as tx:
        return activations(tx)


def as_of(parts: Parts, at: int) -> Policy:
    """The policy that was active at an instant.

    Args:
        parts: the open deployment.
        at: UTC microseconds; before the first activation, the first policy counts.

    Raises:
        PolicyError: its version is not kept, or does not compile any more.
    """
    with parts.home.data.read() as tx:
        found = activations(tx)
    held = [a for a in found if a.at <= at] or found[:1]
    return of_hash(parts, held[-1].hash) if held else parts.policy


def of_hash(parts: Parts, digest: str) -> Policy:
    """The version of a hash, or of its first digits, as every record names the policy.

    Raises:
        PolicyError: no such version is kept here (``policy.unknown``); its documents were
            changed (``policy.changed``), or do not compile with this version of privet.
    """
    if parts.policy.hash == digest or (len(digest) >= 16 and parts.policy.hash.startswith(digest)):
        return parts.policy
    if not _PREFIX.match(digest):
        raise _unknown()
    known: dict[str, Policy] = parts.cache.setdefault("policies", {})
    for policy in list(known.values()):
        if policy.hash.startswith(digest):
            return policy
    with parts.home.data.read() as tx:
        rows = tx.all("SELECT hash FROM policy_version WHERE hash LIKE ?", (digest + "%",))
        if len(rows) != 1:
            raise _unknown()
        documents = _documents(tx, str(rows[0][0])) or {}
    if len(known) >= _KEPT:
        known.clear()
    policy = known[str(rows[0][0])] = _compiled(str(rows[0][0]), documents)
    return policy


def kept(parts: Parts, digest: str) -> Policy | None:
    """As ``of_hash``; None where it is not kept here or cannot be compiled any more."""
    try:
        return of_hash(parts, digest)
    except PolicyError:
        return None


def check_recorded(parts: Parts) -> None:
    """Refuse where the active policy is not the one that the log says was activated.

    The store alone could be given other documents and their hash; the record cannot be changed.

    Raises:
        IntegrityError: reason ``policy.unrecorded``.
    """
    with parts.home.data.read() as tx:
        row = tx.one("SELECT value FROM meta WHERE key = ?", (ACTIVE,))
        last = latest(tx)
    if last is None or row is None:
        return
    recorded = last.hash
    if last.seq >= 0:
        leaves = parts.log.leaves(last.seq, 1)
        body: Mapping[str, Any] = leaves[0][1] if leaves and leaves[0][0] == last.seq else {}
        recorded = str(body.get("hash", "")) if body.get("subject") == "policy" else ""
    if {recorded, last.hash} != {bytes(row[0]).decode()}:
        raise IntegrityError(
            "the active policy is not the one that was activated",
            why="the store names another one than the record of its activation",
            remedy="Restore all three stores from one backup; then activate what should hold.",
            reason="policy.unrecorded",
        )


def _activation(seq: int, digest: str, at: int, detail: str) -> Activation:
    told = json.loads(detail)
    return Activation(
        int(seq),
        str(digest),
        int(at),
        str(told.get("name", "")),
        str(told.get("who", "")),
        tuple(told.get("approvals", ())),
        "finish" if told.get("running") == "finish" else "stop",
    )


def _documents(tx: Tx, digest: str) -> dict[str, str] | None:
    row = tx.one("SELECT documents FROM policy_version WHERE hash = ?", (digest,))
    return None if row is None else json.loads(row[0])


def _compiled(digest: str, documents: Mapping[str, str]) -> Policy:
    policy = compile_documents(documents)
    if policy.hash != digest:
        raise PolicyError(
            "the policy in this home is not the one that was activated",
            why="its documents and its hash differ",
            remedy="Activate the policy again from a trusted copy.",
            reason="policy.changed",
        )
    return policy


def _unknown() -> PolicyError:
    return PolicyError(
        "this version of the policy is not kept here",
        why="it was never activated in this home, or before versions were kept",
        remedy="Take a hash that `privet policy history` lists.",
        reason="policy.unknown",
    )
