"""Who counts to which segment for what is released, and the figures that were released last.

A released figure or list must not tell that one person joined or left. So what is
released does not follow a model step by step: it rests on a placement of its own, sealed
person by person, which moves only where enough people move (``privet.segments.release``).
Whoever has no ground any more is in none of it at once, whatever the placement says.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from privet.db import Tx
from privet.gate.conditions import conditions
from privet.gate.parts import Caller, Parts
from privet.gate.read import narrow, not_before
from privet.gate.versions import Version, contribution_label
from privet.policy import Ask, Decision
from privet.types import Warrant
from privet.vault import twice


@dataclass(frozen=True, slots=True)
class Figures:
    """What may be shown of a model's segments.

    Attributes:
        lineage: the training whose version was put live with them; 0 before the first.
        detail: the figures as plain data.
    """

    lineage: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)


def label(model: int) -> bytes:
    """What a sealed placement is bound to besides its person."""
    return struct.pack(">12sQ", b"segment", model)


def figures(parts: Parts, model: int) -> Figures:
    """The figures of a model's segments as they were released last."""
    with parts.home.data.read() as tx:
        row = tx.one("SELECT lineage, detail FROM segment_figures WHERE model = ?", (model,))
    return Figures() if row is None else Figures(int(row[0]), json.loads(row[1]))


def contributors(parts: Parts, version: Version) -> BitMap:
    """Whose contributions are kept for a version."""
    with parts.home.data.read() as tx:
        return _people(tx, "contribution", version.model, version.lineage)


def placed(parts: Parts, model: int) -> BitMap:
    """Who has a placement in a model's segments."""
    with parts.home.data.read() as tx:
        return _people(tx, "segment_member", model)


def eligible(parts: Parts, decision: Decision, people: BitMap) -> BitMap:
    """Those of these people whose grounds hold now."""
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        return narrow(tx, parts, decision, people)


def allowed(
    parts: Parts, caller: Caller, ask: Ask, decision: Decision, people: BitMap
) -> tuple[Decision, BitMap]:
    """Those of these people whose grounds hold and for whom no condition refuses it.

    Args:
        parts: the open deployment.
        caller: who asks.
        ask: the request.
        decision: what was decided before anybody was known (``decide`` with ``at_all``).
        people: ordinals.

    Returns:
        what holds for all who are left, and who they are; a refusal and nobody where a
        condition leaves none.
    """
    found = eligible(parts, decision, people)
    since = not_before(parts, ask.purpose, parts.policy.sources(ask.purpose))
    depends = conditions(parts, caller, ask, since)
    if depends is None or not found:
        return decision, found
    depends = depends.aged(parts, found)
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        return depends.decided(tx, parts, found)


def why_not(parts: Parts, decision: Decision, sno: int) -> str | None:
    """Why somebody's grounds do not hold now; None where they do."""
    with parts.home.data.read() as tx:
        return parts.ledger.why_not(tx, decision.grounds, sno, parts.now)


def withheld(parts: Parts, grounds: Sequence[str]) -> dict[str, int]:
    """How many have the first ground and each of the others not; nothing is opened."""
    first, *others = grounds
    with parts.home.data.read() as tx:
        agreed = parts.ledger.eligible(tx, (first,), parts.now)
        return {g: len(agreed - parts.ledger.eligible(tx, (g,), parts.now)) for g in others}


def kept(
    parts: Parts,
    warrant: Warrant,
    decision: Decision,
    version: Version,
    people: BitMap,
) -> dict[int, bytes]:
    """What these people added to a version, opened for the purpose of the warrant."""
    bound = contribution_label(version.model, version.lineage)

    def work() -> dict[int, bytes]:
        rows = _sealed(parts, decision, "contribution", people, version.model, version.lineage)
        return parts.vault.open_many(warrant, version.purpose, bound, rows)

    return twice(work)


def placements(
    parts: Parts,
    warrant: Warrant,
    decision: Decision,
    version: Version,
    people: BitMap,
) -> dict[int, bytes]:
    """Where these people are placed, of those whose grounds hold now."""

    def work() -> dict[int, bytes]:
        rows = _sealed(parts, decision, "segment_member", people, version.model)
        return parts.vault.open_many(warrant, version.purpose, label(version.model), rows)

    return twice(work)


def ways_of(parts: Parts, warrant: Warrant, sno: int) -> dict[str, bytes]:
    """Where one person is placed, by ``purpose/name``; what she is told asks for no ground."""
    return twice(lambda: _ways_of(parts, warrant, sno))


def _ways_of(parts: Parts, warrant: Warrant, sno: int) -> dict[str, bytes]:
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT l.purpose, l.name, m.model, m.ct FROM segment_member m "
            "JOIN model_live l ON l.model = m.model WHERE m.sno = ?",
            (sno,),
        )
    found: dict[str, bytes] = {}
    for purpose, name, model, ct in sorted(rows):
        opened = parts.vault.open_many(warrant, str(purpose), label(int(model)), {sno: bytes(ct)})
        found |= {f"{purpose}/{name}": way for way in opened.values()}
    return found


def replace(
    parts: Parts,
    warrant: Warrant,
    decision: Decision,
    version: Version,
    where: Mapping[int, bytes],
    shown: Mapping[str, Any],
) -> None:
    """Put placements and figures in the place of the earlier ones, in one transaction.

    Args:
        parts: the open deployment.
        warrant: names everybody who is placed.
        decision: whose grounds must hold.
        version: the version that they are of.
        where: placement of each person as bytes; whoever is not in it has none.
        shown: the figures.
    """
    while not _replaced(parts, warrant, decision, version, where, shown):
        pass  # a key was renewed in between


def _replaced(
    parts: Parts,
    warrant: Warrant,
    decision: Decision,
    version: Version,
    where: Mapping[int, bytes],
    shown: Mapping[str, Any],
) -> bool:
    sealed = parts.vault.seal_many(warrant, version.purpose, label(version.model), where)
    with parts.home.data.write() as tx:
        parts.check_policy(tx, lock=True)
        for purpose in sorted(decision.grounds):  # a withdrawal comes before, or finds the rows
            parts.ledger.epoch(tx, purpose, lock=True)
        still = parts.ledger.eligible(tx, decision.grounds, parts.now, BitMap(sealed))
        if not parts.vault.sealed_now(version.purpose, {sno: sealed[sno] for sno in still}):
            return False
        tx.run("DELETE FROM segment_member WHERE model = ?", (version.model,))
        tx.many(
            "INSERT INTO segment_member (sno, model, ct) VALUES (?, ?, ?)",
            [(sno, version.model, sealed[sno]) for sno in still],
        )
        tx.run(
            "INSERT INTO segment_figures (model, lineage, detail) VALUES (?, ?, ?) "
            "ON CONFLICT (model) DO UPDATE SET lineage = excluded.lineage, "
            "detail = excluded.detail",
            (version.model, version.lineage, json.dumps(dict(shown), sort_keys=True)),
        )
    return True


def drop(tx: Tx, people: Iterable[int], purpose: str | None = None) -> None:
    """Delete where these people are placed, for one purpose or for all."""
    of_purpose = (
        ""
        if purpose is None
        else (" AND model IN (SELECT model FROM model_live WHERE purpose = ?)")
    )
    more = () if purpose is None else (purpose,)
    tx.many(
        "DELETE FROM segment_member WHERE sno = ?" + of_purpose,
        [(sno, *more) for sno in people],
    )


def _people(tx: Tx, table: str, model: int, lineage: int | None = None) -> BitMap:
    where, values = _of(model, lineage)
    return BitMap([int(r[0]) for r in tx.all(f"SELECT sno FROM {table} WHERE {where}", values)])


def _sealed(
    parts: Parts,
    decision: Decision,
    table: str,
    people: BitMap,
    model: int,
    lineage: int | None = None,
) -> dict[int, bytes]:
    where, values = _of(model, lineage)
    with parts.home.data.read() as tx:
        parts.check_policy(tx)
        still = narrow(tx, parts, decision, people)
        rows = tx.all(f"SELECT sno, ct FROM {table} WHERE {where}", values)
    return {int(sno): bytes(ct) for sno, ct in rows if int(sno) in still}


def _of(model: int, lineage: int | None) -> tuple[str, tuple[int, ...]]:
    if lineage is None:
        return "model = ?", (model,)
    return "model = ? AND lineage = ?", (model, lineage)
