"""The register of erasures: who asked, how far each is, what came of it. GDPR Art. 12(3), 17."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from privet.errors import InvalidInput
from privet.gate.catchup import ANSWER_WITHIN_US
from privet.gate.parts import Parts

CONCLUDED: Final = ("done", "held")


@dataclass(frozen=True, slots=True)
class Held:
    """What a law keeps after an erasure.

    Attributes:
        fields: the held fields.
        law: the law of the person's place, in words; of an unknown one the first to end.
        until: until when, RFC 3339.
        period: how long it keeps each event.
    """

    fields: tuple[str, ...]
    law: str
    until: str
    period: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Where an erasure stands.

    Attributes:
        receipt: its random number: what the certificate names.
        state: ``"pending"`` (a store was busy; maintenance goes on), ``"done"`` or ``"held"``.
        held: what is held, by whose law, until when.
        certificate: the signed certificate, empty until done or held.
    """

    receipt: str
    state: str
    held: tuple[Held, ...] = ()
    certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A row of the register.

    Attributes:
        receipt: its random number.
        sno: whom it is about; -1 once it is done.
        state: ``received``, ``fenced``, ``destroying``, ``held`` or ``done``.
        received: when, UTC microseconds.
        detail: what was decided, and what was found.
        certificate: the signed certificate, or empty.
    """

    receipt: str
    sno: int
    state: str
    received: int
    detail: Mapping[str, Any]
    certificate: bytes = field(repr=False)

    @property
    def concluded(self) -> bool:
        """Whether nothing is left to do, but for what a law holds."""
        return self.state in CONCLUDED

    @property
    def outcome(self) -> Erasure:
        """What came of one that is concluded."""
        held = [held_of(told) for told in self.detail.get("held", [])]
        return Erasure(self.receipt, self.state, tuple(held), self.certificate)


def held_of(told: Mapping[str, Any]) -> Held:
    """What is held, as the register tells it."""
    # Decided by an older version, it says no period.
    return Held(tuple(told["fields"]), told["law"], told["until"], told.get("period", ""))


def enter(parts: Parts, snos: Sequence[int], detail: Mapping[str, Any]) -> list[str]:
    """The receipts of these people's erasures: of those that are open, else of new ones."""
    receipts = {sno: _open(parts, sno) for sno in snos}
    new = {sno: os.urandom(16).hex() for sno, receipt in receipts.items() if receipt is None}
    if new:
        told, due = json.dumps(dict(detail)), parts.now + ANSWER_WITHIN_US
        with parts.home.data.write() as tx:
            tx.many(
                "INSERT INTO request (id, kind, sno, received, due, state, held_until, detail, "
                "certificate) VALUES (?, 'erasure', ?, ?, ?, 'received', NULL, ?, NULL)",
                [(receipt, sno, parts.now, due, told) for sno, receipt in new.items()],
            )
    return [receipts[sno] or new[sno] for sno in snos]


def _open(parts: Parts, sno: int) -> str | None:
    with parts.home.data.read() as tx:
        row = tx.one(
            "SELECT id FROM request WHERE sno = ? AND kind = 'erasure' AND state <> 'done' "
            "ORDER BY received",
            (sno,),
        )
    return str(row[0]) if row else None


def look_up(parts: Parts, receipts: Sequence[str]) -> list[Request]:
    """The rows of these receipts.

    Raises:
        InvalidInput: no request has one of them.
    """
    with parts.home.data.read() as tx:
        rows = [
            tx.one(
                "SELECT id, sno, state, received, detail, certificate FROM request WHERE id = ?",
                (receipt,),
            )
            for receipt in receipts
        ]
    found = [
        Request(str(r[0]), int(r[1]), str(r[2]), int(r[3]), json.loads(r[4]), bytes(r[5] or b""))
        for r in rows
        if r is not None
    ]
    if len(found) < len(receipts):
        raise InvalidInput("no request has this receipt", reason="request.unknown")
    return found


def pending(parts: Parts) -> list[str]:
    """Receipts of erasures that are not yet concluded, oldest first."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT id FROM request WHERE kind = 'erasure' AND state NOT IN ('done', 'held') "
            "ORDER BY received, id"
        )
    return [str(r[0]) for r in rows]


def ended_holds(parts: Parts) -> list[str]:
    """Receipts of erasures of which a law held something until now."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT id FROM request WHERE state = 'held' AND held_until <= ?", (parts.now,)
        )
    return [str(receipt) for (receipt,) in rows]


def note(parts: Parts, decided: Mapping[str, Mapping[str, Any]]) -> None:
    """Note what was decided, by receipt; what another process concluded stays concluded."""
    with parts.home.data.write() as tx:
        for receipt, detail in sorted(decided.items()):
            row = tx.one(
                f"SELECT state, detail FROM request WHERE id = ?{tx.for_update}", (receipt,)
            )
            if row is None or str(row[0]) in CONCLUDED:
                continue
            told = json.dumps({**json.loads(row[1]), **detail}, sort_keys=True)
            tx.run(
                "UPDATE request SET state = 'destroying', detail = ? WHERE id = ?", (told, receipt)
            )


def conclude(
    parts: Parts, signed: Mapping[str, bytes], requests: Mapping[str, Request]
) -> set[str]:
    """Write certificates, with what each request told last; the receipts that are new with it.

    A request that is done no longer says who it was about.
    """
    fresh = set()
    with parts.home.data.write() as tx:
        for receipt, certificate in sorted(signed.items()):
            request = requests[receipt]
            held = bool(request.detail["held"])
            rows = tx.run(
                "UPDATE request SET state = ?, certificate = ?, sno = ?, held_until = ?, "
                "detail = ? WHERE id = ? AND state <> 'done'",
                (
                    "held" if held else "done",
                    certificate,
                    request.sno if held else -1,
                    request.detail["held_until"],
                    json.dumps(request.detail, sort_keys=True),
                    receipt,
                ),
            )
            if rows:
                fresh.add(receipt)
    return fresh


def plain(held: Mapping[str, Held]) -> dict[str, dict[str, Any]]:
    """What is held of each domain, as the register tells it."""
    return {domain: asdict(one) for domain, one in held.items()}
