"""A new timeline: nothing that was sealed, numbered or signed after the backup can be mistaken."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet import crypto
from privet.audit import Entry
from privet.audit import Log as OpenLog
from privet.audit import head as heads
from privet.audit.checkpoint import Checkpoint, Verifier, sign, unverified
from privet.audit.head import LOG
from privet.audit.origin import origin_of, timeline_of
from privet.audit.succession import NEW_ORIGIN, statement
from privet.crypto import Aead, Signer
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.backup.plan import Plan
    from privet.clock import Clock
    from privet.db import Home
    from privet.gate.parts import Parts

_LABEL = b"privet-accepted-loss-v1"
_KEY = "accepted-loss:"


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore that this deployment went through.

    Attributes:
        seq: index of its record in the log.
        at: when, UTC microseconds.
        timeline: the one that began.
        backup: number of the backup; empty for a home that stayed where it was.
        lost: records that were known elsewhere and that nobody has any more.
        words: why that was accepted; empty where nothing was lost, or the words are.
    """

    seq: int
    at: int
    timeline: int
    backup: str
    lost: int
    words: str


def renew(home: Home, plan: Plan, signer: Signer, clock: Clock) -> None:
    """Begin the plan's timeline in keys and log; what was begun already is not done twice.

    The log's own number of records goes on. Its newest checkpoint is signed anew under the new
    name, and the first record after it tells of the old one.

    Raises:
        AuditUnavailable: the record could not be written.
    """
    origin = origin_of(home.deployment, plan.timeline)
    with home.keys.write() as tx:
        tx.many(
            "UPDATE meta SET value = ? WHERE key = ?",
            [(b"%d" % plan.timeline, "timeline"), (b"%d" % plan.first, "next_sno")],
        )
    with home.audit.write() as tx:
        head = heads.lock(tx, origin, signer)
        root = unverified(head.note).root
        note = sign(Checkpoint(origin, head.size, root), signer)
        tx.run("UPDATE head SET note = ? WHERE log = ?", (note, LOG))
        told = tx.one("SELECT 1 FROM record WHERE log = ? AND seq = ?", (LOG, plan.size))
    if told is None:
        log = OpenLog(home.audit, signer, origin, clock)
        log.append([Entry(_record(plan, signer, log.vkey), purpose=ADMINISTRATION, redo=True)])


def _record(plan: Plan, signer: Signer, vkey: str) -> dict[str, Any]:
    old = Verifier.parse(plan.previous)
    signed = signer.sign(statement(plan.previous, vkey)) if old.public == signer.public else b""
    return {
        "kind": NEW_ORIGIN,
        "who": "privet",
        "roles": ["privet"],
        "purpose": ADMINISTRATION,
        "action": "administer",
        "previous": plan.previous,
        "vkey": vkey,
        "signature": b64encode(signed).decode(),
        "size": plan.size,
        "root": plan.root,
        "checkpoint": plan.checkpoint,
        "backup": plan.backup,
        "first": plan.first,
        "lost": plan.lost,
        "words": crypto.sha256(plan.words.encode()).hex() if plan.words else "",
    }


def keep_words(parts: Parts, plan: Plan) -> None:
    """Keep why a loss was accepted, sealed; the log has a commitment to it."""
    if plan.words:
        sealed = _key(parts).seal(plan.words.encode(), _bound(parts, plan.size))
        with parts.home.data.write() as tx:
            tx.run(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (f"{_KEY}{plan.size}", sealed),
            )


def restores(parts: Parts) -> list[Restore]:
    """Every restore that the log tells of, oldest first."""
    found = []
    for seq, body in parts.log.redo(-1):
        if body["kind"] == NEW_ORIGIN:
            named = timeline_of(Verifier.parse(str(body["vkey"])).name)
            found.append(
                Restore(
                    seq,
                    int(body["ts"]),
                    named[1] if named else 1,
                    str(body["backup"]),
                    int(body["lost"]),
                    _words(parts, seq, str(body["words"])),
                )
            )
    return found


def _words(parts: Parts, seq: int, commitment: str) -> str:
    with parts.home.data.read() as tx:
        row = tx.one("SELECT value FROM meta WHERE key = ?", (f"{_KEY}{seq}",))
    if row is None or not commitment:
        return ""
    told = _key(parts).open(bytes(row[0]), _bound(parts, seq))
    return str(json.loads(told)["words"]) if crypto.sha256(told).hex() == commitment else ""


def _key(parts: Parts) -> Aead:
    return Aead(crypto.derive(parts.keys.secret("details"), _LABEL))


def _bound(parts: Parts, seq: int) -> bytes:
    return _LABEL + parts.home.deployment + seq.to_bytes(8, "big")
