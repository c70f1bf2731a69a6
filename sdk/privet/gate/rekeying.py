"""Renewing one person's keys, in every domain: her data, her parts of models, her segments.

It may be interrupted anywhere: the keys store names whose renewal is under way, and which
generation of which key is to go. Reads find both keys meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from privet.db import Tx
from privet.errors import Erased, StoreUnavailable
from privet.gate import membership
from privet.gate.catchup import fenced_among
from privet.gate.parts import Caller, Parts
from privet.gate.record import WHY, housekeeping
from privet.gate.versions import contribution_label
from privet.policy.layout import COLUMN
from privet.types import Warrant
from privet.vault import alone, gen_of

Progress = Callable[[int, int], None]
_PASSES = 8


@dataclass(frozen=True, slots=True)
class _Value:
    """A value sealed under her key outside of the cells, and where it stands."""

    table: str
    key: Mapping[str, int]
    domain: str
    label: bytes
    ct: bytes


def renew(parts: Parts, caller: Caller, sno: int, progress: Progress) -> int:
    """Give a person a fresh key in each of her domains; in how many.

    What an app sealed in tables of its own stays under its own domain's key: privet cannot
    reach those rows. See docs/guide/keys.md.

    Raises:
        Erased: her erasure has begun (``subject.fenced``).
        AuditUnavailable: it could not be recorded; nothing was changed.
    """
    with parts.home.data.read() as tx:
        if fenced_among(tx, {sno}):
            raise Erased("no key was renewed", why=WHY["subject.fenced"], reason="subject.fenced")
    warrant = _recorded(parts, caller, sno)
    renewed = parts.vault.rekeying.renew(warrant, sno, _own(parts, sno))
    _finish(parts, warrant, sno, progress)
    return len(renewed)


def go_on(parts: Parts, caller: Caller, progress: Progress) -> int:
    """Finish every renewal that is under way; of how many people."""
    people = sorted({sno for sno, _ in parts.keys.renewals()})
    for sno in people:
        _finish(parts, _recorded(parts, caller, sno), sno, progress)
    return len(people)


def _recorded(parts: Parts, caller: Caller, sno: int) -> Warrant:
    return housekeeping(parts, caller, "rekeying", (sno,))


def _own(parts: Parts, sno: int) -> list[str]:
    """Her domains but for those of an app's own tables."""
    found = parts.vault.keyed_domains([sno]).get(sno, set())
    return sorted(domain for domain in found if not domain.endswith(COLUMN))


def _finish(parts: Parts, warrant: Warrant, sno: int, progress: Progress) -> None:
    rekeying = parts.vault.rekeying
    for _ in range(_PASSES):
        gens = rekeying.former(sno)
        for done, domain in enumerate(sorted(gens)):
            rekeying.cells(warrant, sno, domain)
            progress(done + 1, len(gens))
        _reseal_values(parts, warrant, sno, set(gens))
        if not (any(_left(parts, sno, gens, t) for t in _TABLES) or rekeying.left(sno, gens)):
            rekeying.drop(sno, gens)
            return
    raise StoreUnavailable(
        "a subject's data could not be sealed anew",
        why="others kept writing to it",
        remedy="Run maintenance again.",
        reason="store.busy",
    )


def _reseal_values(parts: Parts, warrant: Warrant, sno: int, domains: set[str]) -> None:
    with parts.home.data.read() as tx:
        values = [value for value in _values(tx, sno) if value.domain in domains]
    for value in values:
        sealed = parts.vault.rekeying.value(warrant, sno, value.domain, value.label, value.ct)
        if sealed is None:
            continue
        place = " AND ".join(f"{name} = ?" for name in value.key)
        with parts.home.data.write() as tx:  # if it is still the one that was opened
            tx.run(
                f"UPDATE {value.table} SET ct = ? WHERE {place} AND ct = ?",
                (sealed, *value.key.values(), value.ct),
            )


def _left(parts: Parts, sno: int, gens: Mapping[str, int], table: str) -> bool:
    """Whether a value of an earlier generation is left; no writer overlaps this look."""
    with parts.home.data.write() as tx:
        alone(tx, table)
        values = [value for value in _values(tx, sno) if value.table == table]
    return any(gen_of(value.ct) == gens.get(value.domain) for value in values)


def _values(tx: Tx, sno: int) -> list[_Value]:
    found = []
    rows = tx.all(
        "SELECT c.model, c.lineage, l.purpose, c.ct FROM contribution c "
        "JOIN model_live l ON l.model = c.model WHERE c.sno = ?",
        (sno,),
    )
    for model, lineage, purpose, ct in rows:
        key = {"sno": sno, "model": int(model), "lineage": int(lineage)}
        label = contribution_label(int(model), int(lineage))
        found.append(_Value("contribution", key, str(purpose), label, bytes(ct)))
    rows = tx.all(
        "SELECT m.model, l.purpose, m.ct FROM segment_member m "
        "JOIN model_live l ON l.model = m.model WHERE m.sno = ?",
        (sno,),
    )
    for model, purpose, ct in rows:
        key, label = {"sno": sno, "model": int(model)}, membership.label(int(model))
        found.append(_Value("segment_member", key, str(purpose), label, bytes(ct)))
    return found


_TABLES: Final = ("contribution", "segment_member")
